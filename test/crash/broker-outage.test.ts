/**
 * RabbitMQ away while files are uploaded and deleted, then killed and started again in the middle of the publishing of what had waited:
 * every committed event arrives, those of each owner in the order of their transactions.
 */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import type { MediaServiceClient } from '../../src/contract/generated/media/v1/MediaService.js';
import { MediaService } from '../../src/contract/services.js';
import { streamUpload } from '../../src/gateway/media-upload.js';
import { ownerKey } from '../../src/media/rows/outbox.js';
import { pause } from '../../src/runtime/backoff.js';
import { unary } from '../../src/runtime/grpc.js';
import { repeat, report } from '../support/latency.js';
import { startMediaService } from '../support/programs.js';
import { startRabbitMQ } from '../support/servers/rabbitmq.js';
import { sharedPostgres } from '../support/servers/shared.js';
import { tempDir, waitFor } from '../support/wait.js';
import { postgresDatabase, sqliteFile, type Database } from './database.js';
import { EventRecorder, keepEvents, type RecordedEvent } from './event-recorder.js';
import { outboxOf } from './evidence.js';
import { grouped, viewOf } from './view.js';
import { connectClient } from './writers.js';

/** `OUTAGE_SECONDS=60` shows the full minute; what is checked stays the same. */
const outageMs = Number(process.env['OUTAGE_SECONDS'] ?? '3') * 1_000;
/** Enough that a kill falls into its publishing. */
const backlog = 200;
const owners = Array.from({ length: 6 }, (_, index) => `owner-${index}`);

const counted = z.tuple([z.object({ count: z.coerce.number() })]);

/** Uploads one small file after the other for one owner, and deletes every third of them; resolves with how many changes were acknowledged. */
function changeAgainAndAgain(client: MediaServiceClient, modelId: string): { stop(): Promise<number> } {
  let changes = 0;
  const changing = repeat(async () => {
    const meta = { model_type: 'Proof', model_id: modelId, collection_name: 'files', file_name: `${changes}.txt` };
    const { id } = await streamUpload(client, meta, (async function* () {
      yield Buffer.from(`${modelId} ${changes}`);
    })());
    changes += 1;
    if (changes % 3 === 0) return;
    await unary(client, MediaService.service.DeleteFile, { id }, 10_000);
    changes += 1;
  }, { pauseMs: 10 });
  return { stop: () => changing.stop().then(() => changes) };
}

/** Ends what a test has started, the last first, whatever came of it. */
class Owned {
  readonly #ends: (() => Promise<unknown>)[] = [];

  add<T>(part: T, end: (part: T) => Promise<unknown>): T {
    this.#ends.unshift(() => end(part));
    return part;
  }

  async end(): Promise<void> {
    // One after the other: each uses those before it.
    // oxlint-disable-next-line no-await-in-loop
    for (const end of this.#ends) await end().catch(() => undefined);
  }
}

async function startDatabase(kind: Database['kind'], directory: string, owned: Owned): Promise<Database> {
  if (kind === 'sqlite') return sqliteFile(`${directory}/media.db`);
  return postgresDatabase(owned.add(await sharedPostgres(), (postgres) => postgres.stop()).url);
}

/** Per owner, the ids of its events. */
function inOrder(events: Iterable<{ id: string; owner: string }>): Record<string, string[]> {
  return Object.fromEntries([...grouped(events, ({ owner }) => owner)].map(([owner, own]) => [owner, own.map(({ id }) => id)]));
}

describe.each(['sqlite', 'postgres'] as const)('RabbitMQ killed under a media service on %s', (kind) => {
  let owned: Owned;
  beforeEach(() => {
    owned = new Owned();
  });
  afterEach(() => owned.end(), 60_000);

  it(
    'loses no event, and the order of no owner',
    async () => {
      const data = owned.add(await tempDir('outage'), (directory) => directory.remove());
      const rabbitmq = owned.add(await startRabbitMQ(), (broker) => broker.stop());
      const database = await startDatabase(kind, data.path, owned);
      await keepEvents(rabbitmq.url);
      const env = { ...database.env, DATA_DIR: data.path, RABBITMQ_ADDR: rabbitmq.url };
      const media = owned.add(await startMediaService(env), (program) => program.stop());
      const client = owned.add(connectClient(media.grpcAddress), async (connected) => connected.close());
      const unpublished = async (): Promise<number> => counted.parse(await database.query('select count(*) as count from outbox where published_at is null'))[0].count;
      const changing = owners.map((owner) => owned.add(changeAgainAndAgain(client, owner), (changes) => changes.stop()));
      await waitFor(async () => (await outboxOf(database)).some(({ isPublished }) => isPublished), { what: 'the first events to be published' });

      await rabbitmq.kill();
      await pause(outageMs);
      await waitFor(async () => (await unpublished()) >= backlog, { what: 'a backlog', timeoutMs: 60_000 });
      const waiting = await unpublished();
      await rabbitmq.start();
      await waitFor(async () => (await unpublished()) < waiting, { what: 'the publishing of the backlog', timeoutMs: 30_000 });
      await rabbitmq.kill();
      const left = await unpublished();
      await rabbitmq.start();
      const changes = await Promise.all(changing.map((one) => one.stop()));
      await waitFor(async () => (await unpublished()) === 0, { what: 'everything to be published', timeoutMs: 60_000 });

      const recorder = owned.add(await EventRecorder.start(rabbitmq.url), (recording) => recording.stop());
      await waitFor(() => recorder.isQuiet(), { what: 'the queue to be empty', timeoutMs: 30_000 });
      const committed = await outboxOf(database);
      report(
        `${kind}: broker away for ${outageMs} ms, ${waiting} events waited; killed while they were published, ${left} left then; ` +
          `${committed.length} events committed, ${recorder.events.length} published, ${recorder.events.length - committed.length} of them again`,
      );
      // Each change that a client was told of has its event; a replaced file would have more.
      expect(committed).toHaveLength(changes.reduce((sum, count) => sum + count, 0));
      const published = [...viewOf({ rows: [], events: recorder.events, outbox: committed }).events.values()];
      const ownerOf = ({ model_type: modelType, model_id: modelId }: RecordedEvent): string => ownerKey({ modelType, modelId });
      expect(inOrder(published.map((event) => ({ id: event.event_id, owner: ownerOf(event) })))).toEqual(inOrder(committed.map(({ eventId: id, owner }) => ({ id, owner }))));
      expect(left).toBeGreaterThan(0);
    },
    outageMs + 180_000,
  );
});
