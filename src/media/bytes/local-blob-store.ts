/**
 * The byte store in a directory: `tmp/<uuid>` while bytes arrive, then `aa/bb/<sha256>`.
 * Invariant: a final name appears at once, complete and on disk (fsync, link, fsync of the directory);
 * equal bytes that arrive at the same time meet in one file.
 */
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { BlobDigest } from './blob-digest.js';
import type { BlobStore, ByteRange, StagedBlob } from './blob-store.js';
import { hasErrno } from '../../runtime/errno.js';

const uuidName = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A temporary file this old belongs to a process that is gone. */
const leftoverMs = 3_600_000;

/** Makes the directory where needed, and removes what interrupted uploads left in it more than an hour ago. */
export async function createLocalBlobStore(root: string): Promise<BlobStore> {
  const tmp = join(root, 'tmp');
  await mkdir(tmp, { recursive: true, mode: 0o700 });
  await removeLeftovers(tmp);
  return new LocalBlobStore(root, tmp);
}

class LocalBlobStore implements BlobStore {
  readonly disk = 'local';
  readonly #root: string;
  readonly #tmp: string;

  constructor(root: string, tmp: string) {
    this.#root = root;
    this.#tmp = tmp;
  }

  async stage(chunks: AsyncIterable<Buffer>): Promise<StagedBlob> {
    const path = join(this.#tmp, randomUUID());
    const discard = (): Promise<void> => rm(path, { force: true }).catch(() => undefined);
    try {
      const digest = await writeFile(path, chunks);
      const staged = digest.finish();
      return { ...staged, commit: () => this.#commit(path, staged.sha256), discard };
    } catch (error) {
      await discard();
      throw error;
    }
  }

  async #commit(temporary: string, sha256: string): Promise<void> {
    const path = this.#pathOf(sha256);
    const directory = dirname(path);
    const created = await mkdir(directory, { recursive: true, mode: 0o700 });
    try {
      await link(temporary, path);
    } catch (error) {
      if (!hasErrno(error, 'EEXIST')) throw error;
    }
    await syncDirectory(directory);
    if (created === undefined) return;
    await syncDirectory(dirname(directory));
    await syncDirectory(this.#root);
  }

  async open(sha256: string, range?: ByteRange): Promise<Readable | undefined> {
    try {
      const file = await open(this.#pathOf(sha256), 'r');
      // Ends with the file handle closed, also when it is destroyed half-way.
      return file.createReadStream({ ...range, highWaterMark: 65_536 });
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  async exists(sha256: string): Promise<boolean> {
    try {
      return (await stat(this.#pathOf(sha256))).isFile();
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return false;
      throw error;
    }
  }

  async remove(sha256: string): Promise<void> {
    await rm(this.#pathOf(sha256), { force: true });
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  #pathOf(sha256: string): string {
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new TypeError('a blob is named by the hex of a sha256');
    return join(this.#root, sha256.slice(0, 2), sha256.slice(2, 4), sha256);
  }
}

async function writeFile(path: string, chunks: AsyncIterable<Buffer>): Promise<BlobDigest> {
  const digest = new BlobDigest();
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of chunks) {
      digest.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return digest;
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function removeLeftovers(tmp: string): Promise<void> {
  // Only what we have named ourselves: the directory is the operator's choice.
  const names = (await readdir(tmp)).filter((name) => uuidName.test(name));
  const before = Date.now() - leftoverMs;
  for (const name of names) {
    const path = join(tmp, name);
    // One after the other: there may be many, and nobody waits for them.
    // oxlint-disable-next-line no-await-in-loop
    const modified = await stat(path).then((found) => found.mtimeMs, () => Infinity);
    // oxlint-disable-next-line no-await-in-loop
    if (modified < before) await rm(path, { force: true });
  }
}
