/**
 * The invalidations that a server has confirmed to this process lately. Who confirmed one may not have been the master any more; another server,
 * with a data set of its own, then still has what it was to end. Invariant: what is here is repeated on every other generation before that is
 * read, so that a split of the servers ends, for the cache, when this process finds the one that has won.
 */
import type { EntryKey } from './cache-store.js';

export interface RecentInvalidationsOptions {
  /** Default 600,000. Milliseconds that an invalidation is remembered: longer than servers are apart. */
  keepMs?: number;
  /** Default 50,000. Owners that are remembered; with more, all that the other server has must go. */
  maxOwners?: number;
  /** Default `performance.now`. Milliseconds of a monotonic clock. */
  now?: () => number;
}

export interface Invalidation {
  readonly owner: string;
  /** Undefined: all of them. */
  readonly collection: EntryKey['collection'] | undefined;
}

interface Confirmed extends Invalidation {
  readonly generation: string;
  readonly at: number;
}

export class RecentInvalidations {
  readonly #keepMs: number;
  readonly #maxOwners: number;
  readonly #now: () => number;
  /** The oldest first. */
  readonly #confirmed = new Map<string, Confirmed>();
  #droppedAt = -Infinity;

  constructor({ keepMs = 600_000, maxOwners = 50_000, now = () => performance.now() }: RecentInvalidationsOptions = {}) {
    this.#keepMs = keepMs;
    this.#maxOwners = maxOwners;
    this.#now = now;
  }

  /** A server of this generation has confirmed it. */
  confirmed({ owner, collection }: Invalidation, generation: string): void {
    const now = this.#now();
    const last = this.#confirmed.get(owner);
    this.#confirmed.delete(owner);
    // Two collections of one owner, or two generations: all of the owner is repeated, which is more than needed and never less.
    const same = last === undefined || (last.collection === collection && last.generation === generation);
    this.#confirmed.set(owner, { owner, collection: same ? collection : undefined, generation, at: now });
    for (const [oldest, { at }] of this.#confirmed) {
      const isOver = now - at > this.#keepMs;
      if (!isOver && this.#confirmed.size <= this.#maxOwners) break;
      if (!isOver) this.#droppedAt = now;
      this.#confirmed.delete(oldest);
    }
  }

  /** What to repeat on a server of this generation; `everything` when there is more than could be remembered. */
  unknownTo(generation: string): readonly Invalidation[] | 'everything' {
    const now = this.#now();
    if (now - this.#droppedAt <= this.#keepMs) return 'everything';
    return [...this.#confirmed.values()].filter((each) => each.generation !== generation && now - each.at <= this.#keepMs);
  }
}
