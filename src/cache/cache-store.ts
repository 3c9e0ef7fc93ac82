/**
 * Where entries live: the contract that the read-through core is written against.
 * Implementations: Redis (redis-store.ts) and in the process (memory-store.ts); one conformance suite runs on both.
 * Invariant of all: a fill is accepted only while the lease it was loaded under is still there, and whatever ends an entry
 * (invalidation, expiry, eviction, a flush) ends its lease with it. So nothing that was loaded before an invalidation is stored after it.
 */

/** An entry is what is cached for an owner and one of its collections. Both are opaque here and compared exactly. */
export interface EntryKey {
  readonly owner: string;
  /** Empty: the entry of all collections together. */
  readonly collection: string;
}

/** Collections of one owner that are kept; one more drops the owner, so that no client can grow one without bound. */
export const maxCollectionsPerOwner = 64;

export interface LeaseRequest extends EntryKey {
  /** Unique per attempt, never reused, not even by the same process: a token that returns would let an old fill pass. */
  readonly token: string;
}

export type Lookup =
  /** A live entry. */
  | { readonly kind: 'hit'; readonly payload: string }
  /** There was none, and the caller's token now holds the lease: load, then `fill` or `release`. */
  | { readonly kind: 'leased' }
  /** Another holds the lease, at most `leaseMs` longer: ask again. */
  | { readonly kind: 'wait'; readonly leaseMs: number }
  /** The store is out of reach, or can take nothing: load without filling. */
  | { readonly kind: 'bypass' };

export interface Fill extends LeaseRequest {
  readonly payload: string;
  readonly ttlMs: number;
}

/** `unavailable`: out of reach at the moment; the store comes back by itself. */
export type StoreState = 'ready' | 'unavailable';

export interface CacheStore {
  readonly state: StoreState;
  /**
   * One round trip for all; answers in request order. An entry that was filled more than `maxAgeMs` ago counts as expired.
   * Never rejects, and answers within the store's deadline.
   */
  readOrLease(requests: readonly LeaseRequest[], maxAgeMs: number): Promise<Lookup[]>;
  /** One round trip for all; per fill, in order, whether it was accepted and ended the lease. Never rejects: what is not confirmed was not accepted. */
  fill(fills: readonly Fill[]): Promise<boolean[]>;
  /** Gives leases back that will not be filled, so that the next reader gets them at once. Idempotent, never rejects, best effort. */
  release(requests: readonly LeaseRequest[]): Promise<void>;
  /**
   * Drops the entries and leases of this collection and of "all collections" together; with `collection` undefined, everything of the owner.
   * Idempotent. Resolves once confirmed; rejects when it could not be.
   */
  invalidate(owner: string, collection: string | undefined): Promise<void>;
}
