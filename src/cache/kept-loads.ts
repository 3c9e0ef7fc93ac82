/**
 * Of what was loaded and is sent to the store, that which this process keeps as well, once it is stored.
 * Invariant: only what the store has accepted, with a stamp that was taken before it was sent.
 */
import type { Fill, Filled } from './cache-store.js';
import type { LocalTier } from './local-tier.js';
import type { Stamp } from './stamps.js';

export type LoadKeeper<V> = Pick<LocalTier<V>, 'beginFill' | 'admitFilled'>;

interface Sent<V> {
  /** Its place among the fills. */
  readonly nth: number;
  readonly fill: Fill;
  readonly value: V;
  readonly stamp: Stamp;
}

export class KeptLoads<V> {
  readonly #local: LoadKeeper<V> | undefined;
  readonly #sentAt: number;
  readonly #sent: Sent<V>[] = [];

  /** `sentAt`: milliseconds of the cache's clock. */
  constructor(local: LoadKeeper<V> | undefined, sentAt: number) {
    [this.#local, this.#sentAt] = [local, sentAt];
  }

  /** Before the fill is sent. */
  begin(nth: number, fill: Fill, value: V | Error): void {
    if (value instanceof Error) return;
    const stamp = this.#local?.beginFill(fill);
    if (stamp) this.#sent.push({ nth, fill, value, stamp });
  }

  /** As the store has answered. */
  end(accepted: readonly (Filled | undefined)[]): void {
    for (const { nth, fill, value, stamp } of this.#sent) {
      const filled = accepted[nth];
      if (!filled) continue;
      const { payload, ageMs = 0, ttlMs, freshMs } = fill;
      this.#local?.admitFilled(fill, stamp, { value, stored: { payload, ageMs, ttlMs, freshMs, ...filled }, askedAt: this.#sentAt });
    }
  }
}
