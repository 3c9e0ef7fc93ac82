/**
 * What was imported before and is stored still, as a file to be imported again without a call to the outside.
 * Invariant: a copy is given out only while its bytes are there; whoever commits it later is told when they have gone meanwhile.
 */
import { buffer } from 'node:stream/consumers';
import type { BlobStore } from '../bytes/blob-store.js';
import { headBytes } from '../files/file-types.js';
import type { SourcedBlob, Sources } from '../rows/sources.js';
import { sourceName, type FetchedFile, type ImportSource } from './fetched-file.js';

export interface StoredCopiesOptions {
  sources: Pick<Sources, 'find'>;
  blobs: Pick<BlobStore, 'open' | 'stat'>;
  /** Milliseconds after which what is at a URL may be something else. An id of a provider always names the same bytes. */
  freshMs: number;
  now: () => number;
}

export interface StoredCopy {
  file: FetchedFile;
  copy: SourcedBlob;
}

/** The bytes of a copy were removed after it was given out. */
export class CopyGone extends Error {
  override readonly name = 'CopyGone';
}

export class StoredCopies {
  readonly #options: StoredCopiesOptions;

  constructor(options: StoredCopiesOptions) {
    this.#options = options;
  }

  async find(source: ImportSource): Promise<StoredCopy | undefined> {
    const { sources, blobs, freshMs, now } = this.#options;
    const copy = await sources.find(sourceName(source));
    if (!copy || (source.kind === 'url' && Date.parse(copy.fetchedAt) + freshMs <= now())) return undefined;
    const { blob, fileName, fetchedAt } = copy;
    const { sha256, md5, size } = blob;
    const head = await this.#head(sha256, size);
    if (head?.length !== Math.min(size, headBytes)) return undefined;
    const commit = async (): Promise<void> => {
      if ((await blobs.stat(sha256))?.size !== size) throw new CopyGone(`the stored copy ${sha256} is gone`);
    };
    return { copy, file: { sha256, md5, size, head, fileName, fetchedAt, commit } };
  }

  async #head(sha256: string, size: number): Promise<Buffer | undefined> {
    const bytes = await this.#options.blobs.open(sha256, { start: 0, end: Math.min(size, headBytes) - 1 });
    return bytes && buffer(bytes);
  }
}
