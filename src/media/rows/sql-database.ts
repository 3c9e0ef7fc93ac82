/**
 * One database behind the SQL stores, and all in which the two dialects differ.
 * Invariant: a transaction either happened or did not; its tables are migrated before anyone sees it.
 */
import { Migrator, type Kysely, type RawBuilder, type Transaction } from 'kysely';
import type { Logger } from '../../runtime/logger.js';
import { migrations, type Tables } from './sql-schema.js';

/** What one process at a time does. */
export type ExclusiveWork = 'relay' | 'cleanup';

export interface SqlDatabase {
  readonly db: Kysely<Tables>;
  /** Runs `work` in a transaction, again when the database gave it up because of another one: `work` must have no other effects. */
  transaction: <T>(work: (trx: Transaction<Tables>) => Promise<T>) => Promise<T>;
  /** Holds up other transactions that lock any of the same keys until this one ends; keys of one call are taken in one order everywhere. */
  lock: (trx: Transaction<Tables>, ...keys: string[]) => Promise<void>;
  /** Runs `work` unless somebody else, here or in another process, is running work of this name; then it returns false at once. */
  exclusively: (name: ExclusiveWork, work: () => Promise<void>) => Promise<boolean>;
  /** Idempotent. */
  stop(): Promise<void>;
}

/** Brings the tables up to date; two processes that start at once do it one after the other. */
export async function migrate(db: Kysely<Tables>, autoIncrement: RawBuilder<unknown>, log: Logger): Promise<void> {
  const provider = { getMigrations: () => Promise.resolve(migrations(autoIncrement)) };
  const { error, results = [] } = await new Migrator({ db, provider }).migrateToLatest();
  if (error) throw new Error('the media tables cannot be migrated', { cause: error });
  for (const { migrationName } of results) log.info({ migration: migrationName }, 'migrated the media tables');
}
