/**
 * The reads of one answer from copies in this process, all at one moment.
 * Invariant: they count as reads once, and only when the answer is made of them.
 */
import type { CacheObserver } from './cache-events.js';
import type { EntryKey } from './cache-store.js';
import type { Copy, LocalTier } from './local-tier.js';
import type { Receipt } from './receipts.js';

export interface LocalReadsOptions<V> {
  local: LocalTier<V>;
  isDistrusted: (owner: string) => boolean;
  observe: CacheObserver;
  isNegative: (value: V) => boolean;
  /** Milliseconds of the clock of the copies. */
  now: number;
}

/** A copy that was found under its key. */
export interface KeyedCopy<V> {
  readonly key: EntryKey;
  readonly copy: Copy<V>;
}

export class LocalReads<V> {
  readonly #options: LocalReadsOptions<V>;
  readonly #found: KeyedCopy<V>[] = [];

  constructor(options: LocalReadsOptions<V>) {
    this.#options = options;
  }

  /** Its value is what `readMany` would answer; undefined when that would have to ask elsewhere. */
  find(key: EntryKey): Copy<V> | undefined {
    const { local, isDistrusted, now } = this.#options;
    const copy = isDistrusted(key.owner) ? undefined : local.get(key.owner, key.collection, now);
    if (copy) this.#found.push({ key, copy });
    return copy;
  }

  /** Whether these copies of their keys may still be believed, for a tenth of the price of `find`. Only with `isUse` it counts as a use, which keeps them from being dropped. */
  again(found: readonly KeyedCopy<V>[], isUse: boolean): boolean {
    const { local, isDistrusted, now } = this.#options;
    for (const { key, copy } of found) {
      if (!local.holds(copy, key.owner, now) || isDistrusted(key.owner)) return false;
      if (isUse) local.known(key.owner, key.collection);
    }
    this.#found.push(...found);
    return true;
  }

  /** Of all that was found. */
  receipt(): Receipt {
    const stamps = this.#found.map(({ copy }) => copy.stamp);
    const freshUntil = Math.min(...this.#found.map(({ copy }) => copy.freshUntil));
    return { keys: this.#keys(), negatives: this.#negatives(), freshUntil, proof: { stamps } };
  }

  /** All that was found was needed. */
  count(): void {
    this.#options.observe({ type: 'answered-many', keys: this.#keys(), source: 'local', negatives: this.#negatives() });
  }

  #keys(): EntryKey[] {
    return this.#found.map(({ key }) => key);
  }

  #negatives(): number {
    const { isNegative } = this.#options;
    let count = 0;
    for (const { copy } of this.#found) if (isNegative(copy.value)) count += 1;
    return count;
  }
}
