import { pino } from 'pino';
import { join } from 'node:path';
import { openPostgresDatabase } from '../../../src/media/rows/postgres-database.js';
import { createSqlMessageStore } from '../../../src/media/rows/sql-message-store.js';
import { openSqliteDatabase } from '../../../src/media/rows/sqlite-database.js';
import { describeMessageStore } from '../../conformance/message-store.js';
import { sharedPostgres } from '../../support/servers/shared.js';
import { tempDir } from '../../support/wait.js';

const log = pino({ level: 'silent' });

describeMessageStore('SQLite', async () => {
  const dir = await tempDir('messages');
  const database = await openSqliteDatabase(join(dir.path, 'media.db'), log);
  const store = createSqlMessageStore(database);
  return {
    instances: [store, store],
    close: async () => {
      await database.stop();
      await dir.remove();
    },
  };
});

describeMessageStore('PostgreSQL', async () => {
  const server = await sharedPostgres();
  const databases = await Promise.all([openPostgresDatabase(server.url, log), openPostgresDatabase(server.url, log)]);
  const [one, other] = databases;
  return {
    instances: [createSqlMessageStore(one), createSqlMessageStore(other)],
    close: async () => {
      await Promise.all(databases.map((database) => database.stop()));
      await server.stop();
    },
  };
});
