/** All that a conversion worker works with, real, and eyes on what it leaves behind: processes, files, rows. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import sharp, { type Sharp } from 'sharp';
import type { BlobStore } from '../../../src/media/bytes/blob-store.js';
import { createLocalBlobStore } from '../../../src/media/bytes/local-blob-store.js';
import { ConversionWorker, type ConversionWorkerOptions } from '../../../src/media/conversions/conversion-worker.js';
import { Collections } from '../../../src/media/files/collections.js';
import type { ConversionStore } from '../../../src/media/rows/conversion-store.js';
import type { Counters } from '../../../src/media/rows/counters.js';
import type { Media, MediaStore, NewMedia } from '../../../src/media/rows/media-store.js';
import { createSqlConversionStore } from '../../../src/media/rows/sql-conversion-store.js';
import { createSqlCounters } from '../../../src/media/rows/sql-counters.js';
import type { SqlDatabase } from '../../../src/media/rows/sql-database.js';
import { createSqlMediaStore } from '../../../src/media/rows/sql-media-store.js';
import { openSqliteDatabase } from '../../../src/media/rows/sqlite-database.js';
import { newMedia } from '../../conformance/new-media.js';
import { tempDir, waitFor, type TempDir } from '../../support/wait.js';

// It would answer for a path with the image that was there before.
sharp.cache(false);

/** Built beforehand by `npm test`. */
export const script = fileURLToPath(new URL('../../../dist/media/conversions/convert-main.js', import.meta.url));

export const log = pino({ level: 'silent' });

/** A picture like no other: coloured noise. */
export function photo(width: number, height: number): Sharp {
  return sharp({ create: { width, height, channels: 3, background: 'grey', noise: { type: 'gaussian', mean: 128, sigma: 50 } } });
}

export interface Row {
  state: 'pending' | 'done' | 'failed';
  attempts: number;
  reason: string | null;
}

export class Workshop {
  readonly dir: TempDir;
  readonly database: SqlDatabase;
  readonly blobs: BlobStore;
  readonly collections: Collections;
  readonly media: MediaStore;
  readonly store: ConversionStore;
  readonly counters: Counters;
  /** Of the files of jobs. */
  readonly directory: string;
  readonly #workers: ConversionWorker[] = [];

  private constructor(parts: Pick<Workshop, 'dir' | 'database' | 'blobs' | 'collections'>) {
    ({ dir: this.dir, database: this.database, blobs: this.blobs, collections: this.collections } = parts);
    this.media = createSqlMediaStore(parts.database);
    this.store = createSqlConversionStore(parts.database);
    this.counters = createSqlCounters(parts.database);
    this.directory = join(parts.dir.path, 'conversions');
  }

  /** On SQLite, unless it is given a database, which it stops; with the built-in rules, unless it is given others. */
  static async open(given: { database?: SqlDatabase; rules?: Record<string, unknown> } = {}): Promise<Workshop> {
    const dir = await tempDir('conversions');
    const database = given.database ?? (await openSqliteDatabase(join(dir.path, 'media.db'), log));
    const blobs = await createLocalBlobStore(join(dir.path, 'blobs'));
    const path = given.rules && join(dir.path, 'collections.json');
    if (path) await writeFile(path, JSON.stringify(given.rules));
    return new Workshop({ dir, database, blobs, collections: await Collections.read(path, 536_870_912) });
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop()));
    await this.database.stop();
    await this.dir.remove();
  }

  /** A worker with short times, stopped by `close` at the latest. */
  start(options: Partial<ConversionWorkerOptions> = {}): ConversionWorker {
    const { store, blobs, collections, counters, directory } = this;
    const usual = { store, blobs, collections, counters, directory, log, onCommit: () => undefined, pollMs: 20, retry: { firstMs: 20 } };
    const worker = new ConversionWorker({ ...usual, ...options, converter: { script, ...options.converter } });
    this.#workers.push(worker);
    return worker;
  }

  /** Stores bytes as an avatar without a look at them, and asks for its conversions. */
  async upload(bytes: Buffer, changes: Partial<NewMedia> = {}): Promise<Media> {
    const staged = await this.blobs.stage(chunksOf(bytes));
    try {
      const { sha256, md5, size } = staged;
      const asked = { collectionName: 'avatars', conversions: ['thumb'], sha256, md5, size };
      return await this.media.insert(newMedia(`owner of ${sha256}`, { ...asked, ...changes }), () => staged.commit());
    } finally {
      await staged.discard();
    }
  }

  async row({ id }: Media, name = 'thumb'): Promise<Row | undefined> {
    const rows = this.database.db.selectFrom('conversions').select(['state', 'attempts', 'reason']).where('media_id', '=', Number(id)).where('name', '=', name);
    return rows.executeTakeFirst().then((row) => row && { ...row, attempts: Number(row.attempts) });
  }

  /** The row of a conversion once it is done or has failed. */
  settled(media: Media, name = 'thumb'): Promise<Row> {
    const look = async (): Promise<Row | undefined> => {
      const row = await this.row(media, name);
      return row?.state === 'pending' ? undefined : row;
    };
    return waitFor(look, { what: `the conversion ${name} to end`, timeoutMs: 30_000 });
  }

  /** The bytes of a finished conversion. */
  async bytes({ id }: Media, name = 'thumb'): Promise<Buffer> {
    const [made] = await this.store.find([id], name);
    const stream = made && (await this.blobs.open(made.sha256));
    if (!stream) throw new Error(`there is no conversion ${name}`);
    return Buffer.concat(await stream.toArray());
  }

  /** The paths below the directory of the jobs. */
  async files(): Promise<string[]> {
    return readdir(this.directory, { recursive: true }).catch(() => []);
  }

  /** Once no job has files any more: they go after the row has changed. */
  async cleared(): Promise<void> {
    await waitFor(async () => (await this.files()).length === 0, { what: 'the files of jobs to go' });
  }

  /** Once a job has its original, so that a converter has it as well, or is about to. */
  async handedOver({ size }: Media): Promise<void> {
    const isThere = async (): Promise<boolean> => {
      const input = (await this.files()).find((path) => path.endsWith('input'));
      return input !== undefined && (await readFile(join(this.directory, input))).length === size;
    };
    await waitFor(isThere, { what: 'a job to be begun' });
  }
}

async function* chunksOf(bytes: Buffer): AsyncGenerator<Buffer, void, undefined> {
  for (let start = 0; start < bytes.length; start += 65_536) yield bytes.subarray(start, start + 65_536);
}

/** The converter processes that this process has started (Linux). */
export async function converters(parent = process.pid): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map((pid) => isConverterOf(pid, parent)));
  return pids.filter((_pid, index) => found[index]).map(Number);
}

async function isConverterOf(pid: string, parent: number): Promise<boolean> {
  try {
    const [status, command] = await Promise.all([readFile(`/proc/${pid}/status`, 'utf8'), readFile(`/proc/${pid}/cmdline`, 'utf8')]);
    return new RegExp(`^PPid:\\s${parent}$`, 'm').test(status) && command.includes('convert-main');
  } catch {
    return false;
  }
}

/** The one converter process that there is. */
export function onlyConverter(): Promise<number> {
  const look = async (): Promise<number | undefined> => {
    const [pid, other] = await converters();
    return other === undefined ? pid : undefined;
  };
  return waitFor(look, { what: 'one converter' });
}
