/**
 * The byte store in a directory: `tmp/<uuid>` while bytes arrive, then `aa/bb/<sha256>`; `quarantine/<sha256>` for what was put aside.
 * Invariant: a final name appears at once, complete and on disk (sync, link, sync of the directory);
 * equal bytes that arrive at the same time meet in one file.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, statSync, type Stats } from 'node:fs';
import { link, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { hasErrno } from '../../runtime/errno.js';
import { blobAt, placeAside, placeOf, type BlobStore, type ByteRange, type StagedBlob, type StoredBlob, type Swept } from './blob-store.js';
import { DurableDirectories } from './durable-directories.js';
import { writeNewFile } from './new-file.js';

const uuidName = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const shardName = /^[0-9a-f]{2}$/;

/** Larger ones save little, and each reader holds two of them. */
const readBytes = 131_072;

/** A temporary file this old belongs to a process that is gone. */
const leftoverMs = 3_600_000;

const ifThere = { throwIfNoEntry: false } as const;

/** Makes the directory where needed, and removes what interrupted uploads left in it more than an hour ago. */
export async function createLocalBlobStore(root: string): Promise<BlobStore> {
  await mkdir(join(root, 'tmp'), { recursive: true, mode: 0o700 });
  const store = new LocalBlobStore(root);
  await store.sweepTemporary(new Date(Date.now() - leftoverMs));
  return store;
}

class LocalBlobStore implements BlobStore {
  readonly disk = 'local';
  readonly #root: string;
  readonly #directories = new DurableDirectories();

  constructor(root: string) {
    this.#root = root;
  }

  async stage(chunks: AsyncIterable<Buffer>): Promise<StagedBlob> {
    const temporary = this.#temporary();
    const discard = (): Promise<void> => unlink(temporary).catch(() => undefined);
    try {
      const staged = (await writeNewFile(temporary, chunks)).finish();
      const path = this.#path(placeOf(staged.sha256));
      let put: Stats | undefined;
      const commit = async (): Promise<void> => {
        const there = put && statSync(path, ifThere);
        if (there && there.ino === put?.ino && there.size === staged.size) return;
        await this.#place(temporary, path, staged.size);
        await this.#directories.sync(dirname(path));
        // None where a cleanup was faster: whoever refers to the blob commits again under its lock.
        put = statSync(path, ifThere);
      };
      return { ...staged, commit, discard };
    } catch (error) {
      await discard();
      throw error;
    }
  }

  async open(sha256: string, range?: ByteRange): Promise<Readable | undefined> {
    const file = await unlessMissing(open(this.#path(placeOf(sha256)), 'r'));
    // Ends with the file handle closed, also when it is destroyed half-way.
    return file?.createReadStream({ ...range, highWaterMark: readBytes });
  }

  async stat(sha256: string): Promise<StoredBlob | undefined> {
    const found = await unlessMissing(stat(this.#path(placeOf(sha256))));
    return found?.isFile() ? { sha256, size: found.size, modifiedAt: found.mtime } : undefined;
  }

  async remove(sha256: string): Promise<void> {
    await rm(this.#path(placeOf(sha256)), { force: true });
    await rm(this.#path(placeAside(sha256)), { force: true });
  }

  async putAside(sha256: string): Promise<void> {
    const path = this.#path(placeOf(sha256));
    const aside = this.#path(placeAside(sha256));
    if (!(await unlessMissing(stat(path)))) return;
    await this.#directories.make(dirname(aside));
    await unlessMissing(rename(path, aside));
    // Back at its old name after a power cut, it would be taken for what an upload has put there.
    await Promise.all([this.#directories.sync(dirname(path)), this.#directories.sync(dirname(aside))]);
  }

  async *list(): AsyncGenerator<StoredBlob, void, undefined> {
    for (const first of await namesIn(this.#root, shardName)) {
      // One after the other: the directories are read in the order of the hashes, and nobody waits for them.
      // oxlint-disable-next-line no-await-in-loop
      for (const second of await namesIn(join(this.#root, first), shardName)) yield* this.#listShard(`${first}/${second}`);
    }
  }

  async *#listShard(shard: string): AsyncGenerator<StoredBlob, void, undefined> {
    for (const name of await namesIn(join(this.#root, shard), /./)) {
      const sha256 = blobAt(`${shard}/${name}`);
      // oxlint-disable-next-line no-await-in-loop
      const found = sha256 && (await this.stat(sha256));
      if (found) yield found;
    }
  }

  async sweepTemporary(before: Date, { dryRun } = { dryRun: false }): Promise<Swept> {
    const swept = { count: 0, bytes: 0 };
    // Only what we have named ourselves: the directory is the operator's choice.
    for (const name of await namesIn(join(this.#root, 'tmp'), uuidName)) {
      const path = join(this.#root, 'tmp', name);
      // One after the other: there may be many, and nobody waits for them.
      // oxlint-disable-next-line no-await-in-loop
      const found = await unlessMissing(stat(path));
      if (!found || found.mtime >= before) continue;
      // oxlint-disable-next-line no-await-in-loop
      if (!dryRun) await rm(path, { force: true });
      swept.count += 1;
      swept.bytes += found.size;
    }
    return swept;
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  /** Gives the bytes their name, unless a file of their size has it. */
  async #place(temporary: string, path: string, size: number): Promise<void> {
    if (!existsSync(dirname(path))) await this.#directories.make(dirname(path));
    if (await unlessThere(link(temporary, path))) return;
    if (statSync(path, ifThere)?.size === size) return;
    const replacement = this.#temporary();
    try {
      await link(temporary, replacement);
      await rename(replacement, path);
    } finally {
      await rm(replacement, { force: true });
    }
  }

  #temporary(): string {
    return this.#path(`tmp/${randomUUID()}`);
  }

  #path(place: string): string {
    return join(this.#root, place);
  }
}

/** In their order; none where there is no such directory. */
async function namesIn(directory: string, pattern: RegExp): Promise<string[]> {
  const names = (await unlessMissing(readdir(directory))) ?? [];
  return names.filter((name) => pattern.test(name)).toSorted();
}

/** False: there is something with this name already. */
async function unlessThere(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
