/**
 * The sends in SQL, the same on both dialects.
 * Invariant: a resend is a row that names the attempt it repeats, and that name is unique: whoever inserts it has claimed the resend for good.
 */
import { sql, type Insertable, type Transaction } from 'kysely';
import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { NewSend, Reported, Send, SendEnd, SendState, SendStore } from '../templates/send-store.js';
import type { StatusUpdate } from '../templates/template-channel.js';
import { fromSendRow, toSendRow, type SendRow } from './send-row.js';
import type { SqlDatabase } from './sql-database.js';
import type { SendTable } from './sql-template-schema.js';
import type { Tables } from './sql-schema.js';

const claimLock = 'sends';
/** Of one transaction, and of one turn of a process whose database answers at once. */
const updatesTogether = 200;

export function createSqlSendStore(database: SqlDatabase): SendStore {
  return new SqlSendStore(database);
}

/** The states that a status may change, in the order in which they follow each other. */
const progress: readonly SendState[] = ['SENDING', 'UNKNOWN', 'ACCEPTED', 'SENT', 'DELIVERED', 'READ'];
const stateOf = { sent: 'SENT', delivered: 'DELIVERED', read: 'READ' } as const;

class SqlSendStore implements SendStore {
  readonly #database: SqlDatabase;

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  async begin(send: NewSend, now: Date, end?: SendEnd): Promise<Send> {
    const row = { ...toSendRow(send, randomUUID(), now), state: end?.state ?? 'SENDING', ...(end && failureColumns(end.failure)) } as const;
    return fromSendRow(await this.#database.db.insertInto('sends').values(row).returningAll().executeTakeFirstOrThrow());
  }

  async start(id: string, handle: string, now: Date): Promise<boolean> {
    const started = await this.#update(id, now, { state: 'SENDING', handle }).where('state', '=', 'QUEUED').returning('id').executeTakeFirst();
    return started !== undefined;
  }

  async accept(id: string, messageId: string, now: Date): Promise<void> {
    const state = sql<SendState>`case when state in ('SENDING', 'UNKNOWN') then 'ACCEPTED' else state end`;
    await this.#database.db.updateTable('sends').set({ message_id: messageId, state, updated_at: now.toISOString() }).where('id', '=', id).execute();
  }

  async end(id: string, { state, failure }: SendEnd, now: Date): Promise<void> {
    await this.#update(id, now, { state, ...failureColumns(failure) }).where('state', 'in', ['SENDING', 'UNKNOWN']).execute();
  }

  async giveUp(id: string, failure: SendEnd['failure'], now: Date): Promise<boolean> {
    const givenUp = await this.#update(id, now, { state: 'FAILED', ...failureColumns(failure) }).where('state', '=', 'QUEUED').returning('id').executeTakeFirst();
    return givenUp !== undefined;
  }

  endAndResend(id: string, failure: SendEnd['failure'], now: Date, leaseUntil: Date): Promise<Send | undefined> {
    return this.#database.transaction(async (trx) => {
      const failed = await updateIn(trx, id, now, { state: 'FAILED', ...failureColumns(failure) }).where('state', '=', 'SENDING').returningAll().executeTakeFirst();
      return failed && queueResend(trx, failed, now, leaseUntil);
    });
  }

  async report(provider: string, updates: readonly StatusUpdate[], now: Date): Promise<Reported[]> {
    const reported: Reported[] = [];
    for (let start = 0; start < updates.length; start += updatesTogether) {
      const some = updates.slice(start, start + updatesTogether);
      // One transaction is one connection; and others have their turn, of a database that answers at once.
      // oxlint-disable-next-line no-await-in-loop
      reported.push(...(await this.#reportSome(provider, some, now)));
      // oxlint-disable-next-line no-await-in-loop
      await setImmediate();
    }
    return reported;
  }

  async #reportSome(provider: string, updates: readonly StatusUpdate[], now: Date): Promise<Reported[]> {
    const ids = await this.#idsOf(provider, updates);
    const known = [...new Set(ids.flatMap((id) => id ?? []))];
    if (known.length === 0) return ids.map(() => 'unknown');
    return this.#database.transaction(async (trx) => {
      // One status after the other: each is judged by what is known when it counts.
      await this.#database.lock(trx, ...known.map((id) => `send:${id}`));
      const rows = await trx.selectFrom('sends').selectAll().where('id', 'in', known).execute();
      const states = new Map(rows.map((row) => [row.id, row]));
      const reported: Reported[] = [];
      for (const [index, update] of updates.entries()) {
        const row = states.get(ids[index] ?? '');
        // oxlint-disable-next-line no-await-in-loop
        const { what, changed } = row ? await note(trx, row, update, now) : { what: 'unknown' as const, changed: undefined };
        if (changed) states.set(changed.id, changed);
        reported.push(what);
      }
      return reported;
    });
  }

  async claim(provider: string, account: string, now: Date, leaseUntil: Date, limit: number): Promise<Send[]> {
    const due = (db: Pick<Transaction<Tables>, 'selectFrom'>) => {
      const queued = db.selectFrom('sends').select('id').where('provider', '=', provider).where('account', '=', account).where('state', '=', 'QUEUED');
      return queued.where('due_at', '<=', now.toISOString()).orderBy('due_at').limit(limit);
    };
    // Mostly nothing is due, which is seen without a lock.
    if ((await due(this.#database.db).execute()).length === 0) return [];
    return this.#database.transaction(async (trx) => {
      await this.#database.lock(trx, claimLock);
      const leased = { due_at: leaseUntil.toISOString(), tries: sql<number>`tries + 1`, updated_at: now.toISOString() };
      const rows = await trx.updateTable('sends').set(leased).where('id', 'in', due(trx)).where('state', '=', 'QUEUED').returningAll().execute();
      return rows.map(fromSendRow);
    });
  }

  async postpone(id: string, until: Date): Promise<void> {
    await this.#database.db.updateTable('sends').set({ due_at: until.toISOString() }).where('id', '=', id).where('state', '=', 'QUEUED').execute();
  }

  async requeue(id: string, until: Date, now: Date): Promise<void> {
    await this.#update(id, now, { state: 'QUEUED', due_at: until.toISOString() })
      // Of a queued resend it is the one that was refused.
      .set((eb) => ({ handle: eb.selectFrom('sends as first').select('first.handle').whereRef('first.id', '=', 'sends.resend_of') }))
      .where('state', '=', 'SENDING')
      .where('resend_of', 'is not', null)
      .execute();
  }

  async abandon(provider: string, before: Date, now: Date): Promise<number> {
    const abandoned = await this.#database.db
      .updateTable('sends')
      .set({ state: 'UNKNOWN', reason: 'The service ended while it was being sent.', updated_at: now.toISOString() })
      .where('provider', '=', provider)
      .where('state', '=', 'SENDING')
      .where('updated_at', '<', before.toISOString())
      .returning('id')
      .execute();
    return abandoned.length;
  }

  async find(ids: readonly string[]): Promise<(Send | undefined)[]> {
    if (ids.length === 0) return [];
    const rows = await this.#database.db.selectFrom('sends').selectAll().where('id', 'in', ids).execute();
    const found = new Map(rows.map((row) => [row.id, fromSendRow(row)]));
    return ids.map((id) => found.get(id));
  }

  async attempts(id: string): Promise<Send[]> {
    const [named] = await this.find([id]);
    if (!named) return [];
    const first = named.resendOf ?? named.id;
    const either = this.#database.db.selectFrom('sends').selectAll().where((eb) => eb.or([eb('id', '=', first), eb('resend_of', '=', first)]));
    const rows = await either.orderBy(sql`resend_of is not null`).execute();
    return rows.map(fromSendRow);
  }

  #update(id: string, now: Date, changes: Partial<Insertable<SendTable>>) {
    return updateIn(this.#database.db, id, now, changes);
  }

  /** By the provider's id; by ours while that is not known yet. In the order of `updates`. */
  async #idsOf(provider: string, updates: readonly StatusUpdate[]): Promise<(string | undefined)[]> {
    const ofProvider = this.#database.db.selectFrom('sends').select(['id', 'message_id']).where('provider', '=', provider);
    const byMessage = await ofProvider.where('message_id', 'in', updates.map(({ messageId }) => messageId)).execute();
    const found = new Map(byMessage.map(({ id, message_id: messageId }) => [messageId, id]));
    const others = updates.flatMap(({ messageId, sendId }) => (found.has(messageId) || sendId === undefined ? [] : sendId));
    const byId = others.length > 0 ? await ofProvider.where('id', 'in', others).execute() : [];
    const known = new Set(byId.map(({ id }) => id));
    return updates.map(({ messageId, sendId = '' }) => found.get(messageId) ?? (known.has(sendId) ? sendId : undefined));
  }
}

