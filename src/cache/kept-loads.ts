/**
 * Of what was loaded and is sent to the store, that which this process keeps as well, once it is stored.
 * Invariant: only what the store has accepted, with a stamp that was taken before it was sent.
 */
import type { Fill } from './cache-store.js';
import type { LocalTier } from './local-tier.js';
import type { Stamp } from './stamps.js';

export type LoadKeeper<V> = Pick<LocalTier<V>, 'beginFill' | 'admit'>;

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

  /** As the store has answered: the generation of each fill that it has accepted. */
  end(accepted: readonly (string | undefined)[]): void {
    for (const { nth, fill, value, stamp } of this.#sent) {
      const generation = accepted[nth];
      if (generation === undefined) continue;
      const { payload, ageMs = 0, ttlMs, freshMs } = fill;
      const hit = { payload, version: '', ageMs, ttlMs, freshMs, generation, lastEventId: undefined };
      this.#local?.admit(fill, stamp, { value, hit, askedAt: this.#sentAt });
    }
  }
}
