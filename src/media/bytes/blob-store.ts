/**
 * The contract of the byte store: content-addressed by sha256, knows no owners and no file names.
 * Implementations: a directory (local-blob-store.ts) and S3 (s3-blob-store.ts); one conformance suite runs on both.
 * Invariant: what can be opened was complete when it got its name; the name was computed here, never declared by a client.
 */
import type { Readable } from 'node:stream';

/** Bytes that have arrived and have no name yet. Whoever staged them discards them in the end, committed or not. */
export interface StagedBlob {
  /** Hex. */
  readonly sha256: string;
  /** Hex; an alias to look up by, no security. */
  readonly md5: string;
  /** Bytes. */
  readonly size: number;
  /** The first bytes, at most file-types' `headBytes`. */
  readonly head: Buffer;
  /**
   * Makes the bytes available under their hash, durably; what is there with another size is replaced. Idempotent, also for equal bytes at the
   * same time: puts them again where they were removed since, and costs next to nothing where they are.
   */
  commit(): Promise<void>;
  /** Forgets the bytes; what was committed stays. Idempotent, never rejects. */
  discard(): Promise<void>;
}

/** Both ends included, as in HTTP; within the blob. */
export interface ByteRange {
  start: number;
  end: number;
}

/** A blob as it lies in the store. */
export interface StoredBlob {
  /** Hex. */
  sha256: string;
  /** Bytes. */
  size: number;
  modifiedAt: Date;
}

export interface Swept {
  count: number;
  bytes: number;
}

export interface BlobStore {
  /** The name of this kind of store in media rows. */
  readonly disk: string;
  /**
   * Reads `chunks` to the end, in bounded memory; a chunk that it was given must not change any more. Rejects with what `chunks` threw, or with
   * its own failure; then nothing is kept.
   */
  stage(chunks: AsyncIterable<Buffer>): Promise<StagedBlob>;
  /** The bytes of a blob, or `range` of them; undefined: there is no such blob. The caller reads the stream to its end or destroys it. */
  open(sha256: string, range?: ByteRange): Promise<Readable | undefined>;
  /** Undefined: there is no such blob. */
  stat(sha256: string): Promise<StoredBlob | undefined>;
  /** Removes a blob, and what was put aside of it. Idempotent. */
  remove(sha256: string): Promise<void>;
  /** Moves a blob out of the way, to where nobody opens or lists it, until it is removed. Idempotent, nothing to do where there is none. */
  putAside(sha256: string): Promise<void>;
  /** Every blob, by hash. What comes and goes meanwhile may be missing or not. */
  list(): AsyncIterable<StoredBlob>;
  /** Removes what uploads left behind that were interrupted before `before`, and nothing newer; with `dryRun` only counts it. */
  sweepTemporary(before: Date, options?: { dryRun: boolean }): Promise<Swept>;
  /** Lets go of what it holds; the stored bytes stay. */
  stop(): Promise<void>;
}

const sha256Name = /^[0-9a-f]{64}$/;

/** Where a blob lies, below the root of any store: `aa/bb/<sha256>`. @throws TypeError for what is no sha256: it may be a path. */
export function placeOf(sha256: string): string {
  if (!sha256Name.test(sha256)) throw new TypeError('a blob is named by the hex of a sha256');
  return `${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}`;
}

/** The blob that lies at `place`; undefined for what is none. */
export function blobAt(place: string): string | undefined {
  const sha256 = place.slice(6);
  return sha256Name.test(sha256) && placeOf(sha256) === place ? sha256 : undefined;
}

/** Where a blob lies that was put aside. @throws TypeError for what is no sha256. */
export function placeAside(sha256: string): string {
  return `quarantine/${placeOf(sha256).slice(6)}`;
}
