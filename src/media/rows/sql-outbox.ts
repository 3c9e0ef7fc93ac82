/** The outbox in SQL. Its rows are written by sql-media-store.ts, in the transactions they belong to. */
import { sql, type Transaction } from 'kysely';
import type { NewOutboxEvent, Outbox } from './outbox.js';
import type { SqlDatabase } from './sql-database.js';
import type { Tables } from './sql-schema.js';

/** Adds `events`, in this order, to the transaction. */
export async function appendToOutbox(trx: Transaction<Tables>, events: readonly NewOutboxEvent[], now: string): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map(({ eventId, routingKey, body, owner }) => ({
    event_id: eventId,
    routing_key: routingKey,
    body,
    owner,
    created_at: now,
    published_at: null,
    attempts: 0,
    next_attempt_at: now,
  }));
  await trx.insertInto('outbox').values(rows).execute();
}

export function createSqlOutbox({ db, exclusively }: SqlDatabase): Outbox {
  return {
    exclusively: (work) => exclusively('relay', work),

    async due(now, limit) {
      const owners = db
        .selectFrom('outbox')
        .select(({ fn }) => ['owner', fn.max('attempts').as('tries')])
        .where('published_at', 'is', null)
        .groupBy('owner')
        .having(({ fn }) => fn.min('next_attempt_at'), '<=', now.toISOString());
      const rows = await db
        .selectFrom('outbox as event')
        .innerJoin(owners.as('due'), 'due.owner', 'event.owner')
        .select(['event.id', 'event.event_id', 'event.routing_key', 'event.body', 'event.owner', 'event.attempts'])
        .where('event.published_at', 'is', null)
        .orderBy('due.tries')
        .orderBy('event.id')
        .limit(limit)
        .execute();
      return rows.map((row) => ({
        id: Number(row.id),
        eventId: row.event_id,
        routingKey: row.routing_key,
        body: row.body,
        owner: row.owner,
        attempts: Number(row.attempts),
      }));
    },

    async markPublished(ids, now) {
      if (ids.length === 0) return;
      await db.updateTable('outbox').set({ published_at: now.toISOString() }).where('id', 'in', ids).execute();
    },

    async postpone(owner, asOf, until) {
      await db
        .updateTable('outbox')
        .set({ attempts: sql<number>`attempts + 1`, next_attempt_at: until.toISOString() })
        .where('owner', '=', owner)
        .where('published_at', 'is', null)
        .where('created_at', '<=', asOf.toISOString())
        .execute();
    },

    async backlog(now) {
      const { events, oldest } = await db
        .selectFrom('outbox')
        .select(({ fn }) => [fn.countAll<number | string>().as('events'), fn.min('created_at').as('oldest')])
        .where('published_at', 'is', null)
        .executeTakeFirstOrThrow();
      return { events: Number(events), oldestMs: oldest ? Math.max(0, now.getTime() - Date.parse(oldest)) : 0 };
    },

    async prune(before) {
      await db.deleteFrom('outbox').where('published_at', '<', before.toISOString()).execute();
    },
  };
}
