/**
 * The embedded database: SQLite by libsql, one file, write-ahead log.
 * Every transaction is on disk before anybody hears of it, whoever began it and whoever reads what it wrote. SQLite leaves the sync of its log
 * to us (https://www.sqlite.org/pragma.html#pragma_synchronous, `normal`), so that transactions share it and this process goes on meanwhile.
 * Invariant: nothing reaches libsql that it cannot bind; a boolean or a Date would abort the process, a NUL would cut a text.
 */
import Libsql from 'libsql';
import { Kysely, sql, SqliteAdapter, SqliteDialect, type SqliteDatabase, type SqliteStatement } from 'kysely';
import { LRUCache } from 'lru-cache';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from '../../runtime/logger.js';
import { migrate, type ExclusiveWork, type SqlDatabase } from './sql-database.js';
import { SharedSync } from './shared-sync.js';
import type { Tables } from './sql-schema.js';

/** How long a statement waits for another process, in milliseconds; this process stands still meanwhile. */
const busyTimeoutMs = 5_000;

/** Statements that are kept prepared; those of a batch have a text for each of its sizes. */
const maxStatements = 300;

export async function openSqliteDatabase(path: string, logger: Logger): Promise<SqlDatabase> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const database = new GuardedDatabase(path);
  const writing = new Kysely<Tables>({ dialect: new Dialect({ database }) });
  try {
    // AUTOINCREMENT: the id of a deleted row is never given to another.
    await migrate(writing, sql`integer primary key autoincrement`, logger);
    await database.syncLog();
  } catch (error) {
    await database.leaveLog();
    await writing.destroy();
    throw error;
  }
  const running = new Set<ExclusiveWork>();
  return {
    db: writing.withPlugin({
      transformQuery: ({ node }) => node,
      transformResult: async ({ result }) => {
        await database.synced();
        return result;
      },
    }),
    transaction: async (work) => {
      const result = await writing.transaction().execute(work);
      await database.synced();
      return result;
    },
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
    stop: async () => {
      await database.leaveLog();
      await writing.destroy();
    },
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
  readonly #statements = new LRUCache<string, SqliteStatement>({ max: maxStatements });
  readonly #path: string;
  #log: SharedSync | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#database = new Libsql(path);
    this.#database.exec(`pragma busy_timeout = ${busyTimeoutMs}`);
    for (const pragma of ['journal_mode = wal', 'synchronous = normal', 'foreign_keys = on']) this.#database.exec(`pragma ${pragma}`);
  }

  prepare(text: string): SqliteStatement {
    const known = this.#statements.get(text);
    if (known) return known;
    const statement = this.#prepare(text);
    this.#statements.set(text, statement);
    return statement;
  }

  #prepare(text: string): SqliteStatement {
    // A deferred transaction that turns into a writer fails at once when another process wrote meanwhile, without waiting.
    const statement = this.#database.prepare(text === 'begin' ? 'begin immediate' : text);
    const { reader } = statement;
    const ran = <T>(result: T): T => {
      if (!readOnly.test(text) && !this.#database.inTransaction) this.#log?.written();
      return result;
    };
    return {
      reader,
      all: (parameters) => ran(statement.all(parameters.map(bindable))),
      run: (parameters) => ran(statement.run(parameters.map(bindable))),
      // Kysely reads streams with it.
      iterate: (parameters) => statement.iterate(parameters.map(bindable)),
    };
  }

  /** From now on what is committed is brought to disk; before, SQLite was left to do so in its time. The log must be there. */
  async syncLog(): Promise<void> {
    // The file stays the same as long as the database is open.
    this.#log = await SharedSync.open(`${this.#path}-wal`);
    this.#log.written();
    await this.#log.synced();
  }

  /** Resolves when all that was committed would outlive a power cut. @throws Error when the disk has failed. */
  async synced(): Promise<void> {
    await this.#log?.synced();
  }

  /** After the last sync; SQLite does that of its end by itself. Idempotent, never rejects. */
  async leaveLog(): Promise<void> {
    const log = this.#log;
    this.#log = undefined;
    await log?.close();
  }

  close(): void {
    this.#database.close();
  }
}

/** What needs no sync. */
const readOnly = /^\s*(select|with|begin|savepoint)\b/i;

function bindable(value: unknown): string | number | bigint | Buffer | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'number' || typeof value === 'bigint' || Buffer.isBuffer(value)) return value;
  if (typeof value === 'string' && !value.includes('\0')) return value;
  throw new TypeError(`SQLite cannot store this ${typeof value}`);
}
