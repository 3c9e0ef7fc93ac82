/** The proxy: the bytes of a message's media by the id of the message, imported when somebody asks for them first. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { pino } from 'pino';
import { z } from 'zod';
import { createSqlMessageStore } from '../../../src/media/rows/sql-message-store.js';
import { openSqliteDatabase } from '../../../src/media/rows/sqlite-database.js';
import { Harness } from '../harness.js';
import { somePng } from '../import/import-bench.js';
import { startFakeWhatsApp, type FakeWhatsApp, type Received } from '../../support/fake-whatsapp.js';
import { waitFor } from '../../support/wait.js';
import { bodyOf, deliver, entryOf, mediaMessage, newWamid, textMessage, webhookEnv } from '../../support/whatsapp-webhooks.js';

let fake: FakeWhatsApp;
let harness: Harness;

beforeAll(async () => {
  fake = await startFakeWhatsApp();
  harness = await Harness.start({ env: { ...fake.env, ...webhookEnv, BASE_BACKOFF_SECONDS: '0', FAILED_MEDIA_TRANSIENT_TTL: '0' } });
});
afterAll(async () => {
  await harness.close();
  await fake.stop();
});

const get = (id: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${harness.http.url}/api/media/messages/${encodeURIComponent(id)}`, { headers, signal: AbortSignal.timeout(30_000) });

describe('GET /api/media/messages/:id', () => {
  let bytes: Buffer;
  let received: Received;

  beforeEach(() => {
    bytes = somePng();
    received = fake.receive(bytes);
  });

  const tell = async (): Promise<string> => {
    const sent = mediaMessage('image', received, { id: received.id });
    expect((await deliver(harness.http.url, bodyOf(entryOf(sent)))).status).toBe(200);
    return sent.id;
  };

  it('S1: the cached path, source A: gives the bytes, ranges of them too, whoever asks first and how many do', async () => {
    const id = await tell();
    const answers = await Promise.all(Array.from({ length: 10 }, () => get(id)));
    for (const answer of answers) {
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/png']);
      expect(Buffer.from(await answer.arrayBuffer())).toEqual(bytes);
    }
    expect([fake.resolves(received.id), fake.downloads(received.id)]).toEqual([1, 1]);
    const range = await get(id, { range: 'bytes=1-3' });
    expect([range.status, Buffer.from(await range.arrayBuffer())]).toEqual([206, bytes.subarray(1, 4)]);
  });

  it('S1: says that there is no such message, and that one brings no media', async () => {
    const text = textMessage();
    await deliver(harness.http.url, bodyOf(entryOf(text)));
    for (const [id, message] of [[newWamid(), 'There is no such message.'], [text.id, 'The message brings no media.']] as const) {
      const answer = await get(id);
      expect([answer.status, await answer.json()]).toEqual([404, { code: 'NOT_FOUND', message, retryable: false, expired: false }]);
    }
  });

  it('S1: an expired media is never asked for again, and says so', async () => {
    fake.onResolve(received.id, 'code 100, subcode 33');
    const id = await tell();
    for (let time = 0; time < 2; time += 1) {
      const answer = await get(id);
      expect([answer.status, await answer.json()]).toMatchObject([410, { code: 'IMPORT_FAILED', retryable: false, expired: true }]);
    }
    expect(fake.resolves(received.id)).toBe(1);
  });

  it('S1: a message without the id of its media says that it cannot be had', async () => {
    const sent = { ...textMessage(), type: 'image', image: {} };
    await deliver(harness.http.url, bodyOf(entryOf(sent)));
    const answer = await get(sent.id);
    expect([answer.status, await answer.json()]).toEqual([404, { code: 'NOT_FOUND', message: 'The provider named no media with the message.', retryable: false, expired: false }]);
  });

  it.each([
    ['B, where a URL should be', () => ({ url: ` ${received.id} ` }), '{}'],
    ['C, in what the provider has said', () => ({ url: 'https://lookaside.fbsbx.com/x' }), undefined],
  ])('S1: the id of a media is found in source %s, of a message that was stored without it', async (_source, media, rawPayload) => {
    const [id, other] = [newWamid(), newWamid()];
    const raw = rawPayload ?? JSON.stringify({ id, type: 'image', image: { id: received.id } });
    const stored = { provider: 'whatsapp', from: '1555', type: 'image', sentAt: undefined, media: { id: undefined, problem: 'There is none.', sha256: undefined, fileName: undefined, ...media() } };
    const database = await openSqliteDatabase(join(harness.dir.path, 'media.db'), pino({ level: 'silent' }));
    await createSqlMessageStore(database).add([{ ...stored, id, rawPayload: raw }, { ...stored, id: other, media: { ...stored.media, url: undefined }, rawPayload: '{"type":"image","image":{}}' }], new Date());
    await database.stop();
    const answer = await get(id);
    expect([answer.status, Buffer.from(await answer.arrayBuffer())]).toEqual([200, bytes]);
    // And where none says it, it is missing.
    const missing = await get(other);
    expect([missing.status, await missing.json()]).toMatchObject([404, { code: 'NOT_FOUND', message: 'There is none.' }]);
  });

  it('S1: counts what was there, what had to be imported first, and what could not be had', async () => {
    const stats = z.object({ statistics: z.looseObject({ message_media_hits: z.number(), message_media_misses: z.number(), message_media_refusals: z.number() }) });
    const counted = async (): Promise<number[]> => {
      const { statistics } = stats.parse(await (await fetch(`${harness.http.url}/media/stats`)).json());
      return [statistics.message_media_hits, statistics.message_media_misses, statistics.message_media_refusals];
    };
    const [hits = 0, misses = 0, refusals = 0] = await counted();
    const id = await tell();
    for (let time = 0; time < 3; time += 1) await (await get(id)).arrayBuffer();
    await get(newWamid());
    const gone = fake.receive(somePng());
    fake.onResolve(gone.id, 'code 100, subcode 33');
    const expired = mediaMessage('image', gone);
    await deliver(harness.http.url, bodyOf(entryOf(expired)));
    await get(expired.id);
    // Whether the first one had to wait is a matter of chance.
    const isSo = async (): Promise<boolean> => {
      const [hitsNow = 0, missesNow = 0, refusalsNow = 0] = await counted();
      return hitsNow + missesNow === hits + misses + 3 && hitsNow >= hits + 2 && refusalsNow === refusals + 1;
    };
    await waitFor(isSo, { what: 'all to be counted' });
    expect(await isSo()).toBe(true);
  });

  it('goes on with the import when the client has left', async () => {
    fake.onResolve(received.id, undefined);
    const id = await tell();
    const client = new AbortController();
    const asked = fetch(`${harness.http.url}/api/media/messages/${encodeURIComponent(id)}`, { signal: client.signal });
    client.abort();
    await expect(asked).rejects.toThrow();
    await waitFor(() => fake.downloads(received.id) === 1, { what: 'the import to go on' });
    expect((await get(id)).status).toBe(200);
  });

  it('answers programs on this machine only, without a token', async () => {
    const answer = await get(newWamid(), { 'x-forwarded-for': '203.0.113.9' });
    expect([answer.status, await answer.json()]).toMatchObject([403, { code: 'FORBIDDEN', retryable: false, expired: false }]);
  });
});
