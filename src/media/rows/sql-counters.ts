/**
 * The counters in SQL, one row each.
 * Invariant: one statement adds, and takes the rows in the order of `counterNames`, so that instances wait for each other but never in a circle.
 */
import { z } from 'zod';
import { counterNames, type Counters } from './counters.js';
import type { SqlDatabase } from './sql-database.js';

/** PostgreSQL gives 64-bit integers as text. */
const counts = z.record(z.enum(counterNames), z.coerce.number().default(0));

export function createSqlCounters({ db }: Pick<SqlDatabase, 'db'>): Counters {
  return {
    async add(amounts) {
      const rows = counterNames.flatMap((name) => (amounts[name] ? [{ name, value: amounts[name] }] : []));
      if (rows.length === 0) return;
      await db
        .insertInto('counters')
        .values(rows)
        .onConflict((conflict) => conflict.column('name').doUpdateSet((row) => ({ value: row('counters.value', '+', row.ref('excluded.value')) })))
        .execute();
    },

    async read() {
      // A newer version may count more.
      const rows = await db.selectFrom('counters').selectAll().where('name', 'in', counterNames).execute();
      return counts.parse(Object.fromEntries(rows.map(({ name, value }) => [name, value])));
    },
  };
}
