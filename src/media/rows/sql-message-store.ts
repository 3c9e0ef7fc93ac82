/**
 * The messages in SQL, the same on both dialects.
 * Invariant: claims run one after the other (their lock), so that nobody is given what another has, and a provider that was paused is tried by one only.
 */
import { sql, type Selectable, type Transaction, type UpdateObject } from 'kysely';
import type { MediaState, NewMessage } from '../messages/message.js';
import type { Failure, ImportJob, Message, MessagePage, MessageQuery, MessageStore } from '../messages/message-store.js';
import { idNumber } from './media-row.js';
import type { SqlDatabase } from './sql-database.js';
import type { MessageTable } from './sql-message-schema.js';
import type { Tables } from './sql-schema.js';

const claimLock = 'messages';
/** Of one statement: databases bound the number of values in one. */
const rowsTogether = 500;

export function createSqlMessageStore(database: SqlDatabase): MessageStore {
  return new SqlMessageStore(database);
}

class SqlMessageStore implements MessageStore {
  readonly #database: SqlDatabase;

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  add(messages: readonly NewMessage[], now: Date): Promise<ReadonlySet<string>> {
    if (messages.length === 0) return Promise.resolve(new Set());
    // In one order everywhere, so that two deliveries of the same messages wait for each other, but never in a circle.
    const rows = messages.toSorted((one, other) => (one.id < other.id ? -1 : 1)).map((message) => toRow(message, now.toISOString()));
    return this.#database.transaction(async (trx) => {
      const added = new Set<string>();
      for (let start = 0; start < rows.length; start += rowsTogether) {
        const some = rows.slice(start, start + rowsTogether);
        // oxlint-disable-next-line no-await-in-loop -- one transaction is one connection
        const inserted = await trx.insertInto('messages').values(some).onConflict((conflict) => conflict.column('id').doNothing()).returning('id').execute();
        for (const { id } of inserted) added.add(id);
      }
      return added;
    });
  }

  async find(ids: readonly string[]): Promise<(Message | undefined)[]> {
    if (ids.length === 0) return [];
    const rows = await this.#database.db.selectFrom('messages').selectAll().where('id', 'in', ids).execute();
    const found = new Map(rows.map((row) => [row.id, fromRow(row)]));
    return ids.map((id) => found.get(id));
  }

  async list({ first, after, from }: MessageQuery): Promise<MessagePage> {
    const before = after === '' ? Number.MAX_SAFE_INTEGER : (idNumber(after) ?? 0);
    const all = this.#database.db.selectFrom('messages').selectAll().where('number', '<', before).orderBy('number', 'desc').limit(first + 1);
    const rows = await (from === '' ? all : all.where('sender', '=', from)).execute();
    return { messages: rows.slice(0, first).map(fromRow), hasMore: rows.length > first };
  }

  async claim(provider: string, now: Date, leaseUntil: Date, limit: number): Promise<ImportJob[]> {
    // Mostly nothing is due, which is seen without a lock.
    if ((await dueAt(this.#database.db, provider, now).limit(1).execute()).length === 0) return [];
    return this.#database.transaction(async (trx) => {
      await this.#database.lock(trx, claimLock);
      const pause = await pauseOf(trx, provider);
      if (pause && pause.until > now.toISOString()) return [];
      const taken = dueAt(trx, provider, now).orderBy('next_attempt_at').orderBy('number').limit(pause ? 1 : limit);
      const claimed = await trx
        .updateTable('messages')
        .set(leasedUntil(leaseUntil))
        .where('number', 'in', taken)
        // Said again: one that was finished in between is left alone.
        .where('media_state', '=', 'PENDING')
        .returningAll()
        .execute();
      // Whether it works is found out by this one.
      if (pause && claimed.length > 0) await trx.updateTable('provider_pauses').set({ until: leaseUntil.toISOString() }).where('provider', '=', provider).execute();
      return claimed.flatMap(toJob);
    });
  }

  claimOne(messageId: string, now: Date, leaseUntil: Date): Promise<ImportJob | 'busy' | 'paused'> {
    return this.#database.transaction(async (trx) => {
      await this.#database.lock(trx, claimLock);
      const found = await trx.selectFrom('messages').select(['provider', 'leased_until']).where('id', '=', messageId).executeTakeFirst();
      // Before the pause is looked at: this one may be how it is found out whether the provider works again.
      if (found?.leased_until && found.leased_until > now.toISOString()) return 'busy';
      const pause = found && (await pauseOf(trx, found.provider));
      if (pause && pause.until > now.toISOString()) return 'paused';
      const claimed = await trx
        .updateTable('messages')
        .set({ ...leasedUntil(leaseUntil), media_state: 'PENDING' })
        .where('id', '=', messageId)
        .where((eb) => eb.or([eb('media_state', '=', 'PENDING'), eb.and([eb('media_state', '=', 'FAILED'), eb('retryable', '=', 1)])]))
        .where((eb) => eb.or([eb('leased_until', 'is', null), eb('leased_until', '<=', now.toISOString())]))
        .returningAll()
        .execute();
      return claimed.flatMap(toJob)[0] ?? 'busy';
    });
  }

  async renew(messageIds: readonly string[], leaseUntil: Date): Promise<void> {
    if (messageIds.length === 0) return;
    const renewed = { next_attempt_at: leaseUntil.toISOString(), leased_until: leaseUntil.toISOString() };
    await this.#database.db.updateTable('messages').set(renewed).where('id', 'in', messageIds).where('media_state', '=', 'PENDING').execute();
  }

  async ready(messageId: string): Promise<void> {
    await this.#database.db.updateTable('messages').set({ media_state: 'READY', reason: null, code: null, retryable: 0, leased_until: null }).where('id', '=', messageId).execute();
  }

  async fail(messageId: string, state: 'EXPIRED' | 'FAILED', { reason, code, retryable }: Failure & { retryable: boolean }): Promise<void> {
    await this.#settle(messageId, { media_state: state, reason, code, retryable: retryable ? 1 : 0 });
  }

  async postpone(messageId: string, until: Date, { reason, code, counts }: Failure & { counts: boolean }): Promise<void> {
    const attempts = counts ? {} : { attempts: sql<number>`attempts - 1` };
    await this.#settle(messageId, { next_attempt_at: until.toISOString(), reason, code, retryable: 1, ...attempts });
  }

  pause(provider: string, until: (pauses: number) => Date): Promise<void> {
    return this.#database.transaction(async (trx) => {
      await this.#database.lock(trx, claimLock);
      const before = await pauseOf(trx, provider);
      const pauses = Number(before?.pauses ?? 0) + 1;
      const row = { until: until(pauses).toISOString(), pauses };
      await trx
        .insertInto('provider_pauses')
        .values({ provider, ...row })
        .onConflict((conflict) => conflict.column('provider').doUpdateSet(row))
        .execute();
    });
  }

  async resume(provider: string): Promise<void> {
    await this.#database.db.deleteFrom('provider_pauses').where('provider', '=', provider).execute();
  }

  async identify(messageId: string, providerMediaId: string, now: Date): Promise<boolean> {
    const identified = await this.#database.db
      .updateTable('messages')
      .set({ provider_media_id: providerMediaId, ...asNew(now) })
      .where('id', '=', messageId)
      .where('provider_media_id', 'is', null)
      .where('media_state', '<>', 'NONE')
      .returning('id')
      .executeTakeFirst();
    return identified !== undefined;
  }

  async retry(messageId: string, now: Date): Promise<boolean> {
    const states: MediaState[] = ['PENDING', 'EXPIRED', 'FAILED'];
    const retried = await this.#database.db
      .updateTable('messages')
      .set(asNew(now))
      .where('id', '=', messageId)
      .where('provider_media_id', 'is not', null)
      .where('media_state', 'in', states)
      // It is tried at this moment.
      .where((eb) => eb.or([eb('leased_until', 'is', null), eb('leased_until', '<=', now.toISOString())]))
      .returning('id')
      .executeTakeFirst();
    return retried !== undefined;
  }

  /** Of an import that has not ended otherwise meanwhile. */
  async #settle(messageId: string, changes: UpdateObject<Tables, 'messages'>): Promise<void> {
    await this.#database.db.updateTable('messages').set({ ...changes, leased_until: null }).where('id', '=', messageId).where('media_state', '=', 'PENDING').execute();
  }
}

