/** The handles in SQL, one row each; the same on both dialects. Invariant: each verb is one statement, so that two instances cannot both succeed. */
import { sql } from 'kysely';
import type { HeaderFile } from '../templates/send-store.js';
import type { HandleKey, HandleStore, StoredHandle } from '../templates/handle-store.js';
import type { Handle } from '../templates/template-channel.js';
import type { SqlDatabase } from './sql-database.js';

export function createSqlHandleStore(database: Pick<SqlDatabase, 'db'>): HandleStore {
  return new SqlHandleStore(database);
}

class SqlHandleStore implements HandleStore {
  readonly #db: SqlDatabase['db'];

  constructor({ db }: Pick<SqlDatabase, 'db'>) {
    this.#db = db;
  }

  async find(key: HandleKey, now: Date): Promise<StoredHandle | undefined> {
    const row = await this.#of(this.#db.selectFrom('handles').selectAll(), key).executeTakeFirst();
    if (!row) return undefined;
    return {
      handle: row.handle !== null && row.expires_at !== null ? { id: row.handle, expiresAt: new Date(row.expires_at) } : undefined,
      isBeingRefreshed: row.leased_until !== null && row.leased_until > now.toISOString(),
      failure: row.failure === null ? undefined : { number: Number(row.failures), reason: row.failure },
    };
  }

  async claim(key: HandleKey, { mimeType, fileName, size }: HeaderFile, seen: string | undefined, now: Date, leaseUntil: Date): Promise<boolean> {
    const leased = { leased_until: leaseUntil.toISOString() };
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

  async renew(key: HandleKey, leaseUntil: Date): Promise<void> {
    await this.#of(this.#db.updateTable('handles').set({ leased_until: leaseUntil.toISOString() }), key).where('leased_until', 'is not', null).execute();
  }

  async put(key: HandleKey, { id, expiresAt }: Handle, now: Date): Promise<void> {
    const fresh = { handle: id, uploaded_at: now.toISOString(), expires_at: expiresAt.toISOString(), used_at: null, leased_until: null, failure: null };
    await this.#of(this.#db.updateTable('handles').set(fresh), key).execute();
  }

  async fail(key: HandleKey, reason: string): Promise<void> {
    await this.#of(this.#db.updateTable('handles').set({ leased_until: null, failure: reason, failures: sql<number>`failures + 1` }), key).execute();
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
    await this.#db.deleteFrom('handles').where('expires_at', '<', before.toISOString()).execute();
  }

  #of<Q extends { where(column: 'provider' | 'account' | 'sha256', operator: '=', value: string): Q }>(query: Q, { provider, account, sha256 }: HandleKey): Q {
    return query.where('provider', '=', provider).where('account', '=', account).where('sha256', '=', sha256);
  }
}