/** `changed`: the row as it is then; undefined: as it was. */
async function note(trx: Transaction<Tables>, row: SendRow, { messageId, status, failure }: StatusUpdate, now: Date): Promise<{ what: Reported; changed: SendRow | undefined }> {
  const before = progress.indexOf(row.state);
  const change = (changes: Partial<Insertable<SendTable>>) => updateIn(trx, row.id, now, { message_id: messageId, ...changes }).returningAll().executeTakeFirst();
  const isLate = before < 0 || before >= progress.indexOf(status === 'failed' ? 'DELIVERED' : stateOf[status]);
  if (isLate) return { what: 'nothing', changed: undefined };
  if (status !== 'failed') return { what: 'noted', changed: await change({ state: stateOf[status], reason: null, provider_code: null }) };
  const changed = await change({ state: 'FAILED', ...failureColumns(failure ?? { message: 'The provider says that it failed.', providerCode: undefined }) });
  const resend = failure?.kind === 'media' ? await queueResend(trx, row, now, now) : undefined;
  return { what: resend ? 'resend' : 'noted', changed };
}

/** Undefined: it has no handle that could be fresher, repeats an attempt itself, or was repeated already. */
async function queueResend(trx: Transaction<Tables>, row: SendRow, now: Date, leaseUntil: Date): Promise<Send | undefined> {
  if (row.handle === null || row.resend_of !== null) return undefined;
  const resend = await trx
    .insertInto('sends')
    .values({ ...toSendRow(fromSendRow(row), randomUUID(), now), resend_of: row.id, state: 'QUEUED', due_at: leaseUntil.toISOString() })
    .onConflict((conflict) => conflict.column('resend_of').doNothing())
    .returningAll()
    .executeTakeFirst();
  return resend && fromSendRow(resend);
}

function updateIn(db: Pick<Transaction<Tables>, 'updateTable'>, id: string, now: Date, changes: Partial<Insertable<SendTable>>) {
  return db.updateTable('sends').set({ ...changes, updated_at: now.toISOString() }).where('id', '=', id);
}

function failureColumns({ message, providerCode }: SendEnd['failure']) {
  return { reason: message, provider_code: providerCode ?? null };
}
