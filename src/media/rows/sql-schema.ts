/**
 * The tables of the media service and their migrations, for both dialects.
 * Invariant: a published migration is never changed; a new one has a name that sorts after it. Times are ISO 8601 text in UTC.
 */
import { sql, type Generated, type Kysely, type Migration, type RawBuilder } from 'kysely';
import type { AutoId, Integer } from './sql-columns.js';
import { createMessages, type MessageTable, type ProviderPauseTable } from './sql-message-schema.js';
import { createTemplates, type HandleTable, type SendTable } from './sql-template-schema.js';

export interface MediaTable {
  id: AutoId;
  model_type: string;
  model_id: string;
  uuid: string;
  collection_name: string;
  name: string;
  file_name: string;
  mime_type: string;
  disk: string;
  conversions_disk: string;
  size: Integer;
  manipulations: Generated<string>;
  custom_properties: string;
  generated_conversions: Generated<string>;
  responsive_images: Generated<string>;
  order_column: Integer;
  created_at: string;
  updated_at: string;
  sha256: string;
  width: Integer;
  height: Integer;
  idempotency_key: string | null;
}

export interface BlobTable {
  sha256: string;
  md5: string;
  size: Integer;
  mime: string;
  created_at: string;
  orphaned_at: string | null;
  /** `deleting` while its bytes are being removed; `damaged`: its bytes were put aside, or are missing. */
  state: 'stored' | 'deleting' | 'damaged';
  /** When its bytes were last read and found right; null: not since they were stored. */
  verified_at: string | null;
  /** An imported copy: not removed before, although no media refers to it. */
  kept_until: string | null;
}

/** Where bytes came from: what is asked for again is found here first. */
export interface SourceTable {
  /** A URL, or `<provider>:<id>`. */
  source: string;
  sha256: string;
  file_name: string;
  fetched_at: string;
}

/** The conversions of media: asked for with the media row, made later, one row each. */
export interface ConversionTable {
  media_id: number | string;
  name: string;
  state: 'pending' | 'done' | 'failed';
  /** Null until it is done. */
  sha256: string | null;
  mime_type: string | null;
  size: Integer | null;
  width: Integer | null;
  height: Integer | null;
  attempts: Integer;
  next_attempt_at: string;
  /** Of a failure. */
  reason: string | null;
}

export interface CounterTable {
  name: string;
  value: Integer;
}

export interface OutboxTable {
  id: AutoId;
  event_id: string;
  routing_key: string;
  body: string;
  owner: string;
  created_at: string;
  published_at: string | null;
  attempts: Integer;
  next_attempt_at: string;
}

export interface Tables {
  media: MediaTable;
  blobs: BlobTable;
  outbox: OutboxTable;
  sources: SourceTable;
  conversions: ConversionTable;
  counters: CounterTable;
  messages: MessageTable;
  provider_pauses: ProviderPauseTable;
  sends: SendTable;
  handles: HandleTable;
}

/** `autoIncrement`: the type of a primary key that never reuses a number. */
export function migrations(autoIncrement: RawBuilder<unknown>): Record<string, Migration> {
  return {
    '001-media': {
      async up(db: Kysely<unknown>): Promise<void> {
        await createBlobs(db);
        await createMedia(db, autoIncrement);
        await createOutbox(db, autoIncrement);
      },
    },
    '002-upkeep': {
      async up(db: Kysely<unknown>): Promise<void> {
        await db.schema.alterTable('blobs').addColumn('verified_at', 'text').execute();
        await db.schema.alterTable('blobs').addColumn('kept_until', 'text').execute();
        await db.schema.createIndex('blobs_orphaned').on('blobs').column('orphaned_at').where(sql.ref('orphaned_at'), 'is not', null).execute();
        await db.schema.createIndex('blobs_verified').on('blobs').expression(sql`coalesce(verified_at, created_at)`).execute();
        await createSources(db);
        await createConversions(db);
        await createCounters(db);
      },
    },
    '003-messages': {
      async up(db: Kysely<unknown>): Promise<void> {
        await createMessages(db, autoIncrement);
      },
    },
    '004-templates': { up: createTemplates },
  };
}

