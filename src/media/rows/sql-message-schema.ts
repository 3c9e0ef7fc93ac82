/** The tables of messages, part of sql-schema.ts. */
import { sql, type Kysely, type RawBuilder } from 'kysely';
import type { MediaState } from '../messages/message.js';
import type { AutoId, Integer } from './sql-columns.js';

/** Messages that providers told of, and the queue of the imports of their media. */
export interface MessageTable {
  /** In the order of their arrival. */
  number: AutoId;
  /** Of the provider. */
  id: string;
  provider: string;
  sender: string | null;
  type: string;
  sent_at: string | null;
  provider_media_id: string | null;
  media_url: string | null;
  media_sha256: string | null;
  media_file_name: string | null;
  raw_payload: string;
  received_at: string;
  media_state: MediaState;
  reason: string | null;
  code: string | null;
  retryable: Integer;
  attempts: Integer;
  next_attempt_at: string;
  /** Null: nobody works on it. */
  leased_until: string | null;
}

/** Providers that are left alone for a while. */
export interface ProviderPauseTable {
  provider: string;
  until: string;
  pauses: Integer;
}

export async function createMessages(db: Kysely<unknown>, autoIncrement: RawBuilder<unknown>): Promise<void> {
  await db.schema
    .createTable('messages')
    .addColumn('number', sql`${autoIncrement}`)
    .addColumn('id', 'text', (column) => column.notNull().unique())
    .addColumn('provider', 'text', (column) => column.notNull())
    .addColumn('sender', 'text')
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('sent_at', 'text')
    .addColumn('provider_media_id', 'text')
    .addColumn('media_url', 'text')
    .addColumn('media_sha256', 'text')
    .addColumn('media_file_name', 'text')
    .addColumn('raw_payload', 'text', (column) => column.notNull())
    .addColumn('received_at', 'text', (column) => column.notNull())
    .addColumn('media_state', 'text', (column) => column.notNull())
    .addColumn('reason', 'text')
    .addColumn('code', 'text')
    .addColumn('retryable', 'integer', (column) => column.notNull())
    .addColumn('attempts', 'integer', (column) => column.notNull())
    .addColumn('next_attempt_at', 'text', (column) => column.notNull())
    .addColumn('leased_until', 'text')
    .addCheckConstraint('messages_media_known', sql`media_state = 'NONE' or provider_media_id is not null or reason is not null`)
    .execute();
  await db.schema.createIndex('messages_sender').on('messages').columns(['sender', 'number']).execute();
  await db.schema.createIndex('messages_pending').on('messages').columns(['provider', 'next_attempt_at']).where(sql.ref('media_state'), '=', sql.lit('PENDING')).execute();
  await db.schema
    .createTable('provider_pauses')
    .addColumn('provider', 'text', (column) => column.primaryKey())
    .addColumn('until', 'text', (column) => column.notNull())
    .addColumn('pauses', 'integer', (column) => column.notNull())
    .execute();
}
