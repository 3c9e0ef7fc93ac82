/** The handles in SQL, one row each; the same on both dialects. Invariant: each change is one statement, so that of two instances one succeeds. */
import { sql } from 'kysely';
import type { HeaderFile } from '../templates/send-store.js';
import type { HandleFailure, HandleKey, HandleLease, HandleStore, StoredHandle } from '../templates/handle-store.js';
import type { Handle } from '../templates/template-channel.js';
import type { SqlDatabase } from './sql-database.js';

export function createSqlHandleStore(database: Pick<SqlDatabase, 'db'>): HandleStore {
  return new SqlHandleStore(database);
}

const notLeased = { leased_until: null, leased_by: null };

class SqlHandleStore implements HandleStore {
  readonly #db: SqlDatabase['db'];

  constructor({ db }: Pick<SqlDatabase, 'db'>) {
    this.#db = db;
  }

  async find(key: HandleKey, now: Date): Promise<StoredHandle | undefined> {
    const row = await this.#of(this.#db.selectFrom('handles').selectAll(), key).executeTakeFirst();
    if (!row) return undefined;
    const { handle, expires_at: expiresAt, leased_until: leasedUntil, failure_kind: kind, failure: message, failure_code: code, failures } = row;
    return {
      handle: handle !== null && expiresAt !== null ? { id: handle, expiresAt: new Date(expiresAt) } : undefined,
      isBeingRefreshed: leasedUntil !== null && leasedUntil > now.toISOString(),
      failure: kind === null || message === null ? undefined : { kind, message, providerCode: code === null ? undefined : Number(code) },
      failures: Number(failures),
    };
  }

  async claim({ key, token }: HandleLease, { mimeType, fileName, size }: HeaderFile, seen: string | undefined, now: Date, leaseUntil: Date): Promise<boolean> {
    const leased = { leased_until: leaseUntil.toISOString(), leased_by: token };
    const inserted = await this.#db
      .insertInto('handles')
      .values({ ...key, mime_type: mimeType, file_name: fileName, size, failures: 0, ...leased })
      .onConflict((conflict) => conflict.columns(['provider', 'account', 'sha256']).doNothing())
      .returning('sha256')
      .executeTakeFirst();
    if (inserted) return true;
    const free = this.#of(this.#db.updateTable('handles').set(leased), key).where((eb) => eb.or([eb('leased_until', 'is', null), eb('leased_until', '<=', now.toISOString())]));
    const claimed = await (seen === undefined ? free.where('handle', 'is', null) : free.where('handle', '=', seen)).returning('sha256').executeTakeFirst();
    return claimed !== undefined;
  }

  async renew({ key, token }: HandleLease, leaseUntil: Date): Promise<void> {
    await this.#of(this.#db.updateTable('handles').set({ leased_until: leaseUntil.toISOString() }), key).where('leased_by', '=', token).execute();
  }

  async put({ key, token }: HandleLease, { id, expiresAt }: Handle, now: Date): Promise<void> {
    const fresh = { handle: id, uploaded_at: now.toISOString(), expires_at: expiresAt.toISOString(), used_at: null };
    const ended = { ...notLeased, failure_kind: null, failure: null, failure_code: null };
    await this.#of(this.#db.updateTable('handles').set({ ...fresh, ...ended }), key).where('leased_by', '=', token).execute();
  }

  async fail({ key, token }: HandleLease, { kind, message, providerCode }: HandleFailure): Promise<void> {
    const failed = { failure_kind: kind, failure: message, failure_code: providerCode ?? null, failures: sql<number>`failures + 1` };
    await this.#of(this.#db.updateTable('handles').set({ ...failed, ...notLeased }), key).where('leased_by', '=', token).execute();
  }

  async use(key: HandleKey, now: Date): Promise<void> {
    await this.#of(this.#db.updateTable('handles').set({ used_at: now.toISOString() }), key).execute();
  }

  async ending(provider: string, account: string, before: Date): Promise<HeaderFile[]> {
    const rows = await this.#db
      .selectFrom('handles')
      .selectAll()
      .where('provider', '=', provider)
      .where('account', '=', account)
      .where('expires_at', '<=', before.toISOString())
      .where('used_at', 'is not', null)
      .orderBy('expires_at')
      .execute();
    return rows.map(({ sha256, mime_type: mimeType, file_name: fileName, size }) => ({ sha256, mimeType, fileName, size: Number(size) }));
  }

  async forget(before: Date): Promise<void> {
    await this.#db
      .deleteFrom('handles')
      .where((eb) => eb.or([eb('expires_at', '<', before.toISOString()), eb('handle', 'is', null)]))
      .where('leased_until', 'is', null)
      .execute();
  }

  #of<Q extends { where(column: 'provider' | 'account' | 'sha256', operator: '=', value: string): Q }>(query: Q, { provider, account, sha256 }: HandleKey): Q {
    return query.where('provider', '=', provider).where('account', '=', account).where('sha256', '=', sha256);
  }
}
