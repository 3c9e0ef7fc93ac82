/**
 * The blobs' records in SQL, the same on both dialects.
 * Invariant: a deletion is two transactions, each under the blob's lock: the first says so, the second removes bytes and record. Whoever dies
 * between them leaves a blob that nobody takes for stored; a reference that comes between them puts the bytes again and takes the blob back.
 */
import { sql, type ExpressionBuilder, type Transaction } from 'kysely';
import { fromBlobRow } from './blob-row.js';
import type { BlobRecord, BlobRecords } from './blob-records.js';
import { blobLock } from './sql-blobs.js';
import type { SqlDatabase } from './sql-database.js';
import type { Tables } from './sql-schema.js';

export function createSqlBlobRecords(database: SqlDatabase): BlobRecords {
  return new SqlBlobRecords(database);
}

/** To put bytes is to have read them. The index has this expression. */
const lastRead = sql<string>`coalesce(verified_at, created_at)`;

class SqlBlobRecords implements BlobRecords {
  readonly #database: SqlDatabase;

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  async find(sha256: string): Promise<BlobRecord | undefined> {
    const row = await this.#blobs().where('sha256', '=', sha256).executeTakeFirst();
    return row && fromBlobRow(row);
  }

  async findByMd5(md5: string): Promise<BlobRecord[]> {
    const rows = await this.#blobs().where('md5', '=', md5).orderBy('sha256').execute();
    return rows.map(fromBlobRow);
  }

  async orphans(before: Date, limit: number, after?: BlobRecord): Promise<BlobRecord[]> {
    let query = this.#blobs().where((blob) => isRemovable(blob, before));
    const { orphanedAt = '', sha256 = '' } = after ?? {};
    if (after) query = query.where((blob) => blob(blob.refTuple('orphaned_at', 'sha256'), '>', blob.tuple(orphanedAt, sha256)));
    const rows = await query.orderBy('orphaned_at').orderBy('sha256').limit(limit).execute();
    return rows.map(fromBlobRow);
  }

  async deleteOrphan(sha256: string, before: Date, removeBytes: () => Promise<void>): Promise<boolean> {
    const isMarked = await this.#locked(sha256, (trx) => markDeleting(trx, sha256, before));
    if (!isMarked) return false;
    return this.#locked(sha256, async (trx) => {
      const marked = await trx.selectFrom('blobs').select('sha256').where('sha256', '=', sha256).where('state', '=', 'deleting').executeTakeFirst();
      if (!marked) return false;
      await removeBytes();
      await trx.deleteFrom('blobs').where('sha256', '=', sha256).execute();
      return true;
    });
  }

  withoutRecord(sha256: string, work: () => Promise<void>): Promise<boolean> {
    return this.#locked(sha256, async (trx) => {
      if (await trx.selectFrom('blobs').select('sha256').where('sha256', '=', sha256).executeTakeFirst()) return false;
      await work();
      return true;
    });
  }

  async unverified(before: Date, limit: number): Promise<BlobRecord[]> {
    const unread = this.#blobs().where('state', '=', 'stored').where(lastRead, '<', before.toISOString());
    const rows = await unread.orderBy(lastRead).limit(limit).execute();
    return rows.map(fromBlobRow);
  }

  async markVerified(sha256: string, at: Date): Promise<void> {
    await this.#database.db
      .updateTable('blobs')
      .set({ verified_at: at.toISOString() })
      .where('sha256', '=', sha256)
      .where('state', '=', 'stored')
      .execute();
  }

  markDamaged(sha256: string, putAside: () => Promise<boolean>): Promise<boolean> {
    return this.#locked(sha256, async (trx) => {
      const stored = await trx.selectFrom('blobs').select('sha256').where('sha256', '=', sha256).where('state', '=', 'stored').executeTakeFirst();
      if (!stored || !(await putAside())) return false;
      await trx.updateTable('blobs').set({ state: 'damaged' }).where('sha256', '=', sha256).execute();
      return true;
    });
  }

  markHealed(sha256: string, at: Date): Promise<boolean> {
    return this.#locked(sha256, async (trx) => {
      const { numUpdatedRows } = await trx
        .updateTable('blobs')
        .set({ state: 'stored', verified_at: at.toISOString() })
        .where('sha256', '=', sha256)
        .where('state', '=', 'damaged')
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    });
  }

  async page(after: string, limit: number): Promise<BlobRecord[]> {
    const rows = await this.#blobs().where('sha256', '>', after).orderBy('sha256').limit(limit).execute();
    return rows.map(fromBlobRow);
  }

  #blobs() {
    return this.#database.db.selectFrom('blobs').selectAll();
  }

  #locked<T>(sha256: string, work: (trx: Transaction<Tables>) => Promise<T>): Promise<T> {
    return this.#database.transaction(async (trx) => {
      await this.#database.lock(trx, blobLock(sha256));
      return work(trx);
    });
  }
}

/** The mark says since when; that nothing refers to a blob is believed of the rows alone. */
function isRemovable(blob: ExpressionBuilder<Tables, 'blobs'>, before: Date) {
  return blob.and([
    blob('orphaned_at', '<', before.toISOString()),
    blob.or([blob('kept_until', 'is', null), blob('kept_until', '<=', new Date().toISOString())]),
    blob.not(blob.exists(blob.selectFrom('media').select('media.id').whereRef('media.sha256', '=', 'blobs.sha256'))),
    blob.not(blob.exists(blob.selectFrom('conversions').select('conversions.name').whereRef('conversions.sha256', '=', 'blobs.sha256'))),
  ]);
}

/** Of a blob that is locked. False: something needs it. */
async function markDeleting(trx: Transaction<Tables>, sha256: string, before: Date): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('blobs')
    .set({ state: 'deleting' })
    .where('sha256', '=', sha256)
    .where((blob) => isRemovable(blob, before))
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}
