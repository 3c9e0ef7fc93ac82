/**
 * The first process of a program that has several: it starts the others, replaces those that end, and ends them. It answers no requests itself;
 * connections reach the workers in turn. Invariant: no worker outlives it for longer than a stop takes, and none is started after a stop has begun.
 */
import cluster, { type Worker } from 'node:cluster';
import { backoffMs, pause } from '../backoff.js';
import { endsWithin } from '../deadline.js';
import type { Logger } from '../logger.js';
import { ExplainedFailure, type Running } from '../program.js';
import { toPrimary, type ToPrimary } from './messages.js';
import { Relay, type Member } from './relay.js';

export interface WorkersOptions {
  count: number;
  /** That all of them listen on; 0 takes a free one, the same for all. */
  port: number;
  /** Called once, when all are ready. */
  ready: (url: string) => void;
  log: Logger;
}

/** How a worker has ended; both are null of one that could not be started. */
interface End {
  readonly code: number | null;
  readonly signal: string | null;
}

interface Child extends Member {
  readonly worker: Worker;
  /** Resolves when it answers requests. */
  readonly ready: Promise<undefined>;
  readonly ended: Promise<End>;
}

/** A worker that has lived so long is no failed start. */
const steadyMs = 10_000;
/** Less than a program may take, so that this one ends after the last of them. */
const stopMs = 9_300;

export class Workers implements Running {
  readonly #options: WorkersOptions;
  readonly #relay = new Relay();
  readonly #children = new Set<Child>();
  readonly #ready = new Set<Child>();
  readonly #stopping = new AbortController();
  #places: readonly Promise<void>[] = [];
  /** What workers are to listen on. With 0 they all get the same port, as long as one of them has it. */
  #port: number;
  #url: string | undefined;
  #isAnnounced = false;
  #stopped: Promise<void> | undefined;

  private constructor(options: WorkersOptions) {
    this.#options = options;
    this.#port = options.port;
  }

  /**
   * Resolves when the first worker is ready; the others follow then, so that what is wrong with the settings is said once.
   * @throws ExplainedFailure when it has exited instead.
   */
  static async start(options: WorkersOptions): Promise<Workers> {
    const workers = new Workers(options);
    const first = workers.#fork();
    const end = await Promise.race([first.ready, first.ended]);
    if (end?.signal) throw new Error(`the first worker was ended by ${end.signal}`);
    if (end) throw new ExplainedFailure(`the first worker has exited with ${end.code}`);
    workers.#places = Array.from({ length: options.count }, (_, place) => workers.#keep(place === 0 ? first : undefined));
    return workers;
  }

  /** All end, with the requests in flight answered. Idempotent, never rejects. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stopAll());
  }

  async #stopAll(): Promise<void> {
    this.#stopping.abort();
    for (const { worker } of this.#children) worker.process.kill('SIGTERM');
    const allEnded = Promise.all(this.#places);
    if (await endsWithin(stopMs, allEnded)) return;
    this.#options.log.warn({ workers: this.#children.size, deadlineMs: stopMs }, 'stopping takes too long, the workers are killed');
    for (const child of this.#children) child.kill();
    await allEnded;
  }

  /** One after the other, until a stop. Never rejects. */
  async #keep(first: Child | undefined): Promise<void> {
    const { signal } = this.#stopping;
    let next = first;
    for (let failures = 0; !signal.aborted; ) {
      const startedAt = performance.now();
      // One after the other is what this is.
      // oxlint-disable no-await-in-loop
      const end = await this.#lifeOf(next);
      next = undefined;
      if (signal.aborted) return;
      failures = performance.now() - startedAt < steadyMs ? failures + 1 : 1;
      this.#options.log.warn({ ...end, failures }, 'a worker has ended, another takes its place');
      await pause(backoffMs(failures), signal);
      // oxlint-enable no-await-in-loop
    }
  }

  async #lifeOf(child: Child | undefined): Promise<End> {
    try {
      return await (child ?? this.#fork()).ended;
    } catch (error) {
      this.#options.log.error({ err: error }, 'a worker cannot be started');
      return { code: null, signal: null };
    }
  }

  #fork(): Child {
    const { log, port } = this.#options;
    if (port === 0 && this.#children.size === 0 && this.#url) this.#port = Number(new URL(this.#url).port);
    const worker = cluster.fork({ PORT: String(this.#port) });
    const child: Child = {
      worker,
      ready: new Promise((resolve) => {
        worker.on('message', (message: unknown) => {
          const { data, error } = toPrimary.safeParse(message);
          if (data) this.#heard(child, data);
          else log.error({ err: error, worker: worker.id }, 'a worker says what nobody understands');
          if (data?.type === 'ready') resolve(undefined);
        });
      }),
      ended: endOf(worker),
      // Without a callback a failure is an error of this process; that the worker is gone is heard anyway.
      send: (message) => void worker.send(message, () => undefined),
      kill: () => void worker.process.kill('SIGKILL'),
    };
    this.#children.add(child);
    worker.on('error', (error) => log.warn({ err: error, worker: worker.id }, 'a worker cannot be reached'));
    void child.ended.then(() => this.#gone(child));
    return child;
  }

  #heard(child: Child, message: ToPrimary): void {
    // What it has said may be read after its end: it would be waited for, for ever.
    if (!this.#children.has(child)) return;
    switch (message.type) {
      case 'joined':
        this.#relay.join(child);
        break;
      case 'ask':
        this.#relay.ask(child, message);
        break;
      case 'answer':
        this.#relay.answer(child, message);
        break;
      case 'ready':
        this.#ready.add(child);
        this.#url ??= message.url;
        this.#options.log.info({ worker: child.worker.id, workerPid: child.worker.process.pid }, 'worker is ready');
        this.#announce(this.#url);
        break;
    }
  }

  #announce(url: string): void {
    if (this.#isAnnounced || this.#ready.size < this.#options.count) return;
    this.#isAnnounced = true;
    this.#options.ready(url);
  }

  #gone(child: Child): void {
    this.#children.delete(child);
    this.#ready.delete(child);
    this.#relay.leave(child);
  }
}

/** Never rejects. */
function endOf(worker: Worker): Promise<End> {
  return new Promise((resolve) => {
    worker.once('exit', (code: number | null, signal: string | null) => resolve({ code, signal }));
    worker.once('error', () => {
      // A process that could not be made does not exit.
      if (worker.process.pid === undefined) resolve({ code: null, signal: null });
    });
  });
}
