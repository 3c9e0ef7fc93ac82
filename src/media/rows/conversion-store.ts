/**
 * The contract of the conversions: what is to be made of which media, what was made, what cannot be.
 * Implementation: sql-conversion-store.ts; one conformance suite runs on both databases. Rows are begun by media-store.ts, with their media.
 * Invariant: a finished conversion, `generated_conversions` of its media, the record of its bytes and the event `updated` are one transaction.
 */
import type { NewBlob } from './blob-records.js';
import type { Media } from './media-store.js';

/** A conversion that somebody works on until its lease ends; then it is due again. */
export interface ConversionJob {
  media: Media;
  name: string;
  /** Claims before this one. */
  attempts: number;
}

export interface Conversion extends NewBlob {
  width: number;
  height: number;
}

export interface ConversionStore {
  /** Takes up to `limit` conversions that are due at `now`, the longest due first, each for nobody else until `leaseUntil`; counts the claim. */
  claim(now: Date, leaseUntil: Date, limit: number): Promise<ConversionJob[]>;
  /** Records the result, whose bytes are stored. `putBytes` as in media-store.ts. False: the media is gone, nothing was recorded. Idempotent. */
  finish(mediaId: string, name: string, made: Conversion, putBytes: () => Promise<void>): Promise<boolean>;
  /** Gives back what was not tried: due at once, and the claim does not count. Nothing when it was claimed again since. Idempotent. */
  release(job: ConversionJob): Promise<void>;
  /** Due again at `until`. Idempotent. */
  postpone(mediaId: string, name: string, reason: string, until: Date): Promise<void>;
  /** For good: it cannot be made. What was made meanwhile stays. Idempotent. */
  fail(mediaId: string, name: string, reason: string): Promise<void>;
  /** The finished conversions with this name, in the order of `mediaIds`; undefined where there is none (yet). */
  find(mediaIds: readonly string[], name: string): Promise<(Conversion | undefined)[]>;
}
