/**
 * The key that signs URLs when none is configured: made once, kept in a file that only this user can read.
 * Invariant: processes that start at the same time end up with the same key; the file appears complete or not at all.
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { signingKeys, type SigningKey } from '../../runtime/setting-types.js';
import { hasErrno } from '../../runtime/errno.js';

const fileName = 'url-keys';

/** The keys in `directory`, made when there are none. @throws Error when the file cannot be read as keys. */
export async function keptKeys(directory: string): Promise<SigningKey[]> {
  const path = join(directory, fileName);
  const text = (await readIfThere(path)) ?? (await make(directory, path));
  const keys = signingKeys.safeParse(text.trim());
  if (!keys.success) throw new Error(`${path} ${keys.error.issues[0]?.message ?? 'holds no keys'}`);
  return keys.data;
}

async function make(directory: string, path: string): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomBytes(8).toString('hex')}`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(`k1:${randomBytes(32).toString('hex')}\n`);
    await file.sync();
    // Unlike a rename, a link does not replace the key that another process made meanwhile.
    await link(temporary, path).catch((error: unknown) => {
      if (!hasErrno(error, 'EEXIST')) throw error;
    });
  } finally {
    await file.close();
    await rm(temporary, { force: true });
  }
  return readFile(path, 'utf8');
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
