/** Counts what is being worked on, so that a stop can wait for it. */
import { endsWithin } from '../runtime/deadline.js';

export class InFlight {
  readonly #running = new Set<Promise<unknown>>();

  get size(): number {
    return this.#running.size;
  }

  /** What `work` comes to. */
  track<T>(work: Promise<T>): Promise<T> {
    const ended = work.finally(() => this.#running.delete(ended));
    this.#running.add(ended);
    return ended;
  }

  /** True once nothing runs, also of what is tracked meanwhile; false after `ms`. */
  idle(ms: number): Promise<boolean> {
    return endsWithin(ms, this.#drained());
  }

  async #drained(): Promise<void> {
    // oxlint-disable-next-line no-await-in-loop
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }
}
