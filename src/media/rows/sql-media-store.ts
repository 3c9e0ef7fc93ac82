/**
 * The media rows in SQL, the same on both dialects.
 * Invariant: all writes of one owner run one after the other (the lock), so that order_column, the replacement in a single-file collection
 * and the order of the events hold; a blob counts as orphaned exactly while no row refers to it.
 */
import { sql, type Transaction, type Updateable } from 'kysely';
import { randomUUID } from 'node:crypto';
import { AppError } from '../../contract/errors.js';
import { fromRow, idNumber, isUuid, type MediaRow } from './media-row.js';
import type { CollectionKey, Media, MediaChanges, MediaStore, ModelFiles, ModelQuery, NewMedia } from './media-store.js';
import { outboxEvent, ownerKey } from './outbox.js';
import { blobLock, noteOrphans, referToBlob } from './sql-blobs.js';
import type { SqlDatabase } from './sql-database.js';
import { appendToOutbox } from './sql-outbox.js';
import { noteSource } from './sql-sources.js';
import type { MediaTable, Tables } from './sql-schema.js';

/** Rows of one answer; as messages they are some 20 MB. */
const maxRows = 20_000;

type Upload = Parameters<MediaStore['findUploaded']>[0];

export function createSqlMediaStore(database: SqlDatabase): MediaStore {
  return new SqlMediaStore(database);
}

