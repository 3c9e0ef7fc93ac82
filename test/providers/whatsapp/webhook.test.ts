/** The webhook of a whole media service: what it lets in, what it stores before it answers, and what becomes of it. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Message, MessageStore } from '../../../src/media/messages/message-store.js';
import { createSqlMessageStore } from '../../../src/media/rows/sql-message-store.js';
import type { SqlDatabase } from '../../../src/media/rows/sql-database.js';
import { openSqliteDatabase } from '../../../src/media/rows/sqlite-database.js';
import { unary } from '../../../src/runtime/grpc.js';
import { Harness, methods } from '../../media/harness.js';
import { somePng } from '../../media/import/import-bench.js';
import { startFakeWhatsApp, type FakeWhatsApp } from '../../support/fake-whatsapp.js';
import { waitFor } from '../../support/wait.js';
import { bodyOf, deliver, entryOf, mediaMessage, mediaTypes, signatureOf, textMessage, verifyToken, webhookEnv } from '../../support/whatsapp-webhooks.js';

let fake: FakeWhatsApp;
let harness: Harness;
let database: SqlDatabase;
let messages: MessageStore;

beforeAll(async () => {
  fake = await startFakeWhatsApp();
  harness = await Harness.start({ env: { ...fake.env, ...webhookEnv } });
  database = await openSqliteDatabase(join(harness.dir.path, 'media.db'), pino({ level: 'silent' }));
  messages = createSqlMessageStore(database);
});
afterAll(async () => {
  await database.stop();
  await harness.close();
  await fake.stop();
});

const find = async (id: string): Promise<Message | undefined> => (await messages.find([id]))[0];
const untilState = (id: string, state: Message['state']): Promise<unknown> => waitFor(async () => (await find(id))?.state === state, { what: `the media to be ${state}` });
const filesOf = async (id: string): Promise<string[]> => {
  const { media } = await unary(harness.client, methods.GetFilesByModel, { model_type: 'Message', model_id: id, collection_name: 'attachments', limit: 0 }, 5_000);
  return media.map(({ sha256 }) => sha256);
};
const shake = (query: Record<string, string>): Promise<Response> => fetch(`${harness.http.url}/webhooks/whatsapp?${new URLSearchParams(query).toString()}`);

describe('the handshake', () => {
  it('answers the challenge to who knows the token', async () => {
    const response = await shake({ 'hub.mode': 'subscribe', 'hub.verify_token': verifyToken, 'hub.challenge': '1158201444' });
    expect([response.status, await response.text(), response.headers.get('content-type')]).toEqual([200, '1158201444', 'text/plain; charset=utf-8']);
  });

  it.each([
    ['another token', { 'hub.mode': 'subscribe', 'hub.verify_token': 'guessed', 'hub.challenge': '1' }],
    ['no token', { 'hub.mode': 'subscribe', 'hub.challenge': '1' }],
    ['another mode', { 'hub.mode': 'unsubscribe', 'hub.verify_token': verifyToken, 'hub.challenge': '1' }],
  ])('refuses %s', async (_what, query) => {
    expect((await shake(query)).status).toBe(403);
  });
});

describe('the signature', () => {
  const message = textMessage();
  const body = bodyOf(entryOf(message));

  it.each([
    ['none', null],
    ['that of another secret', signatureOf(body, 'another secret')],
    ['that of other bytes', signatureOf(`${body} `)],
    ['one without its prefix', signatureOf(body).slice(7)],
    ['an empty one', ''],
  ])('keeps out what has %s', async (_what, signature) => {
    const response = await deliver(harness.http.url, body, { signature });
    expect([response.status, await response.json()]).toEqual([401, { code: 'UNAUTHENTICATED', message: 'X-Hub-Signature-256 must be the signature of the body.' }]);
    expect(await find(message.id)).toBeUndefined();
  });

  it('is of the bytes, also where they are not ASCII', async () => {
    expect((await deliver(harness.http.url, body)).status).toBe(200);
    expect(await find(message.id)).toMatchObject({ state: 'NONE', type: 'text', from: '15550001111', rawPayload: JSON.stringify(message) });
  });

  it.each([['no JSON', '{'], ['a list', '[]'], ['a word', '"webhook"'], ['nothing', '']])('does not make a webhook of %s', async (_what, text) => {
    expect((await deliver(harness.http.url, text)).status).toBe(400);
  });
});

describe('a delivery', () => {
  it.each(mediaTypes)('S1: the id of the media of %s is stored with the message', async (type) => {
    const bytes = somePng();
    const received = fake.receive(bytes);
    const more = { caption: 'eine Ansicht', filename: 'view.png', voice: true, animated: false, url: fake.host.url('/elsewhere') };
    const [plain, full] = [mediaMessage(type, received), mediaMessage(type, { ...received, id: ` ${received.id} ` }, more)];
    expect((await deliver(harness.http.url, bodyOf(entryOf(plain, full)))).status).toBe(200);
    for (const { id } of [plain, full]) {
      expect(await find(id)).toMatchObject({ type, providerMediaId: received.id });
      await untilState(id, 'READY');
      expect(await filesOf(id)).toEqual([createHash('sha256').update(bytes).digest('hex')]);
    }
    expect(fake.downloads(received.id)).toBe(1);
  });

  it('S1: a media message without an id is there all the same, with the reason, and the log says so', async () => {
    const [none, empty, unavailable] = [
      { ...textMessage(), type: 'image', image: { mime_type: 'image/png' } },
      { ...textMessage(), type: 'video', video: { id: '  ' } },
      { ...textMessage(), type: 'document', errors: [{ code: 131_052, title: 'Media download error' }] },
    ];
    await deliver(harness.http.url, bodyOf(entryOf(none, empty, unavailable)));
    expect(await find(none.id)).toMatchObject({ state: 'FAILED', reason: 'The provider named no media with the message.', retryable: false });
    expect(await find(empty.id)).toMatchObject({ state: 'FAILED', reason: 'The provider named no media with the message.' });
    expect(await find(unavailable.id)).toMatchObject({ state: 'FAILED', reason: 'The provider says that the media is not available, or too large (code 131052).' });
    expect(harness.lines.filter((line) => line.includes('[MEDIA-EXTRACTION]')).length).toBe(3);
  });

  it('is taken whole: all messages of all changes of all entries, and what cannot be read spoils nothing', async () => {
    const sent = Array.from({ length: 40 }, () => textMessage());
    const entries = [
      entryOf(sent[0], null, 'a word', {}, { id: '' }, sent[1]),
      { changes: [null, { value: {} }, { value: { statuses: [{ id: 'wamid.x', status: 'read' }] } }] },
      'an entry',
      ...sent.slice(2).map((message) => entryOf({ ...message, from: 7, timestamp: 'yesterday' })),
    ];
    const response = await deliver(harness.http.url, bodyOf(...entries));
    expect([response.status, await response.json()]).toEqual([200, { received: 41 }]);
    expect((await messages.find(sent.map(({ id }) => id))).every((message) => message?.state === 'NONE')).toBe(true);
  });

  it('that comes again, in another order and at the same time, changes nothing and imports nothing twice', async () => {
    const received = Array.from({ length: 10 }, () => fake.receive(somePng()));
    const sent = received.map((media) => mediaMessage('image', media));
    const bodies = [sent, sent.toReversed(), [...sent, ...sent]].map((some) => bodyOf(...some.map((message) => entryOf(message))));
    const responses = await Promise.all([...bodies, ...bodies].map((body) => deliver(harness.http.url, body)));
    expect(responses.map(({ status }) => status)).toEqual(responses.map(() => 200));
    for (const { id } of sent) await untilState(id, 'READY');
    expect(received.map(({ id }) => [fake.resolves(id), fake.downloads(id)])).toEqual(received.map(() => [1, 1]));
    await deliver(harness.http.url, bodies[0] ?? '');
    for (const { id } of sent) {
      expect((await find(id))?.state).toBe('READY');
      expect((await filesOf(id)).length).toBe(1);
    }
  });

  it('S1: is counted once, with what it did not say and what was imported', async () => {
    const countedNow = async () => (await unary(harness.client, methods.GetStats, {}, 5_000)).counters;
    // Statistics are a second old at times.
    await waitFor(async () => Number((await countedNow()).message_media_ready) === 20, { what: 'all imports to be counted' });
    expect(await countedNow()).toMatchObject({ extraction_failures: 3, message_media_ready: 20, message_media_failed: 0, provider_pauses: 0 });
  });

  it('of more than 3 MB is taken, of more than 4 MiB refused', async () => {
    const long = textMessage({ text: { body: 'x'.repeat(3_200_000) } });
    expect((await deliver(harness.http.url, bodyOf(entryOf(long)))).status).toBe(200);
    expect(await find(long.id)).toBeDefined();
    expect((await deliver(harness.http.url, bodyOf(entryOf(textMessage({ text: { body: 'x'.repeat(4_300_000) } }))))).status).toBe(413);
  });
});
