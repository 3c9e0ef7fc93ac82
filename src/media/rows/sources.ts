/**
 * The contract of the sources: where imported bytes came from, so that what is asked for again needs no second download.
 * Implementation: sql-sources.ts; one conformance suite runs on both databases.
 * Invariant: a source names at most one blob, the latest that came from it; it ends with its blob.
 */
import type { BlobRecord, NewBlob } from './blob-records.js';

/** Of a URL without its fragment, in its one spelling; what is no URL names nothing that was ever imported. */
export function urlSource(url: string): string {
  if (!URL.canParse(url)) return url;
  const parsed = new URL(url);
  parsed.hash = '';
  return parsed.href;
}

/** Of a provider's media. */
export function providerSource(provider: string, id: string): string {
  return `${provider}:${id}`;
}

export interface SourcedBlob {
  blob: BlobRecord;
  fileName: string;
  /** RFC 3339. */
  fetchedAt: string;
}

/** Where a blob came from, and how it is called there. */
export interface Origin {
  source: string;
  fileName: string;
  /** Default now. RFC 3339: when it was fetched, for bytes that a stored copy gave. */
  fetchedAt?: string;
}

export interface Sources {
  /** Undefined also when its blob is being deleted, or damaged. */
  find(source: string): Promise<SourcedBlob | undefined>;
  /** The sources of a blob, the latest first. */
  of(sha256: string): Promise<string[]>;
  /**
   * Records a blob that came from `from.source` and that no media need refer to, to be kept until `until` at least.
   * `putBytes` as in media-store.ts. Idempotent; a later `until` counts.
   */
  keep(blob: NewBlob, from: Origin, until: Date, putBytes: () => Promise<void>): Promise<void>;
}
