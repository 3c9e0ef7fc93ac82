import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { pino } from 'pino';
import type { NewMedia } from '../../src/media/rows/media-store.js';
import { openPostgresDatabase } from '../../src/media/rows/postgres-database.js';
import { createSqlCounters } from '../../src/media/rows/sql-counters.js';
import type { SqlDatabase } from '../../src/media/rows/sql-database.js';
import { createSqlMediaStore } from '../../src/media/rows/sql-media-store.js';
import { openSqliteDatabase } from '../../src/media/rows/sqlite-database.js';
import { formatBytes } from '../../src/media/upkeep/byte-size.js';
import { mediaTypeOf, Statistics, statisticsDocument } from '../../src/media/upkeep/statistics.js';
import { describeCounters } from '../conformance/counters.js';
import { sharedPostgres } from '../support/servers/shared.js';
import { tempDir } from '../support/wait.js';

const log = pino({ level: 'silent' });

describeCounters('SQLite', async () => {
  const dir = await tempDir('counters');
  const path = join(dir.path, 'media.db');
  const databases = [await openSqliteDatabase(path, log), await openSqliteDatabase(path, log)] as const;
  return {
    instances: [createSqlCounters(databases[0]), createSqlCounters(databases[1])],
    close: async () => {
      await Promise.all(databases.map((database) => database.stop()));
      await dir.remove();
    },
  };
});

describeCounters('PostgreSQL', async () => {
  const server = await sharedPostgres();
  const databases = [await openPostgresDatabase(server.url, log), await openPostgresDatabase(server.url, log)] as const;
  return {
    instances: [createSqlCounters(databases[0]), createSqlCounters(databases[1])],
    close: async () => {
      await Promise.all(databases.map((database) => database.stop()));
      await server.stop();
    },
  };
});

function file(mimeType: string, size: number, changes: Partial<NewMedia> = {}): NewMedia {
  const sha256 = createHash('sha256').update(randomUUID()).digest('hex');
  const owner = { modelType: 'Product', modelId: '7', collectionName: 'files' };
  const rules = { keepLatest: undefined, conversions: [], from: undefined, idempotencyKey: '' };
  const kind = { mimeType, width: 0, height: 0, size, sha256, md5: sha256.slice(0, 32) };
  return { ...owner, ...rules, ...kind, name: 'a', fileName: 'a.bin', disk: 'local', customProperties: '{}', ...changes };
}

const thereAlready = (): Promise<void> => Promise.resolve();

