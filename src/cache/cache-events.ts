/** What the read-through core reports, as typed events: the gateway turns them into metrics and log lines, the core knows neither. */
import type { EntryKey } from './cache-store.js';

export type CacheEvent =
  /** Answered from the store; `shared`: by a load of this process that was already under way. */
  | { readonly type: 'hit' | 'shared'; readonly key: EntryKey }
  /** Loaded from the origin. `leased`: to be filled; `bypass`: the store was out of reach, or the wait for its holder too long. */
  | { readonly type: 'miss'; readonly key: EntryKey; readonly reason: 'leased' | 'bypass' }
  /** Someone else loads it; the reader waits. */
  | { readonly type: 'waited'; readonly key: EntryKey }
  /** Loaded, but not stored: an invalidation, or an outage, came in between. */
  | { readonly type: 'fill-refused'; readonly key: EntryKey }
  /** A stored entry that could not be decoded; treated as a miss. */
  | { readonly type: 'undecodable'; readonly key: EntryKey };

export type CacheObserver = (event: CacheEvent) => void;
