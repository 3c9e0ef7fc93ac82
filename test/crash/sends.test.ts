/**
 * kill -9 of the media service while it sends template messages and is told that their media have failed: no attempt is made twice, and no resend is lost.
 * `KILLS=100 MESSAGES=500 npm test -- test/crash/sends` is the long form.
 */
import { credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { MediaService } from '../../src/contract/services.js';
import { createSqlSendStore } from '../../src/media/rows/sql-send-store.js';
import { openSqliteDatabase } from '../../src/media/rows/sqlite-database.js';
import { unary } from '../../src/runtime/grpc.js';
import { somePng } from '../media/import/import-bench.js';
import { startFakeWhatsApp, type FakeWhatsApp } from '../support/fake-whatsapp.js';
import { tempDir, waitFor, type TempDir } from '../support/wait.js';
import { bodyOf, deliver, statusEntry, webhookEnv } from '../support/whatsapp-webhooks.js';
import { mediaService, type KilledService } from './service.js';

const kills = Number(process.env.KILLS ?? 4);
const messageCount = Number(process.env.MESSAGES ?? 40);
const senders = 6;
const allMs = 60_000 + kills * 2_500 + messageCount * 200;

const script = fileURLToPath(new URL('../../dist/media/main.js', import.meta.url));
const methods = MediaService.service;

describe('template messages, while the service is killed again and again', () => {
  let fake: FakeWhatsApp;
  let data: TempDir;
  let service: KilledService;

  beforeAll(async () => {
    [fake, data] = await Promise.all([startFakeWhatsApp(), tempDir('sends')]);
    service = await mediaService({ script, env: { DATA_DIR: data.path, ...fake.env, ...webhookEnv } });
  });
  afterAll(async () => {
    await service.stop();
    await fake.stop();
    await data.remove();
  });

  it(
    'are sent twice at most, once for each attempt, and a resend that was asked for is not lost',
    async () => {
      const { sending } = fake;
      const address = service.grpcAddress;
      const client = new MediaService(address, credentials.createInsecure(), { 'grpc.initial_reconnect_backoff_ms': 50, 'grpc.max_reconnect_backoff_ms': 100 });
      const received = fake.receive(somePng());
      await service.launch();
      await service.ready();
      const provider_media = { provider: 'whatsapp', id: received.id, timestamp: 0 };
      const owner = { model_type: 'Template', model_id: 'welcome', collection_name: 'headers' };
      const { id: header_media_id } = await unary(client, methods.ImportFile, { ...owner, source: 'provider_media', provider_media }, 20_000);
      await service.kill();

      const request = { to: '+15550100001', template: 'welcome', language: 'en', parameters: [], header: 'header_media_id' as const, header_media_id };
      let calls = 0;
      const accepted = new Set<string>();
      const failLate = async (id: string): Promise<void> => {
        const body = bodyOf(statusEntry({ id, status: 'failed', code: 131_053 }));
        await waitFor(async () => (await deliver(service.url, body)).ok, { what: 'a status to be taken', timeoutMs: allMs });
      };
      const worker = async (): Promise<void> => {
        while (accepted.size < messageCount) {
          // A call of which the client does not know what came is made anew: nothing here repeats one.
          // oxlint-disable no-await-in-loop
          calls += 1;
          const answer = await unary(client, methods.SendTemplate, request, 5_000).catch(() => undefined);
          if (!answer?.sent) await sleep(50);
          else {
            accepted.add(answer.send_id);
            await failLate(answer.message_id);
          }
          // oxlint-enable no-await-in-loop
        }
      };
      await Promise.all([service.killAgainAndAgain(kills), ...Array.from({ length: senders }, worker)]);
      client.close();

      const database = await openSqliteDatabase(join(data.path, 'media.db'), pino({ level: 'silent' }));
      try {
        const sends = createSqlSendStore(database);
        const statesOf = async (id: string) => (await sends.attempts(id)).map(({ state }) => state);
        const open = async (): Promise<number> => {
          const all = await Promise.all([...accepted].map(statesOf));
          return all.filter((states) => states.length !== 2 || !['ACCEPTED', 'SENDING', 'UNKNOWN'].includes(states[1] ?? '')).length;
        };
        await waitFor(async () => (await open()) === 0, { what: 'all resends', timeoutMs: allMs });
        // Each attempt has an id of ours, which the provider has seen once.
        const seen = sending.taken.map(({ sendId }) => sendId);
        expect(new Set(seen).size).toBe(seen.length);
        const lost = (await Promise.all([...accepted].map(statesOf))).filter((states) => states[1] !== 'ACCEPTED').length;
        process.stdout.write(`${kills} kills, ${calls} calls, ${accepted.size} accepted, ${seen.length} messages taken, ${lost} resends of which it is not known, ${sending.uploadCalls()} uploads\n`);
        expect(accepted.size).toBeGreaterThanOrEqual(messageCount);
        expect(lost).toBeLessThanOrEqual(kills * senders);
      } finally {
        await database.stop();
      }
    },
    allMs,
  );
});
