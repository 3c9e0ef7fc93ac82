/** The types of columns that the two dialects do not agree on. */
import type { ColumnType } from 'kysely';

/** node-postgres gives 64-bit integers as text, SQLite as numbers. */
export type Integer = ColumnType<number | string, number, number>;
export type AutoId = ColumnType<number | string, never, never>;
