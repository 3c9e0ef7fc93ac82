/**
 * What imports add to the counters, and the statistics in the log.
 * Invariant: an import never waits for a counter and never fails because of one; an outage of them is told once.
 */
import type { Logger } from '../../runtime/logger.js';
import { InFlight } from '../in-flight.js';
import type { Amounts, Counters } from '../rows/counters.js';
import { hitRate } from './hit-rate.js';

const operationsPerReport = 10;

export class ImportCounts {
  readonly #counters: Counters;
  readonly #log: Logger;
  readonly #writing = new InFlight();
  #operations = 0;
  #reported = false;

  constructor(counters: Counters, log: Logger) {
    this.#counters = counters;
    this.#log = log;
  }

  /** Returns at once. */
  add(amounts: Amounts): void {
    void this.#writing.track(this.#add(amounts));
  }

  /** True once all is counted; false after `ms`. */
  idle(ms: number): Promise<boolean> {
    return this.#writing.idle(ms);
  }

  async #add(amounts: Amounts): Promise<void> {
    this.#operations += amounts.total_requests ?? 0;
    const isDue = amounts.total_requests !== undefined && this.#operations % operationsPerReport === 0;
    try {
      await this.#counters.add(amounts);
      if (isDue) await this.#report();
      this.#reported = false;
    } catch (error) {
      if (!this.#reported) this.#log.warn({ err: error }, 'imports cannot be counted, they go on');
      this.#reported = true;
    }
  }

  async #report(): Promise<void> {
    const { total_requests, cache_hits, api_calls, failed_calls, expired_media, negative_hits } = await this.#counters.read();
    const counts = { total_requests, cache_hits, api_calls, failed_calls, expired_media, negative_hits };
    this.#log.info({ statistics: { ...counts, cache_hit_rate: hitRate(counts) } }, 'Media cache statistics');
  }
}
