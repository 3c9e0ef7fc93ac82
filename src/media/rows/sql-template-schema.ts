/** The tables of template messages, part of sql-schema.ts. */
import { sql, type Kysely } from 'kysely';
import type { SendFailureKind } from '../templates/send-failure.js';
import type { SendState } from '../templates/send-store.js';
import type { HeaderType } from '../templates/template-channel.js';
import type { Integer } from './sql-columns.js';

/** Template messages that were to be sent, each attempt a row. */
export interface SendTable {
  id: string;
  provider: string;
  account: string;
  recipient: string;
  template: string;
  language: string;
  name: string;
  locale: string;
  /** JSON text: an array. */
  parameters: string;
  header_type: HeaderType | null;
  header_link: string | null;
  file_name: string | null;
  sha256: string | null;
  mime_type: string | null;
  size: Integer | null;
  handle: string | null;
  /** Unique: a message is sent once more at most. */
  resend_of: string | null;
  state: SendState;
  message_id: string | null;
  reason: string | null;
  provider_code: Integer | null;
  tries: Integer;
  due_at: string;
  created_at: string;
  updated_at: string;
}

/** Under which ids providers have files of ours. */
export interface HandleTable {
  provider: string;
  account: string;
  sha256: string;
  mime_type: string;
  file_name: string;
  size: Integer;
  handle: string | null;
  uploaded_at: string | null;
  expires_at: string | null;
  used_at: string | null;
  /** Null: nobody uploads it. */
  leased_until: string | null;
  leased_by: string | null;
  /** Of the last upload, if it failed. */
  failure_kind: SendFailureKind | null;
  failure: string | null;
  failure_code: Integer | null;
  /** Counts them. */
  failures: Integer;
}

export async function createTemplates(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('sends')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('provider', 'text', (column) => column.notNull())
    .addColumn('account', 'text', (column) => column.notNull())
    .addColumn('recipient', 'text', (column) => column.notNull())
    .addColumn('template', 'text', (column) => column.notNull())
    .addColumn('language', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('locale', 'text', (column) => column.notNull())
    .addColumn('parameters', 'text', (column) => column.notNull())
    .addColumn('header_type', 'text')
    .addColumn('header_link', 'text')
    .addColumn('file_name', 'text')
    .addColumn('sha256', 'text')
    .addColumn('mime_type', 'text')
    .addColumn('size', 'bigint')
    .addColumn('handle', 'text')
    .addColumn('resend_of', 'text', (column) => column.unique().references('sends.id'))
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('message_id', 'text')
    .addColumn('reason', 'text')
    .addColumn('provider_code', 'integer')
    .addColumn('tries', 'integer', (column) => column.notNull())
    .addColumn('due_at', 'text', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('updated_at', 'text', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('sends_message').on('sends').columns(['provider', 'message_id']).where(sql.ref('message_id'), 'is not', null).execute();
  await db.schema.createIndex('sends_queued').on('sends').columns(['provider', 'account', 'due_at']).where(sql.ref('state'), '=', sql.lit('QUEUED')).execute();
  await db.schema.createIndex('sends_under_way').on('sends').columns(['provider', 'updated_at']).where(sql.ref('state'), '=', sql.lit('SENDING')).execute();
  await db.schema
    .createTable('handles')
    .addColumn('provider', 'text', (column) => column.notNull())
    .addColumn('account', 'text', (column) => column.notNull())
    .addColumn('sha256', 'text', (column) => column.notNull())
    .addColumn('mime_type', 'text', (column) => column.notNull())
    .addColumn('file_name', 'text', (column) => column.notNull())
    .addColumn('size', 'bigint', (column) => column.notNull())
    .addColumn('handle', 'text')
    .addColumn('uploaded_at', 'text')
    .addColumn('expires_at', 'text')
    .addColumn('used_at', 'text')
    .addColumn('leased_until', 'text')
    .addColumn('leased_by', 'text')
    .addColumn('failure_kind', 'text')
    .addColumn('failure', 'text')
    .addColumn('failure_code', 'integer')
    .addColumn('failures', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('handles_pk', ['provider', 'account', 'sha256'])
    .execute();
}
