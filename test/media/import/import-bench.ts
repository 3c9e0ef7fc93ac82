/**
 * An importer on real stores and a scripted host, for one test: its waits are recorded and not waited for, its clock can be set.
 * Invariant: when it closes, neither a socket nor a staged file is left; else the test fails.
 */
import { expect } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { pino } from 'pino';
import { createLocalBlobStore } from '../../../src/media/bytes/local-blob-store.js';
import type { BlobStore } from '../../../src/media/bytes/blob-store.js';
import { Collections } from '../../../src/media/files/collections.js';
import { createMemoryFailedMedia, type FailedMedia } from '../../../src/media/import/failed-media.js';
import type { FetchedFile, ImportSource } from '../../../src/media/import/fetched-file.js';
import { Importer, type ImporterOptions } from '../../../src/media/import/importer.js';
import { Library } from '../../../src/media/library.js';
import { UrlSigner } from '../../../src/media/http/signed-urls.js';
import { counterNames, type CounterName, type Counters } from '../../../src/media/rows/counters.js';
import type { MediaProvider } from '../../../src/media/import/provider.js';
import type { Sources } from '../../../src/media/rows/sources.js';
import { createSqlCounters } from '../../../src/media/rows/sql-counters.js';
import type { SqlDatabase } from '../../../src/media/rows/sql-database.js';
import { createSqlMediaStore } from '../../../src/media/rows/sql-media-store.js';
import { createSqlSources } from '../../../src/media/rows/sql-sources.js';
import { openSqliteDatabase } from '../../../src/media/rows/sqlite-database.js';
import { readSettings } from '../../../src/runtime/settings.js';
import { fakeProvider } from '../../support/fake-provider.js';
import { startMediaHost, type MediaHost } from '../../support/media-host.js';
import { tempDir, waitFor, type TempDir } from '../../support/wait.js';
import { png } from '../images.js';

export interface BenchOptions {
  env?: Record<string, string>;
  /** Default in memory. Stopped by whoever made it. */
  failedMedia?: FailedMedia;
  timeouts?: NonNullable<ImporterOptions['time']>['timeouts'];
  /** Default real ones. */
  counters?: Counters;
  /** Called when a file could not be staged; the importer hears of it when that has ended. */
  beforeStagingFails?: () => Promise<void>;
  /** Besides the fake one. */
  providers?: readonly MediaProvider[];
  /** Further hosts that may be called. */
  hosts?: readonly string[];
}

interface Parts {
  dir: TempDir;
  host: MediaHost;
  database: SqlDatabase;
  blobs: BlobStore;
}

export class ImportBench {
  readonly host: MediaHost;
  readonly database: SqlDatabase;
  readonly blobs: BlobStore;
  readonly sources: Sources;
  readonly counters: Counters;
  readonly importer: Importer;
  readonly library: Library;
  /** The messages of the log, each with its level before it. */
  readonly lines: string[] = [];
  /** The whole log. */
  readonly log: string[] = [];
  /** Milliseconds of each wait between tries. */
  readonly waits: number[] = [];
  /** Added to the importer's clock, in milliseconds. */
  ahead = 0;
  readonly #dir: TempDir;

