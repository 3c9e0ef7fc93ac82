/**
 * The sources in SQL. A source is also noted by sql-media-store.ts, in the transaction of the media that was imported from it.
 * Invariant: a kept blob is recorded under its lock, so that a cleanup sees either its term or no record.
 */
import type { Transaction } from 'kysely';
import type { NewBlob } from './blob-records.js';
import { fromBlobRow } from './blob-row.js';
import { blobLock, putRecord } from './sql-blobs.js';
import type { SqlDatabase } from './sql-database.js';
import type { Tables } from './sql-schema.js';
import type { Origin, SourcedBlob, Sources } from './sources.js';

export function createSqlSources(database: SqlDatabase): Sources {
  return new SqlSources(database);
}

class SqlSources implements Sources {
  readonly #database: SqlDatabase;

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  async find(source: string): Promise<SourcedBlob | undefined> {
    const row = await this.#database.db
      .selectFrom('sources')
      .innerJoin('blobs', 'blobs.sha256', 'sources.sha256')
      .selectAll('blobs')
      .select(['sources.file_name', 'sources.fetched_at'])
      .where('sources.source', '=', source)
      .where('blobs.state', '=', 'stored')
      .executeTakeFirst();
    return row && { blob: fromBlobRow(row), fileName: row.file_name, fetchedAt: row.fetched_at };
  }

  async of(sha256: string): Promise<string[]> {
    const rows = await this.#database.db
      .selectFrom('sources')
      .select('source')
      .where('sha256', '=', sha256)
      .orderBy('fetched_at', 'desc')
      .orderBy('source')
      .execute();
    return rows.map(({ source }) => source);
  }

  keep(blob: NewBlob, from: Origin, until: Date, putBytes: () => Promise<void>): Promise<void> {
    return this.#database.transaction(async (trx) => {
      await this.#database.lock(trx, blobLock(blob.sha256));
      const now = new Date().toISOString();
      await keepBlob(trx, blob, until.toISOString(), now, putBytes);
      await noteSource(trx, from, blob.sha256, now);
    });
  }
}

/** Of a blob that is locked. One that is in use stays so, with the term for the time after. */
async function keepBlob(trx: Transaction<Tables>, blob: NewBlob, until: string, now: string, putBytes: () => Promise<void>): Promise<void> {
  const known = await trx.selectFrom('blobs').select(['state', 'orphaned_at', 'kept_until']).where('sha256', '=', blob.sha256).executeTakeFirst();
  const keptUntil = known?.kept_until && known.kept_until > until ? known.kept_until : until;
  if (known?.state === 'stored' && known.orphaned_at === null) {
    await trx.updateTable('blobs').set({ kept_until: keptUntil }).where('sha256', '=', blob.sha256).execute();
    return;
  }
  await putBytes();
  await putRecord(trx, blob, now, { orphanedAt: now, keptUntil });
}

/** In the transaction, after the blob was recorded. The latest counts. */
export async function noteSource(trx: Transaction<Tables>, { source, fileName, fetchedAt }: Origin, sha256: string, now: string): Promise<void> {
  const latest = { sha256, file_name: fileName, fetched_at: fetchedAt ?? now };
  await trx
    .insertInto('sources')
    .values({ source, ...latest })
    .onConflict((conflict) => conflict.column('source').doUpdateSet(latest))
    .execute();
}
