/**
 * What is stored, and what was done: counted in the database, so that every instance says the same.
 * Invariant: counting never takes more than a tenth of the time, however often it is asked for; a figure is as old as that needs, a second at least.
 */
import type { Stats } from '../../contract/generated/media/v1/Stats.js';
import { hitRate } from '../import/hit-rate.js';
import { errorCounterPrefix, type CounterName, type Counters } from '../rows/counters.js';
import type { SqlDatabase } from '../rows/sql-database.js';
import { formatBytes } from './byte-size.js';

export const mediaTypes = ['image', 'video', 'audio', 'document', 'other'] as const;
export type MediaType = (typeof mediaTypes)[number];

interface Amount {
  blobs: number;
  bytes: number;
}

/** The message of gRPC, with every counter in it. */
export interface StoredStats extends Stats {
  counters: Record<CounterName, number>;
}

const memoMs = 1_000;
/** How often the time of a count goes into the age of its figures. */
const restFactor = 10;

export interface StatisticsOptions {
  database: Pick<SqlDatabase, 'db'>;
  counters: Pick<Counters, 'read'>;
  /** Default `performance.now`. Milliseconds. */
  now?: () => number;
}

export class Statistics {
  readonly #options: Required<StatisticsOptions>;
  #figures: Promise<StoredStats> | undefined;
  #freshUntil = 0;

  constructor({ now = () => performance.now(), ...options }: StatisticsOptions) {
    this.#options = { ...options, now };
  }

  /** At least a second old at times: those who ask in one second are given one answer. */
  read(): Promise<StoredStats> {
    if (this.#figures && this.#options.now() < this.#freshUntil) return this.#figures;
    return (this.#figures = this.#count());
  }

  async #count(): Promise<StoredStats> {
    const { now } = this.#options;
    const startedAt = now();
    // Whoever asks while it counts waits for this count.
    this.#freshUntil = Infinity;
    try {
      const figures = await this.#read();
      const endedAt = now();
      this.#freshUntil = endedAt + Math.max(memoMs, restFactor * (endedAt - startedAt));
      return figures;
    } catch (error) {
      // A failure is nothing to remember.
      this.#freshUntil = 0;
      throw error;
    }
  }

  async #read(): Promise<StoredStats> {
    const { database, counters } = this.#options;
    const { db } = database;
    const [files, byMime, done] = await Promise.all([
      db
        .selectFrom('media')
        .select(({ fn }) => fn.countAll().as('files'))
        .executeTakeFirstOrThrow(),
      db
        .selectFrom('blobs')
        .select(({ fn }) => ['mime', fn.countAll().as('blobs'), fn.sum('size').as('bytes')])
        .where('state', '=', 'stored')
        .groupBy('mime')
        .execute(),
      counters.read(),
    ]);
    const amounts = byMime.map(({ mime, blobs, bytes }) => ({ type: mediaTypeOf(mime), blobs: Number(blobs), bytes: Number(bytes) }));
    const types = mediaTypes.map((type) => ({ type, ...sum(amounts.filter((amount) => amount.type === type)) }));
    return { files: Number(files.files), ...sum(types), types, counters: done };
  }
}

function sum(amounts: readonly Amount[]): Amount {
  return amounts.reduce((total, { blobs, bytes }) => ({ blobs: total.blobs + blobs, bytes: total.bytes + bytes }), { blobs: 0, bytes: 0 });
}

/** The statistics as one flat object, for `/media/stats` and for the command line. */
export function statisticsDocument({ files, blobs, bytes, types, counters }: StoredStats) {
  const { total_requests, cache_hits, api_calls, failed_calls, expired_media, ...rest } = counters;
  const others = Object.entries(rest).filter(([name]) => !name.startsWith(errorCounterPrefix));
  const errors = Object.entries(rest).filter(([name, count]) => name.startsWith(errorCounterPrefix) && count > 0);
  return {
    total_requests,
    cache_hits,
    api_calls,
    failed_calls,
    expired_media,
    cache_hit_rate: hitRate(counters),
    ...Object.fromEntries(others),
    // By their codes, those that there were.
    provider_errors: Object.fromEntries(errors.map(([name, count]) => [name.slice(errorCounterPrefix.length), count])),
    files,
    blobs,
    bytes,
    bytes_human: formatBytes(bytes),
    types: Object.fromEntries(types.map(({ type, ...amount }) => [type, { ...amount, bytes_human: formatBytes(amount.bytes) }])),
  };
}

const documentTypes = new Set([
  'application/pdf',
  'application/msword',
  'application/rtf',
  'application/epub+zip',
  'application/json',
  'application/xml',
  'application/yaml',
  // What Word, Excel and PowerPoint wrote until 2007: their content tells them apart from nothing else.
  'application/x-cfb',
]);

/** What a person calls a file of this type. */
export function mediaTypeOf(mimeType: string): MediaType {
  const [family = ''] = mimeType.split('/');
  if (family === 'image' || family === 'video' || family === 'audio') return family;
  const isOffice = /^application\/vnd\.(ms-(word|excel|powerpoint)|openxmlformats-officedocument|oasis\.opendocument)\b/.test(mimeType);
  return family === 'text' || isOffice || documentTypes.has(mimeType) ? 'document' : 'other';
}
