/**
 * The wall between stored bytes and everybody who opens them: a whole blob is hashed while it passes, and its end is held back until the hash fits.
 * Invariant: nobody ever receives all of a blob whose bytes are not what its name says; of one chunk nobody receives anything. Ranges are not
 * verified: what neither the scrub nor a whole read has found yet, they may give.
 */
import { createHash } from 'node:crypto';
import { pipeline, Transform, type TransformCallback } from 'node:stream';
import { AppError } from '../../contract/errors.js';
import { bytesPassed } from '../../runtime/young-generation.js';
import type { BlobStore } from './blob-store.js';

/** `store`, with verified reads: they fail with NOT_FOUND. `suspect` hears of each blob that failed, or was not there. */
export function verifyReads(store: BlobStore, suspect: (sha256: string) => void): BlobStore {
  return {
    disk: store.disk,
    stage: (chunks) => store.stage(chunks),
    open: async (sha256, range) => {
      const bytes = await store.open(sha256, range);
      if (!bytes) suspect(sha256);
      if (!bytes) return undefined;
      const passing = range ? new Passing() : new Verifying(sha256, suspect);
      // Each ends when the other does, with its error.
      pipeline(bytes, passing, () => undefined);
      return passing;
    },
    stat: (sha256) => store.stat(sha256),
    remove: (sha256) => store.remove(sha256),
    putAside: (sha256) => store.putAside(sha256),
    list: () => store.list(),
    sweepTemporary: (before, options) => store.sweepTemporary(before, options),
    stop: () => store.stop(),
  };
}

class Passing extends Transform {
  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    bytesPassed(chunk.length);
    callback(null, chunk);
  }
}

class Verifying extends Transform {
  readonly #sha256: string;
  readonly #suspect: (sha256: string) => void;
  readonly #hash = createHash('sha256');
  #held: Buffer | undefined;

  constructor(sha256: string, suspect: (sha256: string) => void) {
    super();
    this.#sha256 = sha256;
    this.#suspect = suspect;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    bytesPassed(chunk.length);
    this.#hash.update(chunk);
    const before = this.#held;
    this.#held = chunk;
    callback(null, before);
  }

  override _flush(callback: TransformCallback): void {
    if (this.#hash.digest('hex') === this.#sha256) {
      callback(null, this.#held);
      return;
    }
    this.#suspect(this.#sha256);
    callback(new AppError('NOT_FOUND', 'The bytes of this file are damaged.'));
  }
}
