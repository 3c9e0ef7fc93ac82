/**
 * The conversions in SQL, the same on both dialects.
 * Invariant: claims run one after the other (their lock), so that nobody is given what another has; a result is recorded under the lock of its
 * owner, so that it never meets the removal of its media half-way.
 */
import { sql, type Expression, type ExpressionBuilder, type NotNull, type SqlBool, type Transaction } from 'kysely';
import type { Conversion, ConversionJob, ConversionStore } from './conversion-store.js';
import { fromRow, idNumber } from './media-row.js';
import type { Media } from './media-store.js';
import { outboxEvent, ownerKey } from './outbox.js';
import { blobLock, noteOrphans, referToBlob } from './sql-blobs.js';
import type { SqlDatabase } from './sql-database.js';
import { appendToOutbox } from './sql-outbox.js';
import type { Tables } from './sql-schema.js';

const claimLock = 'conversions';

type Reader = Pick<Transaction<Tables>, 'selectFrom'>;

export function createSqlConversionStore(database: SqlDatabase): ConversionStore {
  return new SqlConversionStore(database);
}

class SqlConversionStore implements ConversionStore {
  readonly #database: SqlDatabase;

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  async claim(now: Date, leaseUntil: Date, limit: number): Promise<ConversionJob[]> {
    // Mostly nothing is due, which is seen without a lock.
    if ((await dueAt(this.#database.db, now).limit(1).execute()).length === 0) return [];
    return this.#database.transaction(async (trx) => {
      await this.#database.lock(trx, claimLock);
      const taken = dueAt(trx, now).orderBy('next_attempt_at').limit(limit);
      const claimed = await trx
        .updateTable('conversions')
        .set({ next_attempt_at: leaseUntil.toISOString(), attempts: sql<number>`attempts + 1` })
        .where((eb) => eb(eb.refTuple('media_id', 'name'), 'in', taken.$asTuple('media_id', 'name')))
        // Said again: one that was finished in between is left alone.
        .where('state', '=', 'pending')
        .returning(['media_id', 'name', 'attempts'])
        .execute();
      return withMedia(trx, claimed);
    });
  }

  finish(mediaId: string, name: string, made: Conversion, putBytes: () => Promise<void>): Promise<boolean> {
    return this.#database.transaction(async (trx) => {
      const media = await this.#lockedMedia(trx, mediaId);
      const before = media && (await conversionRow(trx, media, name));
      if (!media || !before) return false;
      if (before.state === 'done' && before.sha256 === made.sha256) return true;
      const replaced = before.sha256 === null || before.sha256 === made.sha256 ? [] : [before.sha256];
      await this.#database.lock(trx, ...[made.sha256, ...replaced].map(blobLock));
      const now = new Date().toISOString();
      await referToBlob(trx, made, now, putBytes);
      await recordResult(trx, media, name, made);
      await tellOfResults(trx, media, now);
      await noteOrphans(trx, replaced, now);
      return true;
    });
  }

  async release({ media, name, attempts }: ConversionJob): Promise<void> {
    await this.#database.db
      .updateTable('conversions')
      .set({ next_attempt_at: new Date().toISOString(), attempts })
      .where(isPending(media.id, name))
      .where('attempts', '=', attempts + 1)
      .execute();
  }

  async postpone(mediaId: string, name: string, reason: string, until: Date): Promise<void> {
    await this.#database.db
      .updateTable('conversions')
      .set({ next_attempt_at: until.toISOString(), reason })
      .where(isPending(mediaId, name))
      .execute();
  }

  async fail(mediaId: string, name: string, reason: string): Promise<void> {
    await this.#database.db.updateTable('conversions').set({ state: 'failed', reason }).where(isPending(mediaId, name)).execute();
  }

  async find(mediaIds: readonly string[], name: string): Promise<(Conversion | undefined)[]> {
    const numbers = mediaIds.map(idNumber);
    const wanted = numbers.filter((number) => number !== undefined);
    if (wanted.length === 0) return mediaIds.map(() => undefined);
    const rows = await this.#database.db
      .selectFrom('conversions')
      // Bytes has what is done, and nothing else.
      .innerJoin('blobs', 'blobs.sha256', 'conversions.sha256')
      .select(['media_id', 'blobs.sha256', 'blobs.md5', 'conversions.size', 'mime_type', 'width', 'height'])
      .$narrowType<{ size: NotNull; mime_type: NotNull; width: NotNull; height: NotNull }>()
      .where('media_id', 'in', wanted)
      .where('name', '=', name)
      .execute();
    const found = new Map(
      rows.map(({ media_id: id, sha256, md5, mime_type: mimeType, size, width, height }) => [
        Number(id),
        { sha256, md5, mimeType, size: Number(size), width: Number(width), height: Number(height) },
      ]),
    );
    return numbers.map((number) => (number === undefined ? undefined : found.get(number)));
  }

  /** The media, with its owner locked. */
  async #lockedMedia(trx: Transaction<Tables>, id: string): Promise<Media | undefined> {
    const owner = await mediaRow(trx, id);
    if (!owner) return undefined;
    await this.#database.lock(trx, ownerKey(owner));
    // It may have gone while this one waited for the lock.
    return mediaRow(trx, id);
  }
}