async function createBlobs(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('blobs')
    .addColumn('sha256', 'text', (column) => column.primaryKey())
    .addColumn('md5', 'text', (column) => column.notNull())
    .addColumn('size', 'bigint', (column) => column.notNull())
    .addColumn('mime', 'text', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('orphaned_at', 'text')
    .addColumn('state', 'text', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('blobs_md5').on('blobs').column('md5').execute();
}

async function createMedia(db: Kysely<unknown>, autoIncrement: RawBuilder<unknown>): Promise<void> {
  const emptyJson = sql.lit('[]');
  await db.schema
    .createTable('media')
    .addColumn('id', sql`${autoIncrement}`)
    .addColumn('model_type', 'text', (column) => column.notNull())
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('uuid', 'text', (column) => column.notNull().unique())
    .addColumn('collection_name', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('file_name', 'text', (column) => column.notNull())
    .addColumn('mime_type', 'text', (column) => column.notNull())
    .addColumn('disk', 'text', (column) => column.notNull())
    .addColumn('conversions_disk', 'text', (column) => column.notNull())
    .addColumn('size', 'bigint', (column) => column.notNull())
    .addColumn('manipulations', 'text', (column) => column.notNull().defaultTo(emptyJson))
    .addColumn('custom_properties', 'text', (column) => column.notNull())
    .addColumn('generated_conversions', 'text', (column) => column.notNull().defaultTo(emptyJson))
    .addColumn('responsive_images', 'text', (column) => column.notNull().defaultTo(emptyJson))
    .addColumn('order_column', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('updated_at', 'text', (column) => column.notNull())
    .addColumn('sha256', 'text', (column) => column.notNull().references('blobs.sha256'))
    .addColumn('width', 'integer', (column) => column.notNull())
    .addColumn('height', 'integer', (column) => column.notNull())
    .addColumn('idempotency_key', 'text', (column) => column.unique())
    .execute();
  const owned = ['model_type', 'model_id', 'collection_name', 'order_column', 'id'];
  await db.schema.createIndex('media_owner').on('media').columns(owned).execute();
  await db.schema.createIndex('media_sha256').on('media').column('sha256').execute();
}

async function createOutbox(db: Kysely<unknown>, autoIncrement: RawBuilder<unknown>): Promise<void> {
  await db.schema
    .createTable('outbox')
    .addColumn('id', sql`${autoIncrement}`)
    .addColumn('event_id', 'text', (column) => column.notNull().unique())
    .addColumn('routing_key', 'text', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .addColumn('owner', 'text', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('published_at', 'text')
    .addColumn('attempts', 'integer', (column) => column.notNull())
    .addColumn('next_attempt_at', 'text', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('outbox_unpublished').on('outbox').columns(['owner', 'id']).where(sql.ref('published_at'), 'is', null).execute();
  await db.schema.createIndex('outbox_published').on('outbox').column('published_at').execute();
}

async function createSources(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('sources')
    .addColumn('source', 'text', (column) => column.primaryKey())
    .addColumn('sha256', 'text', (column) => column.notNull().references('blobs.sha256').onDelete('cascade'))
    .addColumn('file_name', 'text', (column) => column.notNull())
    .addColumn('fetched_at', 'text', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('sources_sha256').on('sources').column('sha256').execute();
}

async function createConversions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('conversions')
    .addColumn('media_id', 'bigint', (column) => column.notNull().references('media.id').onDelete('cascade'))
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('sha256', 'text', (column) => column.references('blobs.sha256'))
    .addColumn('mime_type', 'text')
    .addColumn('size', 'bigint')
    .addColumn('width', 'integer')
    .addColumn('height', 'integer')
    .addColumn('attempts', 'integer', (column) => column.notNull())
    .addColumn('next_attempt_at', 'text', (column) => column.notNull())
    .addColumn('reason', 'text')
    .addPrimaryKeyConstraint('conversions_pk', ['media_id', 'name'])
    .execute();
  await db.schema.createIndex('conversions_sha256').on('conversions').column('sha256').execute();
  await db.schema.createIndex('conversions_pending').on('conversions').column('next_attempt_at').where(sql.ref('state'), '=', sql.lit('pending')).execute();
}

async function createCounters(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('counters')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('value', 'bigint', (column) => column.notNull())
    .execute();
}
