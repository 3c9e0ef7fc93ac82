/** The stores of a media service on SQLite, and what keeps them in order, with bytes that a test can damage and sources that it can shut. */
import { pino } from 'pino';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { access, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { placeOf, type BlobStore, type StagedBlob } from '../../../src/media/bytes/blob-store.js';
import { createLocalBlobStore } from '../../../src/media/bytes/local-blob-store.js';
import { createS3BlobStore } from '../../../src/media/bytes/s3-blob-store.js';
import { verifyReads } from '../../../src/media/bytes/verified-reads.js';
import type { BlobRecords } from '../../../src/media/rows/blob-records.js';
import type { CounterName, Counters } from '../../../src/media/rows/counters.js';
import type { Media, MediaStore } from '../../../src/media/rows/media-store.js';
import { createSqlBlobRecords } from '../../../src/media/rows/sql-blob-records.js';
import { createSqlCounters } from '../../../src/media/rows/sql-counters.js';
import type { SqlDatabase } from '../../../src/media/rows/sql-database.js';
import { createSqlMediaStore } from '../../../src/media/rows/sql-media-store.js';
import { createSqlSources } from '../../../src/media/rows/sql-sources.js';
import type { Sources } from '../../../src/media/rows/sources.js';
import { openSqliteDatabase } from '../../../src/media/rows/sqlite-database.js';
import { Cleanup, type CleanupOptions } from '../../../src/media/upkeep/cleanup.js';
import { Integrity } from '../../../src/media/upkeep/integrity.js';
import { chunksOf } from '../../conformance/blob-store.js';
import { newMedia } from '../../conformance/new-media.js';
import { startS3Fake } from '../../support/s3-fake.js';
import { tempDir } from '../../support/wait.js';

export const hour = 3_600_000;

/** Where the bytes lie, seen from behind the byte store. */
interface Storage {
  blobs: BlobStore;
  /** Undefined: the blob gets lost. */
  tamper(sha256: string, change: (bytes: Buffer) => Buffer | undefined): Promise<void>;
  age(sha256: string, ms: number): Promise<void>;
  /** Makes what uploads have left older by two hours. */
  ageTemporaries(): Promise<void>;
  /** The hashes of what was put aside. */
  aside(): Promise<string[]>;
  close(): Promise<void>;
}

export const storages: Record<'a directory' | 'S3', () => Promise<Storage>> = {
  'a directory': async () => {
    const dir = await tempDir('upkeep');
    const pathOf = (sha256: string): string => join(dir.path, placeOf(sha256));
    return {
      blobs: await createLocalBlobStore(dir.path),
      tamper: async (sha256, change) => {
        const changed = change(await readFile(pathOf(sha256)));
        await rm(pathOf(sha256));
        if (changed) await writeFile(pathOf(sha256), changed);
      },
      age: async (sha256, ms) => {
        const seconds = (Date.now() - ms) / 1_000;
        await utimes(pathOf(sha256), seconds, seconds);
      },
      ageTemporaries: async () => {
        const seconds = (Date.now() - 2 * hour) / 1_000;
        for (const name of await readdir(join(dir.path, 'tmp'))) await utimes(join(dir.path, 'tmp', name), seconds, seconds);
      },
      aside: async () => ((await access(join(dir.path, 'quarantine')).then(() => true, () => false)) ? readdir(join(dir.path, 'quarantine')) : []),
      close: () => dir.remove(),
    };
  },
  S3: async () => {
    const { bucket, ...fake } = await startS3Fake();
    const blobs = createS3BlobStore({ bucket, prefix: '', region: 'us-east-1', endpoint: fake.endpoint, credentials: fake.credentials });
    return {
      blobs,
      tamper: (sha256, change) => Promise.resolve(fake.tamper(placeOf(sha256), change)),
      age: (sha256, ms) => Promise.resolve(fake.age(placeOf(sha256), ms)),
      ageTemporaries: () => Promise.resolve(fake.age('tmp/', 2 * hour)),
      aside: () => Promise.resolve(fake.keys().filter((key) => key.startsWith('quarantine/')).map((key) => key.slice('quarantine/'.length))),
      close: async () => {
        await blobs.stop();
        await fake.stop();
      },
    };
  },
};

export interface World extends Omit<Storage, 'close'> {
  database: SqlDatabase;
  store: MediaStore;
  records: BlobRecords;
  sources: Sources;
  counters: Counters;
  integrity: Integrity;
  /** As everybody else reads. */
  reads: BlobStore;
  /** What is at a source now; an Error is thrown, undefined is nothing. */
  outside: Map<string, Buffer | Error>;
  /** The sources that were called, in order. */
  calls: string[];
  log: pino.Logger;
  lines: string[];
  upload(bytes?: Buffer, source?: string): Promise<Media>;
  stage(bytes?: Buffer): Promise<StagedBlob>;
  read(sha256: string, range?: { start: number; end: number }): Promise<Buffer | undefined>;
  setBlob(sha256: string, values: Partial<Record<'orphaned_at' | 'kept_until' | 'created_at' | 'verified_at', string>>): Promise<void>;
  /** Only those that counted. */
  counts(): Promise<Partial<Record<CounterName, number>>>;
  cleanup(options?: Partial<CleanupOptions>): Cleanup;
  close(): Promise<void>;
}

export const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();
export const sha256Of = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
/** With one bit of it changed. */
export const flipped = (bytes: Buffer): Buffer => {
  bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 1;
  return bytes;
};

export async function openWorld(openStorage = storages['a directory']): Promise<World> {
  const dir = await tempDir('upkeep-rows');
  const lines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  const storage = await openStorage();
  const { blobs } = storage;
  const database = await openSqliteDatabase(join(dir.path, 'media.db'), log);
  const [store, records, sources, counters] = [createSqlMediaStore(database), createSqlBlobRecords(database), createSqlSources(database), createSqlCounters(database)];
  const [outside, calls] = [new Map<string, Buffer | Error>(), new Array<string>()];
  const stage = (bytes: Buffer = randomBytes(1_000)): Promise<StagedBlob> => blobs.stage(chunksOf(bytes));

  const refetch = async (source: string, sha256: string): Promise<boolean> => {
    calls.push(source);
    const found = outside.get(source);
    if (found instanceof Error) throw found;
    if (!found || sha256Of(found) !== sha256) return false;
    const staged = await stage(found);
    await staged.commit();
    await staged.discard();
    return true;
  };
  const integrity = new Integrity({ records, blobs, sources, refetch, counters, log });
  const reads = verifyReads(blobs, (sha256) => integrity.suspect(sha256));

  return {
    ...storage,
    database,
    store,
    records,
    sources,
    counters,
    integrity,
    reads,
    outside,
    calls,
    log,
    lines,
    stage,
    upload: async (bytes, source) => {
      const staged = await stage(bytes);
      const { sha256, md5, size } = staged;
      await staged.commit();
      const from = source === undefined ? undefined : { source, fileName: 'a.png' };
      const media = await store.insert(newMedia(randomUUID(), { sha256, md5, size, from }), () => staged.commit());
      await staged.discard();
      return media;
    },
    read: async (sha256, range) => {
      const stream = await reads.open(sha256, range);
      return stream && buffer(stream);
    },
    setBlob: async (sha256, values) => void (await database.db.updateTable('blobs').set(values).where('sha256', '=', sha256).execute()),
    counts: async () => Object.fromEntries(Object.entries(await counters.read()).filter(([, count]) => count > 0)),
    cleanup: (options = {}) => new Cleanup({ database, records, blobs, integrity, counters, log, graceSeconds: 3_600, ...options }),
    close: async () => {
      await integrity.stop();
      await database.stop();
      await storage.close();
      await dir.remove();
    },
  };
}
