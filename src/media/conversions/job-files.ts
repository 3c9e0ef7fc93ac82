/**
 * The files of one conversion: the original and the result, in a directory of their own.
 * Invariant: no file is needed for longer than the lease of its job; what is older was left by a process that is gone.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrno } from '../../runtime/errno.js';

const uuidName = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface JobFiles {
  input: string;
  output: string;
}

/** Calls `use` with the paths of two files that are not there yet, below `directory`; they are gone when it ends. */
export async function withJobFiles<T>(directory: string, use: (files: JobFiles) => Promise<T>): Promise<T> {
  const own = join(directory, randomUUID());
  await mkdir(own, { recursive: true, mode: 0o700 });
  try {
    return await use({ input: join(own, 'input'), output: join(own, 'output') });
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

/** Removes the files of jobs that began before `before`. */
export async function removeLeftovers(directory: string, before: Date): Promise<void> {
  // Only what was named here: the directory is the operator's choice.
  const paths = (await namesIn(directory)).filter((name) => uuidName.test(name)).map((name) => join(directory, name));
  const ages = await Promise.all(paths.map((path) => stat(path).then(({ mtimeMs }) => mtimeMs, () => Infinity)));
  const left = paths.filter((_path, index) => (ages[index] ?? Infinity) < before.getTime());
  await Promise.all(left.map((path) => rm(path, { recursive: true, force: true })));
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
