/**
 * Looks for work again and again: at once while there is some, else after a pause that a hint ends.
 * Invariant: one look at a time; a hint that arrives during a look leads to another one. The hint is a hint: what it misses, the next look finds.
 */
import { backoffMs, pause, type BackoffOptions } from './backoff.js';

export interface PollerOptions {
  /** Does what is due; false: nothing was. `stopping` is aborted as soon as the poller is stopped. */
  look: (stopping: AbortSignal) => Promise<boolean>;
  /** Milliseconds between looks that find nothing. */
  pollMs: number;
  /** The pause after a look that failed. */
  retry: BackoffOptions;
  /** Hears of each look that failed, and of how many have in a row. */
  failed: (error: unknown, failures: number) => void;
}

export class Poller {
  readonly #options: PollerOptions;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  /** Aborted to end the pause after the look that goes on now. */
  #pause = new AbortController();

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
    this.#pause.abort();
  }

  /** Ends after the look that goes on. Idempotent, never rejects. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#pause.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { look, pollMs, retry, failed } = this.#options;
    let failures = 0;
    // Whoever owns this has to know it before it is called.
    await Promise.resolve();
    while (!this.signal.aborted) {
      // Before the look: a hint that arrives during it may tell of something that it does not see.
      this.#pause = new AbortController();
      let pauseMs = 0;
      try {
        // One look after the other is what this is.
        // oxlint-disable-next-line no-await-in-loop
        if (!(await look(this.signal))) pauseMs = pollMs;
        failures = 0;
      } catch (error) {
        if (this.signal.aborted) return;
        failures += 1;
        failed(error, failures);
        pauseMs = backoffMs(failures, retry);
      }
      // A stop during the look has aborted this pause.
      // oxlint-disable-next-line no-await-in-loop
      if (pauseMs > 0) await pause(pauseMs, this.#pause.signal);
    }
  }
}
