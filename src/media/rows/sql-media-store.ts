/**
 * The media rows in SQL, the same on both dialects.
 * Invariant: all writes of one owner run one after the other (the lock), so that order_column, the replacement in a single-file collection
 * and the order of the events hold; a blob counts as orphaned exactly while no row refers to it.
 */
import { sql, type Selectable, type Transaction } from 'kysely';
import { randomUUID } from 'node:crypto';
import { AppError } from '../../contract/errors.js';
import type { Blob, Media, MediaStore, ModelFiles, ModelQuery, NewMedia } from './media-store.js';
import { outboxEvent, ownerKey } from './outbox.js';
import type { SqlDatabase } from './sql-database.js';
import { appendToOutbox } from './sql-outbox.js';
import type { MediaTable, Tables } from './sql-schema.js';

/** Rows of one answer; as messages they are some 20 MB. */
const maxRows = 20_000;

type MediaRow = Selectable<MediaTable>;
type Upload = Parameters<MediaStore['findUploaded']>[0];

export function createSqlMediaStore(database: SqlDatabase): MediaStore {
  return new SqlMediaStore(database);
}

class SqlMediaStore implements MediaStore {
  readonly #database: SqlDatabase;

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  insert(media: NewMedia): Promise<Media> {
    return this.#database.transaction(async (trx) => {
      await this.#database.lock(trx, ownerKey(media));
      const known = await findUploaded(trx, media);
      if (known) return known;
      const now = new Date().toISOString();
      const replaced = media.singleFile ? await takeOutCollection(trx, media) : [];
      await this.#lockBlobs(trx, [media, ...replaced]);
      await storeBlob(trx, media, now);
      const inserted = await insertRow(trx, media, now);
      const events = [...replaced.map((gone) => outboxEvent('deleted', gone, now)), outboxEvent('uploaded', inserted, now)];
      await appendToOutbox(trx, events, now);
      await noteOrphans(trx, replaced, now);
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
      const number = idNumber(id);
      if (number === undefined) return undefined;
      const owner = await trx.selectFrom('media').select(['model_type', 'model_id']).where('id', '=', number).executeTakeFirst();
      if (!owner) return undefined;
      await this.#database.lock(trx, ownerKey({ modelType: owner.model_type, modelId: owner.model_id }));
      // Another may have removed it while this one waited for the lock.
      const row = await trx.deleteFrom('media').where('id', '=', number).returningAll().executeTakeFirst();
      if (!row) return undefined;
      const removed = fromRow(row);
      const now = new Date().toISOString();
      await this.#lockBlobs(trx, [removed]);
      await appendToOutbox(trx, [outboxEvent('deleted', removed, now)], now);
      await noteOrphans(trx, [removed], now);
      return removed;
    });
  }

  async findBlob(sha256: string): Promise<Blob | undefined> {
    const row = await this.#database.db.selectFrom('blobs').selectAll().where('sha256', '=', sha256).executeTakeFirst();
    return row && { sha256, md5: row.md5, size: Number(row.size), mimeType: row.mime, orphanedAt: row.orphaned_at ?? undefined };
  }

  /** Without it, owners that exchange their files at the same time would wait for each other's blobs. */
  #lockBlobs(trx: Transaction<Tables>, media: readonly Pick<Media, 'sha256'>[]): Promise<void> {
    return this.#database.lock(trx, ...media.map(({ sha256 }) => `blob ${sha256}`));
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

/** An upload of bytes that were about to be cleaned up takes them back. */
async function storeBlob(trx: Transaction<Tables>, { sha256, md5, size, mimeType }: NewMedia, now: string): Promise<void> {
  await trx
    .insertInto('blobs')
    .values({ sha256, md5, size, mime: mimeType, created_at: now, orphaned_at: null, state: 'stored' })
    .onConflict((conflict) => conflict.column('sha256').doUpdateSet({ orphaned_at: null, state: 'stored' }))
    .execute();
}

async function takeOutCollection(trx: Transaction<Tables>, { modelType, modelId, collectionName }: NewMedia): Promise<Media[]> {
  const rows = await trx
    .deleteFrom('media')
    .where('model_type', '=', modelType)
    .where('model_id', '=', modelId)
    .where('collection_name', '=', collectionName)
    .returningAll()
    .execute();
  return rows.map(fromRow).toSorted((a, b) => Number(a.id) - Number(b.id));
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

/** Marks the blobs of `removed`, which are locked, that no row refers to any more. */
async function noteOrphans(trx: Transaction<Tables>, removed: readonly Media[], now: string): Promise<void> {
  if (removed.length === 0) return;
  const hashes = removed.map(({ sha256 }) => sha256);
  await trx
    .updateTable('blobs')
    .set({ orphaned_at: now })
    .where('sha256', 'in', hashes)
    .where('sha256', 'not in', trx.selectFrom('media').select('sha256').where('sha256', 'in', hashes))
    .execute();
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

/** Undefined for what is no id: it is simply not found. */
function idNumber(id: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(id) ? Number(id) : undefined;
}

function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

function fromRow(row: MediaRow): Media {
  return {
    id: String(row.id),
    modelType: row.model_type,
    modelId: row.model_id,
    uuid: row.uuid,
    collectionName: row.collection_name,
    name: row.name,
    fileName: row.file_name,
    mimeType: row.mime_type,
    disk: row.disk,
    conversionsDisk: row.conversions_disk,
    size: Number(row.size),
    manipulations: row.manipulations,
    customProperties: row.custom_properties,
    generatedConversions: row.generated_conversions,
    responsiveImages: row.responsive_images,
    orderColumn: Number(row.order_column),
    width: Number(row.width),
    height: Number(row.height),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    sha256: row.sha256,
  };
}