type Reader = Pick<Transaction<Tables>, 'selectFrom'>;

function dueAt(db: Reader, provider: string, now: Date) {
  return db.selectFrom('messages').select('number').where('provider', '=', provider).where('media_state', '=', 'PENDING').where('next_attempt_at', '<=', now.toISOString());
}

function pauseOf(db: Reader, provider: string) {
  return db.selectFrom('provider_pauses').select(['until', 'pauses']).where('provider', '=', provider).executeTakeFirst();
}

const noMediaId = 'NOT_FOUND';

/** Of an import that is due as if never tried. */
function asNew(now: Date) {
  return { media_state: 'PENDING', reason: null, code: null, retryable: 0, attempts: 0, next_attempt_at: now.toISOString() } as const;
}

function leasedUntil(until: Date) {
  return { next_attempt_at: until.toISOString(), leased_until: until.toISOString(), attempts: sql<number>`attempts + 1` };
}

function toRow({ id, provider, from, type, sentAt, media, rawPayload }: NewMessage, now: string) {
  const problem = media && media.id === undefined ? media.problem : null;
  const pending: MediaState = problem === null ? 'PENDING' : 'FAILED';
  return {
    id,
    provider,
    sender: from ?? null,
    type,
    sent_at: sentAt ?? null,
    provider_media_id: media?.id ?? null,
    media_url: media?.url ?? null,
    media_sha256: media?.sha256 ?? null,
    media_file_name: media?.fileName ?? null,
    raw_payload: rawPayload,
    received_at: now,
    media_state: media ? pending : 'NONE',
    reason: problem,
    code: problem === null ? null : noMediaId,
    retryable: 0,
    attempts: 0,
    next_attempt_at: now,
    leased_until: null,
  } as const;
}

function fromRow(row: Selectable<MessageTable>): Message {
  return {
    id: row.id,
    provider: row.provider,
    from: row.sender ?? undefined,
    type: row.type,
    sentAt: row.sent_at ?? undefined,
    providerMediaId: row.provider_media_id ?? undefined,
    mediaUrl: row.media_url ?? undefined,
    rawPayload: row.raw_payload,
    state: row.media_state,
    reason: row.reason ?? undefined,
    code: row.code ?? undefined,
    retryable: Number(row.retryable) === 1,
    receivedAt: row.received_at,
    cursor: String(row.number),
  };
}

function toJob(row: Selectable<MessageTable>): ImportJob[] {
  if (row.provider_media_id === null) return [];
  return [
    {
      messageId: row.id,
      providerMediaId: row.provider_media_id,
      sha256: row.media_sha256 ?? undefined,
      fileName: row.media_file_name ?? undefined,
      sentAt: row.sent_at ?? undefined,
      attempts: Number(row.attempts) - 1,
    },
  ];
}
