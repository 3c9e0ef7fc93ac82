/**
 * The embedded database: SQLite by libsql, one file, write-ahead log, every commit on disk before it counts.
 * Invariant: nothing reaches libsql that it cannot bind; a boolean or a Date would abort the process, a NUL would cut a text.
 */
import Libsql from 'libsql';
import { Kysely, sql, SqliteAdapter, SqliteDialect, type SqliteDatabase, type SqliteStatement } from 'kysely';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from '../../runtime/logger.js';
import { migrate, type ExclusiveWork, type SqlDatabase } from './sql-database.js';
import type { Tables } from './sql-schema.js';

/** How long a statement waits for another process, in milliseconds; this process stands still meanwhile. */
const busyTimeoutMs = 5_000;

export async function openSqliteDatabase(path: string, log: Logger): Promise<SqlDatabase> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const db = new Kysely<Tables>({ dialect: new Dialect({ database: new GuardedDatabase(path) }) });
  try {
    // AUTOINCREMENT: the id of a deleted row is never given to another.
    await migrate(db, sql`integer primary key autoincrement`, log);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  const running = new Set<ExclusiveWork>();
  return {
    db,
    transaction: (work) => db.transaction().execute(work),
    // Transactions begin IMMEDIATE: there is one writer at a time, whatever it writes.
    lock: () => Promise.resolve(),
    exclusively: async (name, work) => {
      // The embedded mode is one process. Two on one file would publish an event twice at most, which consumers bear, or look twice.
      if (running.has(name)) return false;
      running.add(name);
      try {
        await work();
      } finally {
        running.delete(name);
      }
      return true;
    },
    stop: () => db.destroy(),
  };
}

class Dialect extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new Adapter();
  }
}

/** Kysely holds SQLite's DDL for not transactional, which it is: in a transaction, two processes migrate one after the other. */
class Adapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): true {
    return true;
  }
}

class GuardedDatabase implements SqliteDatabase {
  readonly #database: Libsql.Database;

  constructor(path: string) {
    this.#database = new Libsql(path);
    this.#database.exec(`pragma busy_timeout = ${busyTimeoutMs}`);
    for (const pragma of ['journal_mode = wal', 'synchronous = full', 'foreign_keys = on']) this.#database.exec(`pragma ${pragma}`);
  }

  prepare(text: string): SqliteStatement {
    // A deferred transaction that turns into a writer fails at once when another process wrote meanwhile, without waiting.
    const statement = this.#database.prepare(text === 'begin' ? 'begin immediate' : text);
    return {
      reader: statement.reader,
      all: (parameters) => statement.all(parameters.map(bindable)),
      run: (parameters) => statement.run(parameters.map(bindable)),
      iterate: (parameters) => statement.iterate(parameters.map(bindable)),
    };
  }

  close(): void {
    this.#database.close();
  }
}

function bindable(value: unknown): string | number | bigint | Buffer | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'number' || typeof value === 'bigint' || Buffer.isBuffer(value)) return value;
  if (typeof value === 'string' && !value.includes('\0')) return value;
  throw new TypeError(`SQLite cannot store this ${typeof value}`);
}