describe.each([
  {
    name: 'SQLite',
    open: async () => {
      const dir = await tempDir('statistics');
      return { start: () => openSqliteDatabase(join(dir.path, 'media.db'), log), remove: () => dir.remove() };
    },
  },
  {
    name: 'PostgreSQL',
    open: async () => {
      const server = await sharedPostgres();
      return { start: () => openPostgresDatabase(server.url, log), remove: () => server.stop() };
    },
  },
])('the statistics on $name', ({ open }) => {
  let place: { start: () => Promise<SqlDatabase>; remove: () => Promise<void> };
  let database: SqlDatabase;
  let second: SqlDatabase;
  beforeAll(async () => {
    place = await open();
    database = await place.start();
    second = await place.start();
  });
  afterAll(async () => {
    await Promise.all([database, second].map((one) => one.stop()));
    await place.remove();
  });

  const statisticsOf = (one: SqlDatabase): Statistics => new Statistics({ database: one, counters: createSqlCounters(one) });

  /** Statistics on a clock of their own, on which each count takes `countMs`. */
  const watched = (countMs = 0) => {
    const clock = { ms: 0 };
    let counted = 0;
    const counters = createSqlCounters(database);
    const read = (): ReturnType<typeof counters.read> => {
      counted += 1;
      clock.ms += countMs;
      return counters.read();
    };
    return { statistics: new Statistics({ database, counters: { read }, now: () => clock.ms }), clock, counts: () => counted };
  };

  it('are all zeros for a store that has nothing', async () => {
    const statistics = await statisticsOf(database).read();
    expect(statistics).toMatchObject({ files: 0, blobs: 0, bytes: 0 });
    expect(statistics.types).toEqual(['image', 'video', 'audio', 'document', 'other'].map((type) => ({ type, blobs: 0, bytes: 0 })));
    expect(statisticsDocument(statistics)).toMatchObject({ total_requests: 0, cache_hit_rate: '0.0%', bytes_human: '0 B' });
  });

  it('S3: stats per type and human-readable sizes', async () => {
    const store = createSqlMediaStore(database);
    const picture = file('image/png', 1_500_000);
    // Its bytes are stored once.
    const twice = [picture, { ...picture, modelId: '8' }];
    const others = [file('image/webp', 500_000), file('video/mp4', 5_000_000_000), file('application/pdf', 999), file('application/zip', 1)];
    await Promise.all([...twice, ...others].map((media) => store.insert(media, thereAlready)));
    const damaged = await store.insert(file('audio/ogg', 10), thereAlready);
    await database.db.updateTable('blobs').set({ state: 'damaged' }).where('sha256', '=', damaged.sha256).execute();

    const document = statisticsDocument(await statisticsOf(second).read());
    expect(document).toMatchObject({ files: 7, blobs: 5, bytes: 5_002_001_000, bytes_human: '5.0 GB' });
    expect(document.types).toEqual({
      image: { blobs: 2, bytes: 2_000_000, bytes_human: '2.0 MB' },
      video: { blobs: 1, bytes: 5_000_000_000, bytes_human: '5.0 GB' },
      audio: { blobs: 0, bytes: 0, bytes_human: '0 B' },
      document: { blobs: 1, bytes: 999, bytes_human: '999 B' },
      other: { blobs: 1, bytes: 1, bytes_human: '1 B' },
    });
  });

  it('of two instances count together', async () => {
    await Promise.all([createSqlCounters(database).add({ total_requests: 100, cache_hits: 45 }), createSqlCounters(second).add({ total_requests: 50, failed_calls: 12 })]);
    const [one, other] = await Promise.all([statisticsOf(database).read(), statisticsOf(second).read()]);
    expect(one).toEqual(other);
    expect(statisticsDocument(one)).toMatchObject({ total_requests: 150, cache_hits: 45, failed_calls: 12, cache_hit_rate: '30.0%' });
  });

  it('are counted once for all who ask in one second, and are new after it', async () => {
    const { statistics, clock, counts } = watched();
    const [first] = await Promise.all(Array.from({ length: 100 }, () => statistics.read()));
    clock.ms += 999;
    expect(await statistics.read()).toBe(first);
    expect(counts()).toBe(1);
    await createSqlCounters(database).add({ uploads: 1 });
    clock.ms += 1;
    expect((await statistics.read()).counters.uploads).toBe(1);
    expect(counts()).toBe(2);
  });

  it('rest ten times as long as a count took', async () => {
    const { statistics, clock, counts } = watched(3_000);
    await statistics.read();
    clock.ms += 29_999;
    await statistics.read();
    expect(counts()).toBe(1);
    clock.ms += 1;
    await statistics.read();
    expect(counts()).toBe(2);
  });

  it('ask again after a failure, and not for a failed count', async () => {
    const counters = createSqlCounters(database);
    let failures = 1;
    const statistics = new Statistics({ database, counters: { read: () => (failures-- > 0 ? Promise.reject(new Error('no answer')) : counters.read()) } });
    await expect(statistics.read()).rejects.toThrow('no answer');
    expect((await statistics.read()).files).toBe(7);
  });
});

describe('the type of a file', () => {
  it.each([
    ['image', ['image/png', 'image/svg+xml']],
    ['video', ['video/mp4', 'video/quicktime']],
    ['audio', ['audio/ogg', 'audio/mpeg']],
    ['document', ['application/pdf', 'text/plain', 'text/csv', 'application/msword', 'application/vnd.ms-excel', 'application/x-cfb']],
    ['document', ['application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', 'application/vnd.oasis.opendocument.text']],
    ['other', ['application/zip', 'application/octet-stream', 'application/vnd.ms-cab-compressed', 'font/woff2', '']],
  ])('is %s by its MIME type', (type, mimeTypes) => {
    expect(mimeTypes.map(mediaTypeOf)).toEqual(mimeTypes.map(() => type));
  });
});

describe('a size', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1.0 kB'],
    [1_500_000, '1.5 MB'],
    [999_949, '999.9 kB'],
    [999_950, '1.0 MB'],
    [1_234_567_890, '1.2 GB'],
    [9.9e18, '9900.0 PB'],
  ])('of %d bytes reads %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});
