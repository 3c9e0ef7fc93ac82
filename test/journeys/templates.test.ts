/** Template messages, the whole way: two gateways, two media services on one PostgreSQL, the provider's statuses at both. Real programs. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { pino } from 'pino';
import { z } from 'zod';
import { openPostgresDatabase } from '../../src/media/rows/postgres-database.js';
import { createSqlSendStore } from '../../src/media/rows/sql-send-store.js';
import type { SqlDatabase } from '../../src/media/rows/sql-database.js';
import type { SendState } from '../../src/media/templates/send-store.js';
import { somePng } from '../media/import/import-bench.js';
import { startFakeWhatsApp, type FakeWhatsApp } from '../support/fake-whatsapp.js';
import { codesOf, query, upload } from '../support/graphql.js';
import { startGateway, startMediaService, type Program } from '../support/programs.js';
import { sharedPostgres, sharedRedis, type SharedPostgres } from '../support/servers/shared.js';
import { tempDir, waitFor, type TempDir } from '../support/wait.js';
import { bodyOf, deliver, statusEntry, webhookEnv } from '../support/whatsapp-webhooks.js';

const mutation = 'mutation ($input: SendTemplateInput!) { sendTemplate(input: $input) { sendId sent messageId error { code message retryable providerCode } } }';
const result = z.object({ sendTemplate: z.object({ sendId: z.string(), sent: z.boolean(), messageId: z.string().nullable(), error: z.looseObject({ code: z.string() }).nullable() }) });
type Result = z.infer<typeof result>['sendTemplate'];

describe('a template message', () => {
  let fake: FakeWhatsApp;
  let data: TempDir;
  let postgres: SharedPostgres;
  let database: SqlDatabase;
  let services: Program[];
  let gateways: Program[];

  beforeAll(async () => {
    [fake, data, postgres] = await Promise.all([startFakeWhatsApp(), tempDir('templates'), sharedPostgres()]);
    const shared = { MEDIA_DATABASE_URL: postgres.url, MEDIA_STORAGE_URL: `file:${join(data.path, 'blobs')}`, REDIS_ADDR: sharedRedis().url };
    const env = { ...shared, ...fake.env, ...webhookEnv, MEDIA_URL_KEYS: 'k1:the secret of both of them' };
    services = await Promise.all(['one', 'other'].map((name) => startMediaService({ ...env, DATA_DIR: join(data.path, name) })));
    gateways = await Promise.all(services.map(({ grpcAddress }) => startGateway({ MEDIA_SERVICE_ADDR: grpcAddress }, { alone: true })));
    database = await openPostgresDatabase(postgres.url, pino({ level: 'silent' }));
  });
  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await Promise.all(services.map((service) => service.stop()));
    await database.stop();
    await postgres.stop();
    await fake.stop();
    await data.remove();
  });

  const storeImage = async (): Promise<string> => {
    const answer = await upload(gateways[0]?.url ?? '', new Blob([new Uint8Array(somePng())]), 'welcome.png', { modelType: 'Template', modelId: 'welcome', collectionName: 'headers' });
    return z.object({ uploadFile: z.object({ data: z.object({ id: z.string() }) }) }).parse(answer.data).uploadFile.data.id;
  };
  const input = (fields: Record<string, unknown> = {}) => ({ to: '+15550100001', template: 'welcome', language: 'en', parameters: ['Ann'], ...fields });
  const send = async (gateway: number, fields: Record<string, unknown>): Promise<Result> => result.parse((await query(gateways[gateway]?.url ?? '', mutation, { input: input(fields) })).data).sendTemplate;
  const statesOf = async (sendId: string): Promise<SendState[]> => (await createSqlSendStore(database).attempts(sendId)).map(({ state }) => state);
  const report = (service: number, ...statuses: Parameters<typeof statusEntry>): Promise<Response> => deliver(services[service]?.url ?? '', bodyOf(statusEntry(...statuses)));
  const untilStates = (sendId: string, ...states: SendState[]): Promise<unknown> =>
    waitFor(async () => JSON.stringify(await statesOf(sendId)) === JSON.stringify(states), { what: `the attempts to be ${states.join(', ')}` });

  it('S2: is sent with the media that it names, uploaded once, however many gateways send it', async () => {
    const headerMediaId = await storeImage();
    const sent = await Promise.all(Array.from({ length: 20 }, (_, index) => send(index % 2, { headerMediaId })));
    expect(sent.filter((one) => one.sent && one.messageId && one.error === null).length).toBe(20);
    expect([fake.sending.uploadCalls(), fake.sending.taken.length]).toEqual([1, 20]);
    await report(0, ...sent.map(({ messageId }) => ({ id: messageId ?? '', status: 'delivered' })));
    for (const { sendId } of sent) expect(await statesOf(sendId)).toEqual(['DELIVERED']);
  });

  it('S2: whose media fails later is sent once more, with one refresh for all, whichever services are told how often', async () => {
    const { sending } = fake;
    const headerMediaId = await storeImage();
    const sent = await Promise.all(Array.from({ length: 10 }, (_, index) => send(index % 2, { headerMediaId })));
    const [uploads, sends] = [sending.uploadCalls(), sending.sendCalls()];
    const failures = sent.map(({ messageId }) => ({ id: messageId ?? '', status: 'failed', code: 131_053 }));
    const answers = await Promise.all([report(0, ...failures), report(1, ...failures.toReversed()), report(0, ...failures)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    for (const { sendId } of sent) await untilStates(sendId, 'FAILED', 'ACCEPTED');
    // Late, and again.
    await report(1, ...failures, ...sent.map(({ messageId }) => ({ id: messageId ?? '', status: 'sent' })));
    for (const { sendId } of sent) expect(await statesOf(sendId)).toEqual(['FAILED', 'ACCEPTED']);
    expect([sending.uploadCalls() - uploads, sending.sendCalls() - sends]).toEqual([1, 10]);
  });

  it('S2: whose media the provider refuses at once is sent once more before the client is answered', async () => {
    const { sending } = fake;
    const headerMediaId = await storeImage();
    await send(0, { headerMediaId });
    sending.kill(sending.uploads.at(-1)?.handle ?? '');
    const [uploads, sends] = [sending.uploadCalls(), sending.sendCalls()];
    const { sendId, sent, messageId } = await send(1, { headerMediaId });
    expect([sent, messageId]).toEqual([true, sending.taken.at(-1)?.id]);
    expect([await statesOf(sendId), sending.uploadCalls() - uploads, sending.sendCalls() - sends]).toEqual([['FAILED', 'ACCEPTED'], 1, 2]);
  });

  it('tells the client what it can do about a failure', async () => {
    const { sending } = fake;
    sending.onSend('code 130429', 'status 500', 'code 190, the token has expired', undefined);
    const errors = [await send(0, {}), await send(0, {}), await send(0, {})].map(({ error }) => error);
    expect(errors).toEqual([
      { code: 'RATE_LIMITED', message: 'The provider asks for fewer messages (code 130429).', retryable: true, providerCode: 130_429 },
      { code: 'SEND_OUTCOME_UNKNOWN', message: expect.stringContaining('it is not known whether the message was sent'), retryable: true, providerCode: null },
      { code: 'SEND_FAILED', message: 'The provider refuses access (code 190).', retryable: false, providerCode: 190 },
    ]);
    const bad = await query(gateways[0]?.url ?? '', mutation, { input: input({ to: 'somebody' }) });
    expect([codesOf(bad), bad.errors?.[0]?.message]).toEqual([['BAD_USER_INPUT'], 'to must be a phone number with its country code: 7 to 15 digits.']);
    expect(codesOf(await query(gateways[0]?.url ?? '', mutation, { input: input({ headerMediaId: '987654' }) }))).toEqual(['NOT_FOUND']);
  });

  it('is recorded, each attempt, for operators', async () => {
    const { sending } = fake;
    const headerMediaId = await storeImage();
    sending.onSend('code 131053', undefined);
    const { sendId, messageId } = await send(0, { headerMediaId });
    const found = await fetch(`${services[1]?.url}/media/sends/${sendId}`);
    const [old, fresh] = sending.uploads.slice(-2).map(({ handle }) => handle);
    const common = { to: '+15550100001', template: 'welcome', language: 'en' };
    expect(await found.json()).toMatchObject({
      attempts: [
        { ...common, id: sendId, state: 'FAILED', mediaId: old, providerCode: 131_053, reason: 'The provider cannot use the media of the header (code 131053).' },
        { ...common, resendOf: sendId, state: 'ACCEPTED', mediaId: fresh, messageId },
      ],
    });
    expect((await fetch(`${services[0]?.url}/media/sends/unknown`)).status).toBe(404);
  });

  it('has its handles checked on demand, and all of it counted', async () => {
    const [service = { url: '' }] = services;
    const checked = await fetch(`${service.url}/media/handles/check`, { method: 'POST' });
    expect([checked.status, await checked.json()]).toEqual([200, { status: 'success', checked: 0, failed: 0 }]);
    const stats = async () => z.object({ statistics: z.record(z.string(), z.unknown()) }).parse(await (await fetch(`${service.url}/media/stats`)).json()).statistics;
    await waitFor(async () => (await stats()).template_retries === 12, { what: 'all retries to be counted' });
    expect(await stats()).toMatchObject({ template_sends: 36, template_retries: 12, handle_refreshes: 7, provider_errors: { 100: 1, 131053: 11, 130429: 1, 190: 1 } });
  });
});

describe('a template message whose sender dies', () => {
  it('is not told to be unsent: nobody knows', async () => {
    const [fake, data] = await Promise.all([startFakeWhatsApp(), tempDir('unknown')]);
    const service = await startMediaService({ DATA_DIR: data.path, ...fake.env });
    const gateway = await startGateway({ MEDIA_SERVICE_ADDR: service.grpcAddress }, { alone: true });
    try {
      const input = { to: '+15550100001', template: 'welcome', language: 'en' };
      fake.sending.onSend('taken, and an answer that never ends');
      const sending = query(gateway.url, mutation, { input });
      await waitFor(() => fake.sending.taken.length === 1, { what: 'the message to be taken' });
      service.process.signal('SIGKILL');
      expect(codesOf(await sending)).toEqual(['SEND_OUTCOME_UNKNOWN']);
      // Now it is certain.
      await waitFor(async () => codesOf(await query(gateway.url, mutation, { input }))[0] === 'MEDIA_SERVICE_UNAVAILABLE', { what: 'the service to be known as gone' });
      expect(fake.sending.taken.length).toBe(1);
    } finally {
      await gateway.stop();
      await service.stop();
      await fake.stop();
      await data.remove();
    }
  });
});
