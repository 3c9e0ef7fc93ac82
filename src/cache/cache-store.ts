/**
 * Where entries live: the contract that the read-through core is written against.
 * Implementations: Redis (redis-store.ts) and in the process (memory-store.ts); one conformance suite runs on both.
 * Invariant of all: a fill is accepted only while the lease it was loaded under is still there, and whatever ends an entry
 * (invalidation, eviction, a flush, a change of the generation) ends its lease with it. So nothing that was loaded before an
 * invalidation is stored after it.
 */

/** An entry is what is cached for an owner and one of its collections. Both are opaque here and compared exactly. */
export interface EntryKey {
  readonly owner: string;
  /** Empty: the entry of all collections together. */
  readonly collection: string;
}

/** The same for equal keys, and for no others. */
export function entryId({ owner, collection }: EntryKey): string {
  // The length says where the owner ends, whatever is in it.
  return `${owner.length}:${owner}${collection}`;
}

/** Collections of one owner that are kept; one more drops the owner, so that no client can grow one without bound. */
export const maxCollectionsPerOwner = 64;

/** A value that was stored for an entry. */
export interface StoredValue extends EntryKey {
  /** Names this very value: no other load of its entry has the same. Means something only to the store. */
  readonly version: string;
}

export interface LeaseRequest extends EntryKey {
  /** Unique per attempt at this entry, never reused, not even by the same process: a token that returns would let an old fill pass. Without `|` and `/`. */
  readonly token: string;
  /** The version of the value that the reader has, if it has one: it need not be sent again. */
  readonly known?: string | undefined;
}

/** What is known of a stored value. Times are milliseconds. */
export interface Stored {
  readonly payload: string;
  /** As in `StoredValue`. */
  readonly version: string;
  /** Since it was loaded. */
  readonly ageMs: number;
  /** Until it expires; not positive when it has. */
  readonly ttlMs: number;
  /** Until it is not served at all, also when no newer one can be loaded. */
  readonly endMs: number;
  /** The data set that it belongs to: another one after a restart or failover of the server. */
  readonly generation: string;
  /** The event that has last invalidated something of its owner, where that is still known. */
  readonly lastEventId: string | undefined;
}

export interface Hit extends Stored {
  readonly kind: 'hit';
  /** Until it should be loaded anew, before it expires. */
  readonly freshMs: number;
  /** That time has come, and the caller's token now holds the lease: load in the background, then `fill` or `release`. */
  readonly refresh: boolean;
}

export type Lookup =
  /** A live value. */
  | Hit
  /** The known one, and it need not be loaded anew yet. */
  | { readonly kind: 'same' }
  /**
   * There was none, and the caller's token now holds the lease: load, then `fill` or `release`. `stale`: what was there has expired, but was not
   * invalidated. `takenOver`: the last holder has let its lease expire.
   */
  | { readonly kind: 'leased'; readonly stale: Stored | undefined; readonly takenOver: boolean }
  /** Another holds the lease, at most `leaseMs` longer: ask again. */
  | { readonly kind: 'wait'; readonly leaseMs: number }
  /** The store is out of reach, or can take nothing: load without filling. */
  | { readonly kind: 'bypass' };

export interface Fill extends LeaseRequest {
  readonly payload: string;
  /** Milliseconds until it expires. */
  readonly ttlMs: number;
  /** Milliseconds until it should be loaded anew; at most `ttlMs`. */
  readonly freshMs: number;
  /** Default 0. Milliseconds since it was loaded. */
  readonly ageMs?: number;
  /** Default `ttlMs` and the store's time for stale values. Milliseconds until it is not served at all. */
  readonly endMs?: number;
}

/** What a store says of a value that it has accepted. */
export type Filled = Pick<Stored, 'version' | 'generation' | 'lastEventId'>;

/** `unavailable`: out of reach at the moment; the store comes back by itself. */
export type StoreState = 'ready' | 'unavailable';

/** Hears what the copies of stored values in this process must know. Called synchronously; must not throw. */
export interface StoreWatcher {
  /** An invalidation was confirmed to somebody, or is about to be. `collection` undefined: everything of the owner. */
  invalidated(owner: string, collection: string | undefined): void;
  /** Invalidations may have been missed, or everything was purged: all copies are void. */
  lost(): void;
}

/** Who invalidates, for what is told about it later. */
export interface Cause {
  readonly eventId?: string | undefined;
}

export interface CacheStore {
  /** In answers and metrics: `redis`, or `in-process`. */
  readonly tier: string;
  readonly state: StoreState;
  /**
   * One round trip for all; answers in request order. An entry that was loaded more than `maxAgeMs` ago counts as absent.
   * Never rejects, and answers within the store's deadline.
   */
  readOrLease(requests: readonly LeaseRequest[], maxAgeMs: number): Promise<Lookup[]>;
  /**
   * Whether each of `values` is what is stored for its entry at this moment. One round trip for all, also for those of other calls of the same
   * turn; the values do not travel. Says nothing of their times, which went with them. Never rejects: false when it is not known.
   */
  confirm(values: readonly StoredValue[]): Promise<boolean>;
  /**
   * One round trip for all; per fill, in order, what a hit would say of it, or undefined when it was not accepted. An accepted fill has ended its lease.
   * Never rejects: what is not confirmed was not accepted.
   */
  fill(fills: readonly Fill[]): Promise<(Filled | undefined)[]>;
  /** Gives leases back that will not be filled, so that the next reader gets them at once. Idempotent, never rejects, best effort. */
  release(requests: readonly LeaseRequest[]): Promise<void>;
  /**
   * Drops the entries and leases of this collection and of "all collections" together; with `collection` undefined, everything of the owner.
   * All watchers of the store hear of it, in every process, whether there was an entry or not. Idempotent. Resolves once confirmed; rejects when it could not be.
   */
  invalidate(owner: string, collection: string | undefined, cause?: Cause): Promise<void>;
  /**
   * Drops all owners whose name begins with `ownerPrefix` (empty: all owners), by a scan, and has all watchers told `lost`.
   * Resolves with how many there were, once confirmed; rejects when it could not be.
   */
  purge(ownerPrefix: string): Promise<number>;
  /** From now on `watcher` hears of this store. */
  watch(watcher: StoreWatcher): void;
  /** True while the watchers have heard of every invalidation that was confirmed more than the store's δ ago: of this owner, or of all when none is named. */
  isCoherent(owner?: string): boolean;
  /**
   * In milliseconds: of a value that is older, everybody for whom `isCoherent` is true has heard of the invalidation before it, if it was one that ended
   * the value before. δ, and what clocks are rounded by; 0 where all is heard at once.
   */
  readonly settledMs: number;
  /** Keeps a short text under a name, for all processes, for `ttlMs`. Resolves once confirmed; rejects when it could not be. */
  putMark(name: string, text: string, ttlMs: number): Promise<void>;
  /** The text that was kept last; undefined when there is none, or the store is out of reach. Never rejects. */
  getMark(name: string): Promise<string | undefined>;
}
