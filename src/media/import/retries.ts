/**
 * When a failed try of an import is made again: three tries, waits that double, a source's own wish before ours.
 * Invariant: bounded by the number of tries and by the longest wait; what will not pass is not tried again.
 */
import { backoffMs } from '../../runtime/backoff.js';
import { policies, type FailureKind, type ImportFailure } from './import-failure.js';

export const maxTries = 3;

/** A source that wants to be left alone for longer is not waited for. */
const longestPauseMs = 60_000;

export class Retries {
  readonly #firstMs: number;
  readonly #met = new Set<FailureKind>();
  /** The number of the try that goes on, from 1. */
  attempt = 1;

  /** `firstMs`: before the second try, doubled before the third, jittered. */
  constructor(firstMs: number) {
    this.#firstMs = firstMs;
  }

  /** Milliseconds until the next try, which then counts as begun; undefined: there is none. `waits` false: none that would have to be waited for. */
  after({ kind, retryAfterMs }: ImportFailure, { waits = true } = {}): number | undefined {
    const metBefore = this.#met.has(kind);
    this.#met.add(kind);
    const { again } = policies[kind];
    if (again === 'never' || (again === 'backoff' && !waits) || (again === 'once' && metBefore) || this.attempt === maxTries) return undefined;
    const waitMs = again === 'once' ? 0 : (retryAfterMs ?? backoffMs(this.attempt, { firstMs: this.#firstMs, maxMs: Infinity }));
    if (retryAfterMs !== undefined && retryAfterMs > longestPauseMs) return undefined;
    this.attempt += 1;
    return waitMs;
  }
}
