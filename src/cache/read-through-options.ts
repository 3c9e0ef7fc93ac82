/** What a read-through cache is made of and bounded by. */
import type { CacheObserver } from './cache-events.js';
import type { CacheStore, EntryKey } from './cache-store.js';
import type { Codec } from './flights.js';
import type { Siblings } from './siblings.js';
import type { Time } from './time.js';

export interface ReadThroughOptions<V> {
  store: CacheStore;
  codec: Codec<V>;
  /** Loads values from the origin, in the order of the keys; one that failed is an Error. May reject when all failed. Has a deadline of its own. */
  load: (keys: readonly EntryKey[]) => Promise<readonly (V | Error)[]>;
  /** Milliseconds that a value may be served for; up to a tenth less is used. In the last tenth of its time it is loaded anew in the background. */
  ttlMs: number;
  /** The same of a value that says that there is nothing. */
  negativeTtlMs: number;
  isNegative: (value: V) => boolean;
  /** Default: any. Asked at each read: milliseconds since an entry may have been loaded, its TTL aside; for times when events may be missing. */
  maxAgeMs?: () => number;
  /** Milliseconds after which a waiting reader loads for itself: the lease plus one origin call. */
  maxWaitMs: number;
  /** Default 64. Calls to the origin at once that are not to be stored. */
  maxUnfilledCalls?: number;
  /** Default true. Whether copies in this process are believed; else the store is asked at each read whether they are still what it has. */
  local?: boolean;
  /** Default 128,000,000. Of all copies, estimated. */
  maxLocalBytes?: number;
  /** Default none. */
  siblings?: Siblings | undefined;
  observe: CacheObserver;
  /** Default: the process's monotonic clock, timers and dice. A proof puts its own here. */
  time?: Time;
}
