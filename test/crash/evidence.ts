/**
 * All that is there at the end: rows as the API answers them, bytes as their URLs give them, events as the broker was given them, and what lies in
 * the database and on the disk.
 */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Media } from '../../src/contract/generated/media/v1/Media.js';
import type { MediaServiceClient } from '../../src/contract/generated/media/v1/MediaService.js';
import { MediaService } from '../../src/contract/services.js';
import { z } from 'zod';
import { unary } from '../../src/runtime/grpc.js';
import { inParallel } from '../support/latency.js';
import type { Database } from './database.js';
import type { RecordedEvent } from './event-recorder.js';
import type { Ledger } from './ledger.js';
import type { Readings } from './reader.js';
import { avatarOwners, fileOwners } from './writers.js';

export interface OutboxRow {
  eventId: string;
  owner: string;
  isPublished: boolean;
}

export interface Evidence {
  ledger: Pick<Ledger, 'uploads' | 'deletions'>;
  /** As the API answers them. */
  rows: readonly Media[];
  /** How many the database has. */
  rowCount: number;
  /** By the id of a row: the hash of what its URL gives; undefined: nothing. */
  served: ReadonlyMap<string, string | undefined>;
  /** What was read on the way. */
  readings: Readings;
  /** In the order in which the broker was given them, repetitions too. */
  events: readonly RecordedEvent[];
  /** In the order of their transactions. */
  outbox: readonly OutboxRow[];
  /** The states of the blobs in the database, by their hashes. */
  recorded: ReadonlyMap<string, string>;
  /** Those of them that a row or a conversion refers to. */
  referred: ReadonlySet<string>;
  /** Names of the blobs on the disk. */
  stored: ReadonlySet<string>;
  /** Paths of all other files there. */
  leftovers: readonly string[];
}

export interface Sources {
  ledger: Ledger;
  readings: Readings;
  events: readonly RecordedEvent[];
  client: MediaServiceClient;
  database: Database;
  /** The directory of the bytes. */
  blobs: string;
}

const deadlineMs = 30_000;
const readers = 6;

const hashes = z.array(z.object({ sha256: z.string() }).transform(({ sha256 }) => sha256));
const blobRows = z.array(z.object({ sha256: z.string(), state: z.string() }).transform(({ sha256, state }): [string, string] => [sha256, state]));
const outboxRows = z.array(
  z.object({ event_id: z.string(), owner: z.string(), published_at: z.string().nullable() }).transform((row) => ({ eventId: row.event_id, owner: row.owner, isPublished: row.published_at !== null })),
);

/** In the order of the transactions. */
export async function outboxOf(database: Database): Promise<OutboxRow[]> {
  return outboxRows.parse(await database.query('select event_id, owner, published_at from outbox order by id'));
}

export async function gatherEvidence({ ledger, readings, events, client, database, blobs }: Sources): Promise<Evidence> {
  const rows = await allRows(client);
  const media = hashes.parse(await database.query('select sha256 from media'));
  const conversions = hashes.parse(await database.query('select sha256 from conversions where sha256 is not null'));
  const files = await filesBelow(blobs);
  return {
    ledger,
    rows,
    rowCount: media.length,
    served: await readAll(client, rows),
    readings,
    events,
    outbox: await outboxOf(database),
    recorded: new Map(blobRows.parse(await database.query('select sha256, state from blobs'))),
    referred: new Set([...media, ...conversions]),
    stored: new Set(files.flatMap((path) => blobName.exec(path)?.[1] ?? [])),
    leftovers: files.filter((path) => !blobName.test(path)),
  };
}

const blobName = /^[0-9a-f]{2}\/[0-9a-f]{2}\/([0-9a-f]{64})$/;

/** Relative paths. */
export async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
}

async function allRows(client: MediaServiceClient): Promise<Media[]> {
  const query = (modelType: string, collection: string) => (modelId: string) => ({ model_type: modelType, model_id: modelId, collection_name: collection });
  const queries = [...fileOwners.map(query('Proof', 'files')), ...avatarOwners.map(query('User', 'avatars'))];
  const answers = await Promise.all(queries.map((asked) => unary(client, MediaService.service.GetFilesByModel, asked, deadlineMs)));
  return answers.flatMap(({ media }) => media);
}

async function readAll(client: MediaServiceClient, rows: readonly Media[]): Promise<Map<string, string | undefined>> {
  const served = new Map<string, string | undefined>();
  const batches = Array.from({ length: Math.ceil(rows.length / 100) }, (_, index) => rows.slice(index * 100, (index + 1) * 100));
  await inParallel({ clients: readers, count: batches.length }, async (index) => {
    const ids = batches[index]?.map(({ id }) => id) ?? [];
    const { results } = await unary(client, MediaService.service.GetFileURLs, { ids, expiry_seconds: 900, conversion: '' }, deadlineMs);
    // One after the other: there are several readers.
    // oxlint-disable-next-line no-await-in-loop
    for (const [place, id] of ids.entries()) served.set(id, await hashOf(results[place]?.url ?? ''));
  });
  return served;
}

/** Of what a URL gives; undefined: nothing. @throws Error when it cannot be read to its end. */
export async function hashOf(url: string): Promise<string | undefined> {
  const response = await fetch(url, { signal: AbortSignal.timeout(deadlineMs) });
  if (response.status === 404) return undefined;
  if (!response.ok || !response.body) throw new Error(`${url} was answered with ${response.status}`);
  const hash = createHash('sha256');
  for await (const chunk of response.body) hash.update(chunk);
  return hash.digest('hex');
}
