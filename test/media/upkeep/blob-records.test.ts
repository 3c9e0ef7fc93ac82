import { pino } from 'pino';
import { join } from 'node:path';
import { createLocalBlobStore } from '../../../src/media/bytes/local-blob-store.js';
import { openPostgresDatabase } from '../../../src/media/rows/postgres-database.js';
import { openSqliteDatabase } from '../../../src/media/rows/sqlite-database.js';
import { describeBlobRecords } from '../../conformance/blob-records.js';
import { describeBlobRemoval } from '../../conformance/blob-removal.js';
import type { TestBlobRecords } from '../../conformance/recorded-blobs.js';
import { sharedPostgres } from '../../support/servers/shared.js';
import { tempDir } from '../../support/wait.js';

const log = pino({ level: 'silent' });

const openSqlite = async (): Promise<TestBlobRecords> => {
  const dir = await tempDir('records');
  const path = join(dir.path, 'media.db');
  const [database, other] = [await openSqliteDatabase(path, log), await openSqliteDatabase(path, log)];
  return {
    database,
    other,
    // A connection that waits for another holds up the process that the other is in.
    canWait: false,
    blobs: await createLocalBlobStore(join(dir.path, 'blobs')),
    close: async () => {
      await Promise.all([database.stop(), other.stop()]);
      await dir.remove();
    },
  };
};

const openPostgres = async (): Promise<TestBlobRecords> => {
  const [dir, server] = [await tempDir('records'), await sharedPostgres()];
  const [database, other] = [await openPostgresDatabase(server.url, log), await openPostgresDatabase(server.url, log)];
  return {
    database,
    other,
    canWait: true,
    blobs: await createLocalBlobStore(join(dir.path, 'blobs')),
    close: async () => {
      await Promise.all([database.stop(), other.stop()]);
      await server.stop();
      await dir.remove();
    },
  };
};

for (const [name, open] of [['SQLite', openSqlite], ['PostgreSQL', openPostgres]] as const) {
  describeBlobRecords(name, open);
  describeBlobRemoval(name, open);
}
