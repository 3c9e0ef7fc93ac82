/**
 * Looks for work again and again: soon while there is some, else after a pause that a hint ends.
 * Invariant: one look at a time; a hint that arrives during a look leads to another one. The hint is a hint: what it misses, the next look finds.
 */
import { backoffMs, pause, type BackoffOptions } from './backoff.js';

export interface PollerOptions {
  /** Does what is due; false: nothing was. `stopping` is aborted as soon as the poller is stopped. */
  look: (stopping: AbortSignal) => Promise<boolean>;
  /** Milliseconds between looks that find nothing. */
  pollMs: number;
  /** Default 0. Milliseconds after a look that found something, whatever is hinted: what comes in the meantime is one look's work. */
  restMs?: number;
  /** The pause after a look that failed. A hint ends it. */
  retry: BackoffOptions;
  /** Hears of each look that failed, and of how many have in a row. */
  failed: (error: unknown, failures: number) => void;
}

export class Poller {
  readonly #options: PollerOptions;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  /** Whether a hint came since the last look began. */
  #isHinted = false;
  /** Ends the pause that goes on, if one does. */
  #rouse: () => void = () => undefined;

  /** Begins at once. */
  constructor(options: PollerOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** Aborted as soon as it is stopped. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  /** There may be something to do. */
  wake(): void {
    this.#isHinted = true;
    this.#rouse();
  }

  /** Ends after the look that goes on. Idempotent, never rejects. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { look, pollMs, restMs = 0, retry, failed } = this.#options;
    let failures = 0;
    // Whoever owns this has to know it before it is called.
    await Promise.resolve();
    while (!this.signal.aborted) {
      // Before the look: a hint that arrives during it may tell of something that it does not see.
      this.#isHinted = false;
      // One look after the other is what this is.
      // oxlint-disable no-await-in-loop
      try {
        const isFound = await look(this.signal);
        failures = 0;
        if (!isFound) await this.#pause(pollMs);
        else if (restMs > 0) await pause(restMs, this.signal);
      } catch (error) {
        if (this.signal.aborted) return;
        failures += 1;
        failed(error, failures);
        await this.#pause(backoffMs(failures, retry));
      }
      // oxlint-enable no-await-in-loop
    }
  }

  /** Until a hint, or a stop. Not by `pause`: to abort one costs more than a look. */
  async #pause(ms: number): Promise<void> {
    if (this.#isHinted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#rouse = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