class SqlMediaStore implements MediaStore {
  readonly #database: SqlDatabase;

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  insert(media: NewMedia, putBytes: () => Promise<void>): Promise<Media> {
    return this.#database.transaction(async (trx) => {
      await this.#database.lock(trx, ownerKey(media));
      const known = await findUploaded(trx, media);
      if (known) return known;
      const now = new Date().toISOString();
      const exceeding = await exceedingRows(trx, media);
      // The new bytes are locked together with those that go: owners that exchange their files would wait for each other.
      const replaced = await this.#takeOut(trx, exceeding, [media.sha256]);
      await referToBlob(trx, media, now, putBytes);
      const inserted = await insertRow(trx, media, now);
      await askForConversions(trx, inserted, media.conversions);
      if (media.from) await noteSource(trx, media.from, media.sha256, now);
      const events = [...replaced.media.map((gone) => outboxEvent('deleted', gone, now)), outboxEvent('uploaded', inserted, now)];
      await appendToOutbox(trx, events, now);
      await noteOrphans(trx, replaced.hashes, now);
      return inserted;
    });
  }

  async findByIds(ids: readonly string[]): Promise<(Media | undefined)[]> {
    const numbers = ids.map(idNumber);
    const wanted = numbers.filter((number) => number !== undefined);
    if (wanted.length === 0) return ids.map(() => undefined);
    const rows = await this.#database.db.selectFrom('media').selectAll().where('id', 'in', wanted).execute();
    const found = new Map(rows.map((row) => [Number(row.id), fromRow(row)]));
    return numbers.map((number) => (number === undefined ? undefined : found.get(number)));
  }

  async findByUuid(uuid: string): Promise<Media | undefined> {
    if (!isUuid(uuid)) return undefined;
    const row = await this.#database.db.selectFrom('media').selectAll().where('uuid', '=', uuid.toLowerCase()).executeTakeFirst();
    return row && fromRow(row);
  }

  findUploaded(media: Upload): Promise<Media | undefined> {
    return findUploaded(this.#database.db, media);
  }

  async filesByModels(queries: readonly ModelQuery[]): Promise<ModelFiles[]> {
    const results: ModelFiles[] = queries.map(() => ({ media: [], total: 0 }));
    if (queries.length === 0) return results;
    const { rows } = await matching(queries).execute(this.#database.db);
    if (rows.length > maxRows) {
      throw new AppError('RESULT_TOO_LARGE', `More than ${maxRows} media match; set a limit, or ask for fewer owners at once.`);
    }
    for (const row of rows) {
      const result = results[row.query];
      result?.media.push(fromRow(row));
      if (result) result.total = Number(row.total);
    }
    return results;
  }

  remove(id: string): Promise<Media | undefined> {
    return this.#database.transaction(async (trx) => {
      const media = await this.#lockedRow(trx, id);
      if (!media) return undefined;
      const now = new Date().toISOString();
      const { hashes } = await this.#takeOut(trx, [media], []);
      await appendToOutbox(trx, [outboxEvent('deleted', media, now)], now);
      await noteOrphans(trx, hashes, now);
      return media;
    });
  }

  update(id: string, changes: MediaChanges): Promise<Media | undefined> {
    return this.#database.transaction(async (trx) => {
      const media = await this.#lockedRow(trx, id);
      if (!media) return undefined;
      const { name = media.name, fileName = media.fileName, customProperties = media.customProperties } = changes;
      if (name === media.name && fileName === media.fileName && customProperties === media.customProperties) return media;
      const values = { name, file_name: fileName, custom_properties: customProperties };
      return changeRow(trx, media, values, new Date().toISOString());
    });
  }

  reorder(collection: CollectionKey, ids: readonly string[]): Promise<Media[]> {
    return this.#database.transaction(async (trx) => {
      await this.#database.lock(trx, ownerKey(collection));
      const before = (await inCollection(trx, collection).selectAll().orderBy('order_column').orderBy('id').execute()).map(fromRow);
      const places = placesOf(before);
      const now = new Date().toISOString();
      const after: Media[] = [];
      for (const [index, media] of inNewOrder(before, ids).entries()) {
        const orderColumn = places[index] ?? index + 1;
        // One after the other: the events are numbered in this order.
        // oxlint-disable-next-line no-await-in-loop
        after.push(orderColumn === media.orderColumn ? media : await changeRow(trx, media, { order_column: orderColumn }, now));
      }
      return after;
    });
  }

  async findByHash(sha256: string, limit: number): Promise<Media[]> {
    const rows = await this.#database.db.selectFrom('media').selectAll().where('sha256', '=', sha256).orderBy('id').limit(limit).execute();
    return rows.map(fromRow);
  }

  /** The row, with its owner locked. */
  async #lockedRow(trx: Transaction<Tables>, id: string): Promise<Media | undefined> {
    const number = idNumber(id);
    if (number === undefined) return undefined;
    const byId = trx.selectFrom('media').where('id', '=', number);
    const owner = await byId.select(['model_type', 'model_id']).executeTakeFirst();
    if (!owner) return undefined;
    await this.#database.lock(trx, ownerKey({ modelType: owner.model_type, modelId: owner.model_id }));
    // Another may have changed or removed it while this one waited for the lock.
    const row = await byId.selectAll().executeTakeFirst();
    return row && fromRow(row);
  }

  /** Removes rows of an owner that is locked, and locks the blobs that they and their conversions referred to, and `others`. */
  async #takeOut(trx: Transaction<Tables>, media: readonly Media[], others: readonly string[]): Promise<{ media: readonly Media[]; hashes: string[] }> {
    const ids = media.map(({ id }) => Number(id));
    const conversions = ids.length === 0 ? [] : await trx.selectFrom('conversions').select('sha256').where('media_id', 'in', ids).execute();
    const hashes = [...media, ...conversions].flatMap(({ sha256 }) => sha256 ?? []);
    await this.#database.lock(trx, ...[...hashes, ...others].map(blobLock));
    if (ids.length > 0) await trx.deleteFrom('media').where('id', 'in', ids).execute();
    return { media, hashes };
  }
}

async function findUploaded(db: Pick<Transaction<Tables>, 'selectFrom'>, { idempotencyKey, ...asked }: Upload): Promise<Media | undefined> {
  if (idempotencyKey === '') return undefined;
  const row = await db.selectFrom('media').selectAll().where('idempotency_key', '=', idempotencyKey).executeTakeFirst();
  if (!row) return undefined;
  const known = fromRow(row);
  if (ownerKey(known) !== ownerKey(asked) || known.collectionName !== asked.collectionName) throw keyTaken();
  return known;
}

function keyTaken(): AppError {
  return new AppError('BAD_USER_INPUT', 'The idempotency key was used for another owner or collection; every upload needs a key of its own.');
}

function inCollection(trx: Transaction<Tables>, { modelType, modelId, collectionName }: CollectionKey) {
  return trx
    .selectFrom('media')
    .where('model_type', '=', modelType)
    .where('model_id', '=', modelId)
    .where('collection_name', '=', collectionName);
}

