/**
 * One Redis server that takes writes, as the store sees it: a connection for commands, and a second one, the *ear*, on which the invalidations
 * of all processes are heard. Invariants: commands go only to a server that has said which generation it is, and only while it answers in time;
 * `isCoherent` is true only while the ear listens to that very server.
 */
import type { Redis } from 'ioredis';
import { asError } from '../runtime/as-error.js';
import { DeadlineExceeded, withDeadline } from '../runtime/deadline.js';
import { identify, type Script } from './redis-scripts.js';
import { ScriptCommand, type ScriptCall } from './script-call.js';
import { TimeLease } from './time-lease.js';

export interface RedisNodeOptions {
  /** Opens a connection that reconnects by itself and fails instead of queueing (runtime/redis.ts). Called twice. */
  connect: () => Redis;
  /** Milliseconds that one round trip may take. */
  commandTimeoutMs: number;
  /** δ: milliseconds after which copies are not believed without news. */
  coherenceMs: number;
  /** Where invalidations are announced. */
  channel: string;
  heard: (message: string) => void;
  /** Called with each new generation of the server, before anything is read from it; when it rejects it is called again. */
  prepare: (node: RedisNode) => Promise<void>;
  /** Something may have been announced that was not heard. */
  lost: () => void;
}

interface Sending {
  readonly calls: readonly ScriptCall[];
  readonly asking: boolean;
  readonly timeoutMs: number;
}

/** Round trips in a row without an answer in time, after which reads go past this server until a probe is answered in time again. */
const maxTimeouts = 3;
const reviveMs = 100;
/** Probes on the ear that another server has answered, after which the ear is connected anew. */
const maxStrangers = 5;

export class RedisNode {
  readonly #options: RedisNodeOptions;
  readonly #commands: Redis;
  readonly #ear: Redis;
  readonly #lease: TimeLease;
  readonly #probing: NodeJS.Timeout;
  #generation: string | undefined;
  /** The generation that may be read. */
  #prepared: string | undefined;
  #earGeneration: string | undefined;
  #timeouts = 0;
  #strangers = 0;
  #isPreparing = false;
  #isGathering = false;
  #atEndOfTurn: (() => void)[] = [];
  #listening = false;
  #stopped = false;
  readonly #reviving = new Set<NodeJS.Timeout>();
  readonly #asking = { commands: false, ear: false };

