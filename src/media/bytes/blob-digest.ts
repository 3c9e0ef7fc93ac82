/** What is learned from bytes while they pass: both hashes, the size and the head. Memory: the head. */
import { createHash } from 'node:crypto';
import { headBytes } from '../files/file-types.js';

export class BlobDigest {
  readonly #sha256 = createHash('sha256');
  readonly #md5 = createHash('md5');
  readonly #head: Buffer[] = [];
  #headSize = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  update(chunk: Buffer): void {
    this.#sha256.update(chunk);
    this.#md5.update(chunk);
    this.#size += chunk.length;
    const wanted = chunk.subarray(0, headBytes - this.#headSize);
    if (wanted.length === 0) return;
    // A copy: a view would keep the whole message alive that the chunk came in.
    this.#head.push(Buffer.from(wanted));
    this.#headSize += wanted.length;
  }

  /** Once, after the last chunk. */
  finish(): { sha256: string; md5: string; size: number; head: Buffer } {
    return { sha256: this.#sha256.digest('hex'), md5: this.#md5.digest('hex'), size: this.#size, head: Buffer.concat(this.#head) };
  }
}
