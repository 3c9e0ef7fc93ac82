/** What a product keeps, counted in its database, its directories and its open files, past its own answers. */
import Libsql from 'libsql';
import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** What a refused input must leave as it was. */
export interface Kept {
  media: number;
  blobs: number;
  sources: number;
  /** All that there ever were. */
  events: number;
  /** Complete ones. */
  files: number;
  temporary: number;
  /** Temporary files that the process has open. */
  open: number;
}

const counted = z.object({ count: z.number().nullable() }).transform(({ count }) => count ?? 0);

export async function countKept(directory: string, pid: number): Promise<Kept> {
  const bytes = join(directory, 'blobs');
  const entries = await readdir(bytes, { recursive: true, withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  const files = names.filter((name) => /^[0-9a-f]{64}$/.test(name)).length;
  return { ...countRows(join(directory, 'media.db')), files, temporary: names.length - files, open: await countOpen(pid, join(bytes, 'tmp')) };
}

function countRows(path: string): Pick<Kept, 'media' | 'blobs' | 'sources' | 'events'> {
  const database = new Libsql(path, { readonly: true });
  try {
    const count = (text: string): number => counted.parse(database.prepare(text).get());
    return {
      media: count('select count(*) as count from media'),
      blobs: count('select count(*) as count from blobs'),
      sources: count('select count(*) as count from sources'),
      events: count("select max(seq) as count from sqlite_sequence where name = 'outbox'"),
    };
  } finally {
    database.close();
  }
}

async function countOpen(pid: number, directory: string): Promise<number> {
  const handles = `/proc/${pid}/fd`;
  const targets = await Promise.all((await readdir(handles)).map((name) => readlink(join(handles, name)).catch(() => '')));
  return targets.filter((target) => target.startsWith(directory)).length;
}