  constructor(options: RedisNodeOptions) {
    this.#options = options;
    this.#lease = new TimeLease(options.coherenceMs, () => performance.now());
    this.#commands = this.#connect();
    this.#commands.on('ready', () => void this.#probeCommands());
    this.#commands.on('close', () => this.#become(undefined));
    this.#ear = this.#connect();
    this.#ear.on('message', (_channel: string, message: string) => options.heard(message));
    this.#ear.on('ready', () => void this.#listen());
    this.#ear.on('close', () => this.#deafen());
    this.#probing = setInterval(() => {
      void this.#probeCommands();
      void this.#probeEar();
    }, options.coherenceMs / 3);
  }

  /** The data set that this server has: another one after each start and each promotion. Undefined while it is not known to take writes. */
  get generation(): string | undefined {
    return this.#generation;
  }

  /** Connected, known, prepared, and answering in time. */
  get isUsable(): boolean {
    return this.#isPrepared && this.#timeouts < maxTimeouts;
  }

  get isCoherent(): boolean {
    return this.#lease.held && this.#isPrepared && this.#earGeneration === this.#generation;
  }

  get #isPrepared(): boolean {
    return this.#generation !== undefined && this.#prepared === this.#generation;
  }

  /**
   * EVALSHA of all in one write; a server that does not know the script (restarted, or SCRIPT FLUSH) is taught it, and those calls repeated once.
   * Answers per call, an Error where it failed. Never rejects. `asking`: the server is to take keys of a slot that it is just getting.
   */
  async run(script: Script, calls: readonly ScriptCall[], { asking = false, timeoutMs = this.#options.commandTimeoutMs } = {}): Promise<unknown[]> {
    const replies = await this.#send('evalsha', script, { calls, asking, timeoutMs });
    const unknown = calls.filter((_, index) => isUnknownScript(replies[index]));
    if (unknown.length === 0) return replies;
    const repeated = await this.#send('eval', script, { calls: unknown, asking, timeoutMs });
    return replies.map((reply) => (isUnknownScript(reply) ? repeated.shift() : reply));
  }

  /** Does `work` when all else of this turn of the event loop is done, and before what it has sent leaves. */
  atEndOfTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#gatherWrites();
    return new Promise((resolve) => this.#atEndOfTurn.push(() => resolve(work())));
  }

  /** Runs any command. @throws Error when it is not answered in time. */
  async command<T>(send: (redis: Redis) => Promise<T>, timeoutMs = this.#options.commandTimeoutMs): Promise<T> {
    if (this.#generation === undefined) throw new Error('Redis is not connected');
    return withDeadline(send(this.#commands), timeoutMs);
  }

  /** Idempotent. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#probing);
    for (const timer of this.#reviving) clearTimeout(timer);
    this.#commands.disconnect();
    this.#ear.disconnect();
  }

  /** ioredis gives up for ever when it is disconnected while it still asks the sentinels, as happens when they fail over at that moment. */
  #connect(): Redis {
    const redis = this.#options.connect();
    redis.on('end', () => {
      if (this.#stopped) return;
      const timer = setTimeout(() => {
        this.#reviving.delete(timer);
        void redis.connect().catch(() => undefined);
      }, reviveMs);
      this.#reviving.add(timer);
    });
    return redis;
  }

  async #send(name: 'eval' | 'evalsha', script: Script, { calls, asking, timeoutMs }: Sending): Promise<unknown[]> {
    if (this.#generation === undefined) return calls.map(() => new Error('Redis is not connected'));
    this.#gatherWrites();
    const replies = calls.map((call) => {
      if (asking) void this.#commands.asking().catch(() => undefined);
      const command = new ScriptCommand(name, script, call);
      this.#commands.sendCommand(command);
      return command.promise.catch(asError);
    });
    try {
      const answers: unknown[] = await withDeadline(Promise.all(replies), timeoutMs);
      if (this.#timeouts < maxTimeouts) this.#timeouts = 0;
      return answers;
    } catch (error) {
      if (error instanceof DeadlineExceeded) this.#timeouts += 1;
      return calls.map(() => asError(error));
    }
  }

  /** What is sent in this turn of the event loop leaves in one write at its end: each write costs both sides more than a command does. */
  #gatherWrites(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    const { stream } = this.#commands;
    stream.cork();
    setImmediate(() => {
      const last = this.#atEndOfTurn;
      this.#atEndOfTurn = [];
      for (const work of last) work();
      this.#isGathering = false;
      stream.uncork();
    });
  }

  /** Asks who the server is, so that a change of its role or data set does not stay unnoticed; and whether it answers in time. */
  async #probeCommands(): Promise<void> {
    if (this.#stopped || this.#commands.status !== 'ready' || this.#asking.commands) return;
    this.#asking.commands = true;
    const answer = ask(this.#commands).finally(() => (this.#asking.commands = false));
    try {
      this.#become(await withDeadline(answer, this.#options.commandTimeoutMs));
      this.#timeouts = 0;
      if (!this.#isPrepared) await this.#prepare();
      // What does not take writes is no master any more: with sentinels, the next connection finds the new one.
      if (this.#generation === undefined && this.#commands.options.sentinels && !this.#stopped) this.#commands.disconnect(true);
    } catch (error) {
      if (error instanceof DeadlineExceeded) this.#timeouts += 1;
    }
  }

  /** Never rejects: what fails is tried again with the next probe. */
  async #prepare(): Promise<void> {
    const generation = this.#generation;
    if (generation === undefined || this.#isPreparing) return;
    this.#isPreparing = true;
    try {
      await this.#options.prepare(this);
      this.#prepared = generation;
    } catch {
      // Not usable until it succeeds.
    } finally {
      this.#isPreparing = false;
    }
  }

  #become(generation: string | undefined): void {
    if (generation === this.#generation) return;
    this.#generation = generation;
    this.#options.lost();
  }

  async #listen(): Promise<void> {
    try {
      await this.#ear.subscribe(this.#options.channel);
      this.#listening = true;
      await this.#probeEar();
    } catch {
      // The connection is gone again, and returns; or it may not subscribe: then it never probes, and copies are never believed.
    }
  }

  async #probeEar(): Promise<void> {
    if (this.#stopped || !this.#listening || this.#asking.ear) return;
    this.#asking.ear = true;
    const askedAt = this.#lease.asked();
    try {
      this.#earGeneration = await ask(this.#ear);
      this.#lease.answered(askedAt);
      this.#strangers = this.#earGeneration === this.#generation ? 0 : this.#strangers + 1;
      if (this.#strangers >= maxStrangers && !this.#stopped) this.#ear.disconnect(true);
    } catch {
      // The lease ends by itself.
    } finally {
      this.#asking.ear = false;
    }
  }

  #deafen(): void {
    this.#listening = false;
    this.#strangers = 0;
    this.#lease.end();
    this.#options.lost();
  }
}

/** The generation of the server behind a connection; undefined when it does not take writes. */
async function ask(redis: Redis): Promise<string | undefined> {
  const answer: unknown = await redis.evalsha(identify.sha, 0).catch((error: unknown) => {
    if (isUnknownScript(error)) return redis.eval(identify.source, 0);
    throw error;
  });
  const [role, generation]: unknown[] = Array.isArray(answer) ? answer : [];
  return role === 'master' && typeof generation === 'string' ? generation : undefined;
}

function isUnknownScript(reply: unknown): boolean {
  return reply instanceof Error && reply.message.startsWith('NOSCRIPT');
}
