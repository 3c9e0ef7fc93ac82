/** What the read-through core reports, as typed events: the gateway turns them into metrics, explanations and log lines, the core knows none of these. */
import type { EntryKey } from './cache-store.js';

/** Where an answer came from: the copy in this process, the store, the origin, or the store with an expired value because the origin failed. */
export type Source = 'local' | 'store' | 'origin' | 'stale';

/** A read was answered with a value. Ages and times are milliseconds, and known of what was stored only. */
export interface Answered {
  readonly type: 'answered';
  readonly key: EntryKey;
  readonly source: Source;
  /** The value says that there is nothing. */
  readonly negative: boolean;
  /** By a load of this process that was already under way. */
  readonly shared: boolean;
  readonly ageMs?: number;
  readonly ttlMs?: number;
  readonly generation?: string;
  readonly lastEventId?: string | undefined;
}

/** Reads that were answered together, from the same place. */
export interface AnsweredMany {
  readonly type: 'answered-many';
  readonly keys: readonly EntryKey[];
  readonly source: 'local' | 'store';
  /** Of the keys, how many have nothing. */
  readonly negatives: number;
}

export type CacheEvent =
  | Answered
  | AnsweredMany
  /** Is loaded from the origin. `leased`: to be filled; `refresh`: the same, ahead of its end; `bypass`: the store was out of reach, or the wait for the holder too long. */
  | { readonly type: 'load'; readonly key: EntryKey; readonly reason: 'leased' | 'refresh' | 'bypass' }
  /** The lease that was granted had been left to expire by its last holder. */
  | { readonly type: 'lease-expired'; readonly key: EntryKey }
  /** Someone else loads it; the reader waits. */
  | { readonly type: 'waited'; readonly key: EntryKey }
  /** Loaded, but not stored: an invalidation, or an outage, came in between. */
  | { readonly type: 'fill-refused'; readonly key: EntryKey }
  /** A stored entry that could not be decoded; treated as a miss. */
  | { readonly type: 'undecodable'; readonly key: EntryKey };

export type CacheObserver = (event: CacheEvent) => void;
