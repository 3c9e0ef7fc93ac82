/**
 * The contract of the counters: what was done, by all instances together, since the tables were made.
 * Implementation: sql-counters.ts; one conformance suite runs on both databases.
 */

/** Every counter there is; each counts operations unless it says otherwise. */
export const counterNames = [
  /** Imports that were asked for. */
  'total_requests',
  /** Of them, those that a stored copy answered. */
  'cache_hits',
  /** Calls to the outside, each try counted. */
  'api_calls',
  /** Imports that failed. */
  'failed_calls',
  /** Imports of what the provider does not have any more by its age; no call was made. */
  'expired_media',
  /** Imports that the negative cache answered; no call was made. */
  'negative_hits',
  'uploads',
  'deletions',
  'conversions',
  'failed_conversions',
  /** Blobs found damaged. */
  'damaged_blobs',
  'healed_blobs',
  /** Blobs that cleanups removed, and their bytes. */
  'removed_blobs',
  'removed_bytes',
  /** Messages that providers have told of, each once. */
  'messages',
  /** Of them, those of a media type that named no media. */
  'extraction_failures',
  /** Media of messages that are there, that their provider does not have any more, and that were given up. */
  'message_media_ready',
  'message_media_expired',
  'message_media_failed',
  /** How often a provider was left alone for a while. */
  'provider_pauses',
] as const;

export type CounterName = (typeof counterNames)[number];
export type Amounts = Partial<Record<CounterName, number>>;

export interface Counters {
  /** Adds to several at once: all of them or none. */
  add(amounts: Amounts): Promise<void>;
  /** 0 for those that never counted. */
  read(): Promise<Record<CounterName, number>>;
}
