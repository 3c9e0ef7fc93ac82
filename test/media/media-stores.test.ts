import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { join } from 'node:path';
import { openPostgresDatabase } from '../../src/media/rows/postgres-database.js';
import type { SqlDatabase } from '../../src/media/rows/sql-database.js';
import { createSqlMediaStore } from '../../src/media/rows/sql-media-store.js';
import { createSqlOutbox } from '../../src/media/rows/sql-outbox.js';
import { openSqliteDatabase } from '../../src/media/rows/sqlite-database.js';
import { describeMediaChanges } from '../conformance/media-changes.js';
import { describeMediaStore } from '../conformance/media-store.js';
import { sharedPostgres } from '../support/servers/shared.js';
import { tempDir } from '../support/wait.js';

const log = pino({ level: 'silent' });

const parts = (database: SqlDatabase) => ({
  store: createSqlMediaStore(database),
  outbox: createSqlOutbox(database),
  orphanedAt: async (sha256: string) => {
    const blob = await database.db.selectFrom('blobs').select('orphaned_at').where('sha256', '=', sha256).executeTakeFirstOrThrow();
    return blob.orphaned_at ?? undefined;
  },
});

const openSqlite = async () => {
  const dir = await tempDir('sqlite');
  const database = await openSqliteDatabase(join(dir.path, 'deep', 'media.db'), log);
  return {
    ...parts(database),
    close: async () => {
      await database.stop();
      await dir.remove();
    },
  };
};

const openPostgres = async () => {
  const server = await sharedPostgres();
  const database = await openPostgresDatabase(server.url, log);
  return {
    ...parts(database),
    close: async () => {
      await database.stop();
      await server.stop();
    },
  };
};

for (const [name, open] of [['SQLite', openSqlite], ['PostgreSQL', openPostgres]] as const) {
  describeMediaStore(name, open);
  describeMediaChanges(name, open);
}

describe('a database', () => {
  it('is migrated once by several processes that start at once', async () => {
    const server = await sharedPostgres();
    const dir = await tempDir('sqlite');
    const open = [() => openPostgresDatabase(server.url, log), () => openSqliteDatabase(join(dir.path, 'media.db'), log)];
    const databases = await Promise.all(open.flatMap((start) => [start(), start(), start(), start()]));
    const found = await Promise.all(databases.map((database) => createSqlMediaStore(database).findByIds(['1'])));
    expect(found).toEqual(databases.map(() => [undefined]));
    await Promise.all(databases.map((database) => database.stop()));
    await dir.remove();
    await server.stop();
  });

  it('lets one relay work at a time on PostgreSQL', async () => {
    const server = await sharedPostgres();
    const [one, other] = [await openPostgresDatabase(server.url, log), await openPostgresDatabase(server.url, log)];
    let during: boolean | undefined;
    const outer = await one.exclusively('relay', async () => {
      during = await other.exclusively('relay', () => Promise.reject(new Error('two relays work')));
    });
    expect([outer, during]).toEqual([true, false]);
    expect(await other.exclusively('relay', () => Promise.resolve())).toBe(true);
    await Promise.all([one.stop(), other.stop()]);
    await server.stop();
  });
});
