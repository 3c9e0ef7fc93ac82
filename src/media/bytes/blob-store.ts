/**
 * The contract of the byte store: content-addressed by sha256, knows no owners and no file names.
 * Implementations: a directory (local-blob-store.ts) and S3 (s3-blob-store.ts); one conformance suite runs on both.
 * Invariant: what can be opened is complete; its name was computed here, never declared by a client.
 */
import type { Readable } from 'node:stream';

/** Bytes that have arrived, durably, under a temporary name. Whoever staged them discards them in the end, committed or not. */
export interface StagedBlob {
  /** Hex. */
  readonly sha256: string;
  /** Hex; an alias to look up by, no security. */
  readonly md5: string;
  /** Bytes. */
  readonly size: number;
  /** The first bytes, at most file-types' `headBytes`. */
  readonly head: Buffer;
  /** Makes the bytes available under their hash, durably. Idempotent, also for equal bytes at the same time. */
  commit(): Promise<void>;
  /** Removes the temporary name; what was committed stays. Idempotent, never rejects. */
  discard(): Promise<void>;
}

/** Both ends included, as in HTTP; within the blob. */
export interface ByteRange {
  start: number;
  end: number;
}

export interface BlobStore {
  /** The name of this kind of store in media rows. */
  readonly disk: string;
  /** Reads `chunks` to the end, in bounded memory. Rejects with what `chunks` threw, or with its own failure; then nothing is kept. */
  stage(chunks: AsyncIterable<Buffer>): Promise<StagedBlob>;
  /** The bytes of a blob, or `range` of them; undefined: there is no such blob. The caller reads the stream to its end or destroys it. */
  open(sha256: string, range?: ByteRange): Promise<Readable | undefined>;
  exists(sha256: string): Promise<boolean>;
  /** Idempotent. */
  remove(sha256: string): Promise<void>;
  /** Lets go of what it holds; the stored bytes stay. */
  stop(): Promise<void>;
}