function dueAt(db: Reader, now: Date) {
  return db.selectFrom('conversions').select(['media_id', 'name']).where('state', '=', 'pending').where('next_attempt_at', '<=', now.toISOString());
}

function isPending(mediaId: string, name: string): (eb: ExpressionBuilder<Tables, 'conversions'>) => Expression<SqlBool> {
  return (eb) => eb.and([eb('media_id', '=', idNumber(mediaId) ?? 0), eb('name', '=', name), eb('state', '=', 'pending')]);
}

async function withMedia(trx: Reader, claimed: readonly { media_id: number | string; name: string; attempts: number | string }[]): Promise<ConversionJob[]> {
  if (claimed.length === 0) return [];
  const ids = claimed.map((row) => Number(row.media_id));
  const rows = await trx.selectFrom('media').selectAll().where('id', 'in', ids).execute();
  const media = new Map(rows.map((row) => [Number(row.id), fromRow(row)]));
  return claimed.flatMap(({ media_id: id, name, attempts }) => {
    const found = media.get(Number(id));
    return found ? [{ media: found, name, attempts: Number(attempts) - 1 }] : [];
  });
}

async function mediaRow(trx: Reader, id: string): Promise<Media | undefined> {
  const row = await trx.selectFrom('media').selectAll().where('id', '=', idNumber(id) ?? 0).executeTakeFirst();
  return row && fromRow(row);
}

function conversionRow(trx: Reader, { id }: Media, name: string) {
  return trx.selectFrom('conversions').select(['state', 'sha256']).where('media_id', '=', Number(id)).where('name', '=', name).executeTakeFirst();
}

async function recordResult(trx: Transaction<Tables>, { id }: Media, name: string, { sha256, mimeType, size, width, height }: Conversion): Promise<void> {
  await trx
    .updateTable('conversions')
    .set({ state: 'done', sha256, mime_type: mimeType, size, width, height, reason: null })
    .where('media_id', '=', Number(id))
    .where('name', '=', name)
    .execute();
}

/** Writes down with the media which conversions it has, and the event that says so. */
async function tellOfResults(trx: Transaction<Tables>, { id }: Media, now: string): Promise<void> {
  const done = await trx.selectFrom('conversions').select('name').where('media_id', '=', Number(id)).where('state', '=', 'done').orderBy('name').execute();
  const generated = JSON.stringify(Object.fromEntries(done.map(({ name }) => [name, true])));
  const changed = await trx
    .updateTable('media')
    .set({ generated_conversions: generated, updated_at: now })
    .where('id', '=', Number(id))
    .returningAll()
    .executeTakeFirstOrThrow();
  await appendToOutbox(trx, [outboxEvent('updated', fromRow(changed), now)], now);
}
