/**
 * A worker's link to the other workers, by way of the primary.
 * Invariant: a question ends by its deadline, and is complete only if each of the others has answered it or is gone.
 */
import type { Worker } from 'node:cluster';
import { toWorker, type ToPrimary } from './messages.js';

export interface Answers {
  readonly bodies: readonly unknown[];
  /** False: somebody may not have heard the question. */
  readonly isComplete: boolean;
}

/** What is asked of a worker. Who throws does not answer. */
export type Answerer = (body: unknown) => unknown;

interface Asked {
  readonly bodies: unknown[];
  readonly end: (isComplete: boolean) => void;
}

export class WorkerLink {
  readonly #worker: Worker;
  readonly #answerers = new Map<string, Answerer>();
  readonly #asked = new Map<number, Asked>();
  #questions = 0;

  /** `orphaned` is called when the primary is gone: no question is answered any more, and the program must end itself. */
  constructor(worker: Worker, orphaned: () => void) {
    this.#worker = worker;
    worker.on('message', (message: unknown) => void this.#heard(message));
    worker.once('disconnect', () => {
      // Else Node ends the process here and now, with the requests that are in flight.
      worker.exitedAfterDisconnect = true;
      for (const { end } of this.#asked.values()) end(false);
      orphaned();
    });
  }

  /** Has questions of this topic answered by `answerer`. Before `join`. */
  answer(topic: string, answerer: Answerer): void {
    this.#answerers.set(topic, answerer);
  }

  /** From now on this worker is asked. */
  join(): void {
    this.#send({ type: 'joined' });
  }

  /** Requests are answered at `url`. */
  ready(url: string): void {
    this.#send({ type: 'ready', url });
  }

  /** Asks all others who have joined. Ends after `withinMs` at the latest, with the answers that have come. Never rejects. */
  async ask(topic: string, body: unknown, withinMs: number): Promise<Answers> {
    if (!this.#worker.isConnected()) return { bodies: [], isComplete: false };
    const id = (this.#questions += 1);
    const bodies: unknown[] = [];
    const isComplete = await new Promise<boolean>((end) => {
      // What has arrived by then is read first: in a busy process timers run before the channel.
      const timer = setTimeout(() => setImmediate(() => end(false)), withinMs);
      this.#asked.set(id, {
        bodies,
        end: (complete) => {
          clearTimeout(timer);
          end(complete);
        },
      });
      this.#send({ type: 'ask', id, topic, body });
    });
    this.#asked.delete(id);
    return { bodies, isComplete };
  }

  async #heard(message: unknown): Promise<void> {
    const { success, data } = toWorker.safeParse(message);
    if (!success) return;
    if (data.type === 'question') await this.#answer(data);
    else if (data.type === 'answer') this.#asked.get(data.id)?.bodies.push(data.body);
    else this.#asked.get(data.id)?.end(true);
  }

  async #answer({ id, topic, body }: { id: number; topic: string; body?: unknown }): Promise<void> {
    try {
      this.#send({ type: 'answer', id, body: await this.#answerers.get(topic)?.(body) });
    } catch {
      // Who asks finds that an answer is missing.
    }
  }

  #send(message: ToPrimary): void {
    // With a callback a failure is no event of the process: the primary is gone then, which `disconnect` says.
    this.#worker.send(message, () => undefined);
  }
}