  private constructor({ dir, host, database, blobs }: Parts, collections: Collections, { env = {}, failedMedia, timeouts, counters, hosts = [], providers = [], beforeStagingFails }: BenchOptions) {
    this.#dir = dir;
    this.host = host;
    this.database = database;
    this.blobs = blobs;
    this.sources = createSqlSources(database);
    this.counters = counters ?? createSqlCounters(database);
    const settings = readSettings({ MEDIA_IMPORT_ALLOWED_HOSTS: [host.host, ...hosts].join(','), ...env }, ['media']);
    const log = pino({ level: 'debug', formatters: { level: (level) => ({ level }) } }, { write: (line: string) => this.#hear(line) });
    const pause = (ms: number): Promise<boolean> => {
      this.waits.push(ms);
      return Promise.resolve(true);
    };
    const stage: BlobStore['stage'] = async (chunks) => {
      try {
        return await blobs.stage(chunks);
      } catch (error) {
        await beforeStagingFails?.();
        throw error;
      }
    };
    this.importer = new Importer({
      sources: this.sources,
      counters: this.counters,
      blobs: { stage, open: (sha256, range) => blobs.open(sha256, range), stat: (sha256) => blobs.stat(sha256) },
      failedMedia: failedMedia ?? createMemoryFailedMedia(),
      providers: [fakeProvider(host), ...providers],
      settings,
      log,
      time: { now: () => Date.now() + this.ahead, pause, ...(timeouts && { timeouts }) },
    });
    this.library = new Library({
      store: createSqlMediaStore(database),
      conversions: { find: (ids) => Promise.resolve(ids.map(() => undefined)) },
      blobs,
      collections,
      importer: this.importer,
      signer: new UrlSigner([{ id: 'k1', secret: 'a secret of the tests' }]),
      publicUrl: () => 'http://media.test',
      onCommit: () => undefined,
      counters: { add: () => Promise.resolve() },
    });
  }

  static async start(options: BenchOptions = {}): Promise<ImportBench> {
    const dir = await tempDir('import');
    const host = await startMediaHost();
    const database = await openSqliteDatabase(join(dir.path, 'media.db'), pino({ level: 'silent' }));
    const blobs = await createLocalBlobStore(join(dir.path, 'blobs'));
    return new ImportBench({ dir, host, database, blobs }, await Collections.read(undefined, 536_870_912), options);
  }

  url(path: string): ImportSource {
    return { kind: 'url', url: this.host.url(path) };
  }

  media(id: string, hoursAgo?: number): ImportSource {
    return { kind: 'provider', provider: 'fake', id, announcedAt: hoursAgo === undefined ? undefined : new Date(Date.now() - hoursAgo * 3_600_000) };
  }

  /** What an import does that looks at the file and keeps nothing of it. */
  look<T = FetchedFile>(source: ImportSource, read?: (file: FetchedFile) => Promise<T>, maxBytes = 536_870_912): Promise<T | FetchedFile> {
    return this.importer.withFile<T | FetchedFile>(source, { maxBytes }, read ?? ((file) => Promise.resolve(file)));
  }

  /** Adds the file to the images of a product. */
  add(source: ImportSource, modelId = '1') {
    const owner = { modelType: 'Product', modelId, collectionName: 'images' };
    return this.library.import({ ...owner, fileName: '', name: '', customProperties: '', idempotencyKey: '' }, source);
  }

  /** The counters that counted, once all is counted. */
  async counted(expected: Partial<Record<CounterName, number>>): Promise<void> {
    const read = async (): Promise<Partial<Record<CounterName, number>>> => {
      const all = await this.counters.read();
      return Object.fromEntries(counterNames.filter((name) => all[name] > 0).map((name) => [name, all[name]]));
    };
    await waitFor(async () => JSON.stringify(await read()) === JSON.stringify(expected), { what: `the counters ${JSON.stringify(expected)}`, timeoutMs: 3_000 }).catch(
      () => undefined,
    );
    expect(await read()).toEqual(expected);
  }

  async storedBlobs(): Promise<number> {
    const hashes = new Set<string>();
    for await (const { sha256 } of this.blobs.list()) hashes.add(sha256);
    return hashes.size;
  }

  async staged(): Promise<number> {
    return (await this.blobs.sweepTemporary(new Date(Date.now() + 60_000), { dryRun: true })).count;
  }

  async close(): Promise<void> {
    try {
      await waitFor(() => this.host.openSockets() === 0, { what: 'all sockets to be closed' });
      expect(await this.staged()).toBe(0);
    } finally {
      await this.importer.stop();
      await this.host.stop();
      await this.database.stop();
      await this.blobs.stop();
      await this.#dir.remove();
    }
  }

  #hear(line: string): void {
    const { level, msg }: { level: string; msg: string } = JSON.parse(line);
    this.lines.push(`${level}: ${msg}`);
    this.log.push(line);
  }
}

/** A PNG of its own. */
export function somePng(): Buffer {
  return png(3, 4, randomBytes(8).toString('hex'));
}

/** The code and the message of what `work` rejects with. */
export async function failureOf(work: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error = await work.then(() => new Error('it did not fail'), (thrown: unknown) => thrown);
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return { code: error.code, message: error.message };
  throw error;
}

/** Resolves once a negative cache is connected to what it remembers in. */
export async function untilRemembering(failedMedia: FailedMedia): Promise<void> {
  const probe: ImportSource = { kind: 'provider', provider: 'probe', id: randomBytes(8).toString('hex'), announcedAt: undefined };
  const remembers = async (): Promise<boolean> => {
    await failedMedia.mark(probe, { kind: 'gone', reason: 'a probe' }, 60_000);
    return (await failedMedia.find(probe)) !== undefined;
  };
  await waitFor(remembers, { what: 'the negative cache to remember' });
}