/** What goes when one more comes, in the order of their ids. */
async function exceedingRows(trx: Transaction<Tables>, media: NewMedia): Promise<Media[]> {
  if (media.keepLatest === undefined) return [];
  const rows = await inCollection(trx, media).selectAll().orderBy('order_column', 'desc').orderBy('id', 'desc').execute();
  return rows.slice(media.keepLatest - 1).map(fromRow).toSorted((a, b) => Number(a.id) - Number(b.id));
}

async function askForConversions(trx: Transaction<Tables>, { id, createdAt }: Media, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const rows = names.map((name) => ({ media_id: Number(id), name, state: 'pending' as const, attempts: 0, next_attempt_at: createdAt }));
  await trx.insertInto('conversions').values(rows).execute();
}

async function changeRow(trx: Transaction<Tables>, { id }: Media, values: Updateable<MediaTable>, now: string): Promise<Media> {
  const row = await trx.updateTable('media').set({ ...values, updated_at: now }).where('id', '=', Number(id)).returningAll().executeTakeFirstOrThrow();
  const changed = fromRow(row);
  await appendToOutbox(trx, [outboxEvent('updated', changed, now)], now);
  return changed;
}

/** The places that there are, reused: an order that is there already is no change. */
function placesOf(media: readonly Media[]): number[] {
  const places = media.map(({ orderColumn }) => orderColumn);
  const rises = places.every((place, index) => index === 0 || place > (places[index - 1] ?? place));
  return rises ? places : media.map((_media, index) => index + 1);
}

/** @throws AppError BAD_USER_INPUT */
function inNewOrder(media: readonly Media[], ids: readonly string[]): Media[] {
  const rest = new Map(media.map((file) => [file.id, file]));
  const first = ids.map((id) => {
    const file = rest.get(id);
    if (!file) throw new AppError('BAD_USER_INPUT', `The file ${id} is not in this collection, or is named twice.`);
    rest.delete(id);
    return file;
  });
  return [...first, ...rest.values()];
}

async function insertRow(trx: Transaction<Tables>, media: NewMedia, now: string): Promise<Media> {
  const last = await trx
    .selectFrom('media')
    .select(({ fn }) => fn.max('order_column').as('order_column'))
    .where('model_type', '=', media.modelType)
    .where('model_id', '=', media.modelId)
    .where('collection_name', '=', media.collectionName)
    .executeTakeFirst();
  const row = await trx
    .insertInto('media')
    .values({
      model_type: media.modelType,
      model_id: media.modelId,
      uuid: randomUUID(),
      collection_name: media.collectionName,
      name: media.name,
      file_name: media.fileName,
      mime_type: media.mimeType,
      disk: media.disk,
      conversions_disk: media.disk,
      size: media.size,
      custom_properties: media.customProperties,
      order_column: Number(last?.order_column ?? 0) + 1,
      created_at: now,
      updated_at: now,
      sha256: media.sha256,
      width: media.width,
      height: media.height,
      idempotency_key: media.idempotencyKey || null,
    })
    .onConflict((conflict) => conflict.column('idempotency_key').doNothing())
    .returningAll()
    .executeTakeFirst();
  // The owner's own uses of the key were ruled out under its lock.
  if (!row) throw keyTaken();
  return fromRow(row);
}

/** All queries in one statement: rows with the number of their query and the total of its matches, each query's in order. */
function matching(queries: readonly ModelQuery[]) {
  const asked = queries.map(
    ({ modelType, modelId, collectionName, limit }, index) =>
      sql`(cast(${index} as integer), cast(${modelType} as text), cast(${modelId} as text), cast(${collectionName} as text), cast(${limit} as integer))`,
  );
  return sql<MediaRow & { query: number; total: number | string }>`
    with asked(query, model_type, model_id, collection_name, most) as (values ${sql.join(asked)}),
    matches as (
      select asked.query, asked.most, media.*,
        count(*) over (partition by asked.query) as total,
        row_number() over (partition by asked.query order by media.order_column, media.id) as place
      from asked join media on media.model_type = asked.model_type and media.model_id = asked.model_id
        and (asked.collection_name = '' or media.collection_name = asked.collection_name)
    )
    select * from matches where most = 0 or place <= most order by query, place limit ${maxRows + 1}`;
}
