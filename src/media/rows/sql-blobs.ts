/**
 * What every transaction does that begins or ends a reference to a blob.
 * Invariant: all of it under the blob's lock, so that a cleanup sees either the reference or no bytes in use.
 */
import type { Transaction } from 'kysely';
import type { NewBlob } from './blob-records.js';
import type { Tables } from './sql-schema.js';

/** The name of a blob among the locks. */
export function blobLock(sha256: string): string {
  return `blob ${sha256}`;
}

/**
 * Records a blob, which is locked, as one that something refers to. Nobody removes the bytes of a blob that is in use; of any other a cleanup
 * may have removed them since they were put, so `putBytes` makes sure of them.
 */
export async function referToBlob(trx: Transaction<Tables>, blob: NewBlob, now: string, putBytes: () => Promise<void>): Promise<void> {
  const known = await trx.selectFrom('blobs').select(['state', 'orphaned_at']).where('sha256', '=', blob.sha256).executeTakeFirst();
  if (known?.state === 'stored' && known.orphaned_at === null) return;
  await putBytes();
  await putRecord(trx, blob, now, { orphanedAt: null, keptUntil: null });
}

/** Records a blob, which is locked, with bytes that are there. */
export async function putRecord(
  trx: Transaction<Tables>,
  { sha256, md5, size, mimeType }: NewBlob,
  now: string,
  { orphanedAt, keptUntil }: { orphanedAt: string | null; keptUntil: string | null },
): Promise<void> {
  const state = { orphaned_at: orphanedAt, kept_until: keptUntil, state: 'stored', verified_at: null } as const;
  await trx
    .insertInto('blobs')
    .values({ sha256, md5, size, mime: mimeType, created_at: now, ...state })
    .onConflict((conflict) => conflict.column('sha256').doUpdateSet(state))
    .execute();
}

/** Marks those of `hashes`, which are locked, that nothing refers to any more. */
export async function noteOrphans(trx: Transaction<Tables>, hashes: readonly string[], now: string): Promise<void> {
  if (hashes.length === 0) return;
  await trx
    .updateTable('blobs')
    .set({ orphaned_at: now })
    .where('sha256', 'in', hashes)
    .where('orphaned_at', 'is', null)
    .where('sha256', 'not in', trx.selectFrom('media').select('sha256').where('sha256', 'in', hashes))
    .where((eb) =>
      eb.not(eb.exists(eb.selectFrom('conversions').select('conversions.name').whereRef('conversions.sha256', '=', 'blobs.sha256'))),
    )
    .execute();
}
