/**
 * RabbitMQ away while files are uploaded and deleted, then killed and started again in the middle of the publishing of what had waited:
 * every committed event arrives, those of each owner in the order of their transactions.
 */
import { describe, expect, it } from '@jest/globals';
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
import { EventRecorder, keepEvents } from './event-recorder.js';
import { outboxOf } from './evidence.js';
import { grouped } from './view.js';
import { connectClient } from './writers.js';

/** `OUTAGE_SECONDS=60` shows the full minute; what is checked stays the same. */
const outageMs = Number(process.env['OUTAGE_SECONDS'] ?? '3') * 1_000;
/** Enough that a kill falls into its publishing. */
const backlog = 200;
const killsDuringPublishing = 1;
const owners = Array.from({ length: 6 }, (_, index) => `owner-${index}`);

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
  }, { pauseMs: 2 });
  return { stop: () => changing.stop().then(() => changes) };
}

async function withDatabase(kind: Database['kind'], directory: string, use: (database: Database) => Promise<void>): Promise<void> {
  if (kind === 'sqlite') return use(sqliteFile(`${directory}/media.db`));
  const postgres = await sharedPostgres();
  try {
    await use(postgresDatabase(postgres.url));
  } finally {
    await postgres.stop();
  }
}

describe.each(['sqlite', 'postgres'] as const)('RabbitMQ killed under a media service on %s', (kind) => {
  it(
    'loses no event, and the order of no owner',
    async () => {
      const [data, rabbitmq] = await Promise.all([tempDir('outage'), startRabbitMQ()]);
      await withDatabase(kind, data.path, async (database) => {
        await keepEvents(rabbitmq.url);
        const media = await startMediaService({ ...database.env, DATA_DIR: data.path, RABBITMQ_ADDR: rabbitmq.url });
        const client = connectClient(media.grpcAddress);
        const unpublished = async (): Promise<number> => (await database.query('select id from outbox where published_at is null')).length;
        const changing = owners.map((owner) => changeAgainAndAgain(client, owner));
        await waitFor(async () => (await outboxOf(database)).some(({ isPublished }) => isPublished), { what: 'the first events to be published' });

        await rabbitmq.kill();
        await pause(outageMs);
        await waitFor(async () => (await unpublished()) >= backlog, { what: 'a backlog', timeoutMs: 60_000 });
        const waiting = await unpublished();
        let killed = 0;
        for (; killed < killsDuringPublishing; killed += 1) {
          const before = await unpublished();
          await rabbitmq.start();
          await waitFor(async () => (await unpublished()) < before, { what: 'the publishing of the backlog', timeoutMs: 30_000 });
          await rabbitmq.kill();
        }
        const left = await unpublished();
        await rabbitmq.start();
        const changes = await Promise.all(changing.map((one) => one.stop()));
        await waitFor(async () => (await unpublished()) === 0, { what: 'everything to be published', timeoutMs: 60_000 });

        const recorder = await EventRecorder.start(rabbitmq.url);
        const outbox = await outboxOf(database);
        const firstOnes = (): Map<string, string[]> => {
          const ids = new Map(recorder.events.map((event) => [event.event_id, ownerKey({ modelType: event.model_type, modelId: event.model_id })]));
          return new Map([...grouped(ids, ([, owner]) => owner)].map(([owner, events]) => [owner, events.map(([id]) => id)]));
        };
        await waitFor(() => recorder.isQuiet(), { what: 'all events', timeoutMs: 30_000 });
        report(
          `${kind}: broker away for ${outageMs} ms, ${waiting} events waited; killed ${killed} times while they were published, ${left} left then; ` +
            `${outbox.length} events committed, ${recorder.events.length} published, ${recorder.events.length - outbox.length} of them again`,
        );
        // Each change that a client was told of has its event; a replaced file would have more.
        expect(outbox).toHaveLength(changes.reduce((sum, count) => sum + count, 0));
        const committed = new Map([...grouped(outbox, ({ owner }) => owner)].map(([owner, events]) => [owner, events.map(({ eventId }) => eventId)]));
        expect(Object.fromEntries(firstOnes())).toEqual(Object.fromEntries(committed));
        expect(left).toBeGreaterThan(0);
        await recorder.stop();
        client.close();
        await media.stop();
      });
      await rabbitmq.stop();
      await data.remove();
    },
    outageMs + 180_000,
  );
});
