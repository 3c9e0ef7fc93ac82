/**
 * The production database: PostgreSQL by node-postgres.
 * Invariant: no query and no wait for a connection without a deadline; a transaction that met a deadlock is run again.
 */
import { Kysely, PostgresDialect, sql, type RawBuilder } from 'kysely';
import { DatabaseError, Pool } from 'pg';
import { backoffMs, pause } from '../../runtime/backoff.js';
import type { Logger } from '../../runtime/logger.js';
import { migrate, type ExclusiveWork, type SqlDatabase } from './sql-database.js';
import type { Tables } from './sql-schema.js';

const transactionTries = 5;
const connections = 10;

/** Among all that use advisory locks in this database. */
const workLocks: Record<ExclusiveWork, RawBuilder<number>> = { relay: sql.lit(7_246_301_928_114), cleanup: sql.lit(7_246_301_928_115) };

export async function openPostgresDatabase(url: string, log: Logger): Promise<SqlDatabase> {
  const pool = new Pool({
    connectionString: url,
    application_name: 'media-service',
    max: connections,
    connectionTimeoutMillis: 5_000,
    query_timeout: 15_000,
    statement_timeout: 10_000,
    idle_in_transaction_session_timeout: 30_000,
    keepAlive: true,
  });
  // An idle connection that breaks; the next query takes a new one.
  pool.on('error', (error) => log.warn({ err: error }, 'lost a database connection'));
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= db.destroy());
  try {
    await migrate(db, sql`bigserial primary key`, log);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    db,
    transaction: (work) => untilCommitted(() => db.transaction().execute(work)),
    lock: async (trx, ...keys) => {
      const ordered = sql`select distinct hashtextextended(name, 0) as key from unnest(${keys}::text[]) as name order by key`;
      await sql`select pg_advisory_xact_lock(key) from (${ordered}) as ordered`.execute(trx);
    },
    exclusively: (name, work) => withLock(db, workLocks[name], work),
    stop,
  };
}

/** The lock lives with its connection: when that breaks meanwhile, two may work for a moment, which costs repeated events, or a second look. */
function withLock(db: Kysely<Tables>, lock: RawBuilder<number>, work: () => Promise<void>): Promise<boolean> {
  return db.connection().execute(async (connection) => {
    const { rows } = await sql<{ held: boolean }>`select pg_try_advisory_lock(${lock}) as held`.execute(connection);
    if (!rows[0]?.held) return false;
    try {
      await work();
    } finally {
      await sql`select pg_advisory_unlock(${lock})`.execute(connection);
    }
    return true;
  });
}

async function untilCommitted<T>(transaction: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      // One after the other: a try follows a failed one only.
      // oxlint-disable-next-line no-await-in-loop
      return await transaction();
    } catch (error) {
      if (attempt === transactionTries || !wasGivenUp(error)) throw error;
      // oxlint-disable-next-line no-await-in-loop
      await pause(backoffMs(attempt, { firstMs: 10, maxMs: 200 }));
    }
  }
}

/** serialization_failure, deadlock_detected */
function wasGivenUp(error: unknown): boolean {
  return error instanceof DatabaseError && (error.code === '40001' || error.code === '40P01');
}
