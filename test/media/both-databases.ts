/** The two databases that stores of rows are tried on, each by two instances of the service. */
import { join } from 'node:path';
import { pino } from 'pino';
import { openPostgresDatabase } from '../../src/media/rows/postgres-database.js';
import type { SqlDatabase } from '../../src/media/rows/sql-database.js';
import { openSqliteDatabase } from '../../src/media/rows/sqlite-database.js';
import { sharedPostgres } from '../support/servers/shared.js';
import { tempDir } from '../support/wait.js';

const log = pino({ level: 'silent' });

interface OnDatabase<Store> {
  instances: [Store, Store];
  close(): Promise<void>;
}

async function onSqlite<Store>(create: (database: SqlDatabase) => Store): Promise<OnDatabase<Store>> {
  const dir = await tempDir('stores');
  const database = await openSqliteDatabase(join(dir.path, 'media.db'), log);
  // One process has this database, and one store of it.
  const store = create(database);
  return {
    instances: [store, store],
    close: async () => {
      await database.stop();
      await dir.remove();
    },
  };
}

async function onPostgres<Store>(create: (database: SqlDatabase) => Store): Promise<OnDatabase<Store>> {
  const server = await sharedPostgres();
  const [one, other] = await Promise.all([openPostgresDatabase(server.url, log), openPostgresDatabase(server.url, log)]);
  return {
    instances: [create(one), create(other)],
    close: async () => {
      await Promise.all([one.stop(), other.stop()]);
      await server.stop();
    },
  };
}

/** Calls `describe` for each database with a way to open stores on a fresh one. */
export function onBothDatabases<Store>(create: (database: SqlDatabase) => Store, describe: (name: string, open: () => Promise<OnDatabase<Store>>) => void): void {
  describe('SQLite', () => onSqlite(create));
  describe('PostgreSQL', () => onPostgres(create));
}
