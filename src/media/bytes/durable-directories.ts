/**
 * File system entries that outlive a power cut: an entry is on disk once its directory was synced, and every directory on the way down to it.
 * Invariant: whoever waits for a directory waits for the entries that lead to it too, also when another call has made them a moment ago.
 */
import { closeSync, existsSync, fsync, openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { hasErrno } from '../../runtime/errno.js';

const toDisk = promisify(fsync);

export class DurableDirectories {
  /** Directories that exist, or soon will, while their own entries are on their way to the disk. */
  readonly #making = new Map<string, Promise<void>>();

  /** Makes a directory, and those above it, where needed. Idempotent. */
  make(path: string): Promise<void> {
    const making = this.#making.get(path) ?? this.#make(path).finally(() => this.#making.delete(path));
    this.#making.set(path, making);
    return making;
  }

  /** Brings the entries of a directory to disk, and the entries that lead to it where they are new. */
  async sync(path: string): Promise<void> {
    await Promise.all([this.#making.get(path), syncDirectory(path)]);
  }

  async #make(path: string): Promise<void> {
    const parent = dirname(path);
    if (!existsSync(parent)) await this.make(parent);
    await makeUnlessThere(path);
    await this.sync(parent);
  }
}

async function makeUnlessThere(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = openSync(path, 'r');
  try {
    await toDisk(directory);
  } finally {
    closeSync(directory);
  }
}
