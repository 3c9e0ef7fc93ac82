import { pino } from 'pino';
import { join } from 'node:path';
import { openPostgresDatabase } from '../../../src/media/rows/postgres-database.js';
import { createSqlConversionStore } from '../../../src/media/rows/sql-conversion-store.js';
import type { SqlDatabase } from '../../../src/media/rows/sql-database.js';
import { createSqlMediaStore } from '../../../src/media/rows/sql-media-store.js';
import { createSqlOutbox } from '../../../src/media/rows/sql-outbox.js';
import { openSqliteDatabase } from '../../../src/media/rows/sqlite-database.js';
import { describeConversionStore, type TestConversionStore } from '../../conformance/conversion-store.js';
import { sharedPostgres } from '../../support/servers/shared.js';
import { tempDir } from '../../support/wait.js';

const log = pino({ level: 'silent' });

function parts([one, other = one]: [SqlDatabase, SqlDatabase?], remove: () => Promise<void>): TestConversionStore {
  const blob = (sha256: string) => one.db.selectFrom('blobs').selectAll().where('sha256', '=', sha256).executeTakeFirst();
  return {
    instances: [createSqlConversionStore(one), createSqlConversionStore(other)],
    media: createSqlMediaStore(one),
    outbox: createSqlOutbox(one),
    orphanedAt: async (sha256) => (await blob(sha256))?.orphaned_at ?? undefined,
    isRecorded: async (sha256) => (await blob(sha256)) !== undefined,
    close: async () => {
      await Promise.all([one.stop(), other.stop()]);
      await remove();
    },
  };
}

describeConversionStore('SQLite', async () => {
  const dir = await tempDir('sqlite');
  // One process has one handle: a second one would wait for the first, which cannot go on meanwhile.
  return parts([await openSqliteDatabase(join(dir.path, 'media.db'), log)], () => dir.remove());
});

describeConversionStore('PostgreSQL', async () => {
  const server = await sharedPostgres();
  return parts([await openPostgresDatabase(server.url, log), await openPostgresDatabase(server.url, log)], () => server.stop());
});
