/**
 * kill -9 of the media service while webhooks arrive, twice and out of order: each message is there once, and its media once.
 * `KILLS=100 MESSAGES=500 npm test -- test/crash/messages` is the long form.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { pino } from 'pino';
import { createSqlMediaStore } from '../../src/media/rows/sql-media-store.js';
import { createSqlMessageStore } from '../../src/media/rows/sql-message-store.js';
import { openSqliteDatabase } from '../../src/media/rows/sqlite-database.js';
import { somePng } from '../media/import/import-bench.js';
import { startFakeWhatsApp, type FakeWhatsApp } from '../support/fake-whatsapp.js';
import { fileURLToPath } from 'node:url';
import { tempDir, waitFor, type TempDir } from '../support/wait.js';
import { bodyOf, deliver, entryOf, mediaMessage, webhookEnv, type SentMessage } from '../support/whatsapp-webhooks.js';
import { mediaService, type KilledService } from './service.js';

const kills = Number(process.env.KILLS ?? 4);
const messageCount = Number(process.env.MESSAGES ?? 40);
/** At a time, as the provider does it. */
const deliveries = 8;
const importsAtOnce = 5;
const allMs = 60_000 + kills * 2_000 + messageCount * 200;

const script = fileURLToPath(new URL('../../dist/media/main.js', import.meta.url));

interface Sent {
  readonly message: SentMessage;
  readonly mediaId: string;
  readonly sha256: string;
}

describe('webhooks, while the service is killed again and again', () => {
  let fake: FakeWhatsApp;
  let data: TempDir;
  let service: KilledService;

  beforeAll(async () => {
    [fake, data] = await Promise.all([startFakeWhatsApp(), tempDir('messages')]);
    service = await mediaService({ script, env: { DATA_DIR: data.path, ...fake.env, ...webhookEnv } });
  });
  afterAll(async () => {
    await service.stop();
    await fake.stop();
    await data.remove();
  });

  /** Until it is answered with 200, as often as it takes. */
  const deliverUntilTaken = async (body: string): Promise<void> => {
    await waitFor(async () => (await deliver(service.url, body)).ok, { what: 'a webhook to be taken', timeoutMs: allMs });
  };

  it(
    'has each message once, and each media once, without a storm of calls',
    async () => {
      const sent = Array.from({ length: messageCount }, (): Sent => {
        const bytes = somePng();
        const received = fake.receive(bytes);
        return { message: mediaMessage('image', received), mediaId: received.id, sha256: createHash('sha256').update(bytes).digest('hex') };
      });
      // Each twice, some three times, by themselves and together.
      const bodies = [...sent, ...sent, ...sent.slice(0, messageCount / 4)].map(({ message }) => bodyOf(entryOf(message)));
      bodies.push(bodyOf(...sent.slice(0, 20).map(({ message }) => entryOf(message))));
      const rest = bodies.map((body) => ({ body, order: Math.random() })).toSorted((one, other) => one.order - other.order);
      const worker = async (): Promise<void> => {
        // oxlint-disable-next-line no-await-in-loop
        for (let next = rest.pop(); next; next = rest.pop()) await deliverUntilTaken(next.body);
      };
      await Promise.all([service.killAgainAndAgain(kills), ...Array.from({ length: deliveries }, worker)]);

      const database = await openSqliteDatabase(join(data.path, 'media.db'), pino({ level: 'silent' }));
      try {
        const ids = sent.map(({ message }) => message.id);
        const open = async (): Promise<number> => (await createSqlMessageStore(database).find(ids)).filter((message) => message?.state !== 'READY').length;
        await waitFor(async () => (await open()) === 0, { what: 'all media to be there', timeoutMs: allMs });
        const files = await createSqlMediaStore(database).filesByModels(ids.map((modelId) => ({ modelType: 'Message', modelId, collectionName: 'attachments', limit: 0 })));
        expect(files.map(({ media }) => media.map(({ sha256 }) => sha256))).toEqual(sent.map(({ sha256 }) => [sha256]));
      } finally {
        await database.stop();
      }
      const resolves = sent.map(({ mediaId }) => fake.resolves(mediaId));
      const total = resolves.reduce((sum, count) => sum + count, 0);
      process.stdout.write(`${kills} kills, ${bodies.length} deliveries of ${messageCount} messages: ${total} resolves, ${Math.max(...resolves)} of one media at most\n`);
      // What a kill has cut off is asked for once more.
      expect(total).toBeLessThanOrEqual(messageCount + kills * importsAtOnce);
    },
    allMs,
  );
});
