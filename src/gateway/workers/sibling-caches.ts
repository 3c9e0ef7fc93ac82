/**
 * Tells the caches of the other workers of a write, before its client has the answer (WORKERS).
 * Invariant: `tell` resolves when each of them has heard it, or is gone, or no longer believes the copies that it concerns.
 */
import { z } from 'zod';
import type { SiblingListener, Siblings, Write } from '../../cache/siblings.js';
import { pause } from '../../runtime/backoff.js';
import type { WorkerLink } from '../../runtime/workers/worker-link.js';

export interface SiblingCachesOptions {
  link: Pick<WorkerLink, 'ask' | 'answer'>;
  /** δ: how long a worker believes copies that it has no news of. */
  coherenceMs: number;
  /** Whether the workers keep copies. */
  hasCopies: boolean;
}

const writeMessage = z.object({ owner: z.string(), collection: z.string().optional(), isConfirmed: z.boolean() });
const heldMessage = z.union([z.array(z.string()), z.literal('everything')]);

/** A worker that takes longer does not run. */
const answerMs = 5_000;

export class SiblingCaches implements Siblings {
  readonly #options: SiblingCachesOptions;
  #listener: SiblingListener | undefined;

  constructor(options: SiblingCachesOptions) {
    this.#options = options;
  }

  listen(listener: SiblingListener): void {
    this.#listener = listener;
    this.#options.link.answer('wrote', (body) => {
      const { owner, collection, isConfirmed } = writeMessage.parse(body);
      listener.wrote({ owner, collection, isConfirmed });
    });
    this.#options.link.answer('held', () => listener.held());
  }

  /** Before the first read, once this worker is asked itself: holds what the others hold. Rejects when one of them does not answer. */
  async catchUp(): Promise<void> {
    const { bodies, isComplete } = await this.#options.link.ask('held', undefined, answerMs);
    if (!isComplete) throw new Error('another worker does not answer');
    for (const body of bodies) this.#listener?.hold(heldMessage.parse(body));
  }

  tell(write: Write): Promise<void> {
    return write.isConfirmed ? this.#tellConfirmed(write) : this.#tellUnconfirmed(write);
  }

  async #tellConfirmed(write: Write): Promise<void> {
    const { link, coherenceMs, hasCopies } = this.#options;
    if (!hasCopies) return;
    const confirmedAt = performance.now();
    const { isComplete } = await link.ask('wrote', write, coherenceMs);
    // Who has not heard by then has not heard from the store either, and believes no copy from before.
    const leftMs = confirmedAt + coherenceMs - performance.now();
    // Timers count in whole milliseconds, and may be one too early.
    if (!isComplete && leftMs > 0) await pause(Math.ceil(leftMs) + 1);
  }

  /** No time will do: the store may go on serving the others what is old, and them alone. */
  async #tellUnconfirmed(write: Write): Promise<void> {
    const { isComplete } = await this.#options.link.ask('wrote', write, answerMs);
    if (!isComplete) throw new Error('the cache did not confirm a write, and another worker may not know of it');
  }
}
