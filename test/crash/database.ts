/**
 * The database of the service, looked at past it.
 * Invariant: connected only for the time of one look. Somebody who stays connected to a SQLite file spares a killed process's successor the recovery.
 */
import Libsql from 'libsql';
import { Client } from 'pg';

export interface Database {
  kind: 'sqlite' | 'postgres';
  /** For the service. */
  env: Readonly<Record<string, string>>;
  /** The rows that a statement gives. */
  query(text: string): Promise<unknown[]>;
}

export function sqliteFile(path: string): Database {
  return {
    kind: 'sqlite',
    env: { MEDIA_DATABASE_URL: `file:${path}` },
    query: (text) => Promise.resolve(queryFile(path, text)),
  };
}

function queryFile(path: string, text: string): unknown[] {
  const database = new Libsql(path);
  try {
    database.exec('pragma busy_timeout = 5000');
    const statement = database.prepare(text);
    if (statement.reader) return statement.all();
    statement.run();
    return [];
  } finally {
    database.close();
  }
}

export function postgresDatabase(url: string): Database {
  return {
    kind: 'postgres',
    env: { MEDIA_DATABASE_URL: url },
    query: async (text) => {
      const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000, query_timeout: 20_000 });
      await client.connect();
      try {
        const { rows } = await client.query<Record<string, unknown>>(text);
        return rows;
      } finally {
        await client.end();
      }
    },
  };
}
