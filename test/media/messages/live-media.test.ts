/** The proxy while it imports: the bytes of a message's media reach who asks for them as they arrive from the provider. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { downloadTroubles, startFakeWhatsApp, type DownloadTrouble, type FakeWhatsApp, type Received } from '../../support/fake-whatsapp.js';
import { LiveClient } from '../../support/live-client.js';
import { cutAfter, inParts, ok, when, type Play } from '../../support/media-host.js';
import { waitFor } from '../../support/wait.js';
import { bodyOf, deliver, entryOf, mediaMessage, webhookEnv, type MediaType } from '../../support/whatsapp-webhooks.js';
import { Harness } from '../harness.js';
import { png } from '../images.js';

/** A PNG of a megabyte and a bit, of its own. */
const largePng = (): Buffer => png(3, 4, randomBytes(1_048_576));
const headBytes = 100_000;

let fake: FakeWhatsApp;
let harness: Harness;
let bytes: Buffer;
let received: Received;
/** Lets the provider go on. */
let open: () => void;
let gate: Promise<void>;
const clients: LiveClient[] = [];

const start = async (rules: Record<string, object> = {}): Promise<void> => {
  harness = await Harness.start({ rules, env: { ...fake.env, ...webhookEnv } });
};

beforeEach(async () => {
  fake = await startFakeWhatsApp();
  bytes = largePng();
  received = fake.receive(bytes);
  gate = new Promise((resolve) => {
    open = resolve;
  });
});
afterEach(async () => {
  open();
  for (const client of clients.splice(0)) client.leave();
  await harness.close();
  await fake.stop();
});

/** Tells of a message with the media; its id. */
const tell = async (more: Record<string, unknown> = {}, type: MediaType = 'image'): Promise<string> => {
  const sent = mediaMessage(type, received, { id: received.id, ...more });
  expect((await deliver(harness.http.url, bodyOf(entryOf(sent)))).status).toBe(200);
  return sent.id;
};

const urlOf = (id: string): string => `${harness.http.url}/api/media/messages/${encodeURIComponent(id)}`;
const get = (id: string, options: RequestInit = {}): Promise<Response> => fetch(urlOf(id), { ...options, signal: AbortSignal.timeout(30_000) });

const ask = async (id: string): Promise<LiveClient> => {
  const client = await LiveClient.ask(urlOf(id));
  clients.push(client);
  return client;
};

/** Sends the first bytes, then, once the gate is open, the rest. */
const inTwoParts = (options?: { length: boolean }): Play => inParts(bytes.subarray(0, headBytes), gate, bytes.subarray(headBytes), options);
const cutHalfWay = (): Play => {
  const cut = gate.then(() => Promise.reject(new Error('cut')));
  cut.catch(() => undefined);
  return inParts(bytes.subarray(0, headBytes), cut, bytes.subarray(headBytes));
};
const holdBack = (): void => fake.onDownload(received.id, inTwoParts());
const sha256 = (of: Buffer): string => createHash('sha256').update(of).digest('hex');
const ofTheFile = ['content-type', 'content-disposition', 'content-length', 'cache-control', 'x-content-type-options', 'content-security-policy', 'cross-origin-resource-policy'];
const headersOf = ({ headers }: { headers: Headers }): (string | null)[] => ofTheFile.map((name) => headers.get(name));

describe('the media of a message that is not stored yet', () => {
  it('begins to arrive while the provider holds back the rest, with the headers that it will have when it is stored', async () => {
    await start();
    holdBack();
    const id = await tell();
    const client = await ask(id);
    expect(client.status).toBe(200);
    await client.first();
    expect((await harness.blobs()).complete).toBe(0);
    open();
    expect(sha256(await client.all())).toBe(sha256(bytes));
    expect(headersOf(client)).toEqual(headersOf(await get(id)));
    expect(headersOf(client).slice(0, 3)).toEqual(['image/png', expect.stringContaining('inline'), String(bytes.length)]);
    expect([fake.resolves(received.id), fake.downloads(received.id)]).toEqual([1, 1]);
  });

  it('begins to arrive for who asks before the provider has answered', async () => {
    await start();
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    fake.onDownload(received.id, when(answered, inTwoParts()));
    const asked = ask(await tell());
    await waitFor(() => fake.downloads(received.id) === 1, { what: 'the download to be asked for' });
    answer();
    const client = await asked;
    await client.first();
    open();
    expect(sha256(await client.all())).toBe(sha256(bytes));
  });

  it('has the name that the message gives it, and the type of a text once that is certain', async () => {
    await start();
    bytes = Buffer.from('some words and nothing else\n'.repeat(20_000));
    received = fake.receive(bytes, 'text/csv');
    fake.onDownload(received.id, inParts(bytes.subarray(0, 300_000), gate, bytes.subarray(300_000)));
    const id = await tell({ filename: 'words.csv' }, 'document');
    const client = await ask(id);
    await client.first();
    open();
    expect(sha256(await client.all())).toBe(sha256(bytes));
    expect(headersOf(client)).toEqual(headersOf(await get(id)));
    expect(headersOf(client).slice(0, 2)).toEqual(['text/csv; charset=utf-8', expect.stringContaining('words.csv')]);
  });

  it('arrives in chunks and whole when nobody has announced its size', async () => {
    await start();
    fake.onResolve(received.id, 'no hash and no size');
    fake.onDownload(received.id, inTwoParts({ length: false }));
    const client = await ask(await tell());
    await client.first();
    expect(client.headers.get('content-length')).toBeNull();
    open();
    expect(sha256(await client.all())).toBe(sha256(bytes));
  });

  it('is imported to its end when the client leaves half-way', async () => {
    await start();
    holdBack();
    const id = await tell();
    const client = await ask(id);
    await client.first();
    client.leave();
    open();
    const answer = await get(id);
    expect(sha256(Buffer.from(await answer.arrayBuffer()))).toBe(sha256(bytes));
    expect(fake.downloads(received.id)).toBe(1);
  });

  it('is downloaded once for ten who ask at once, and all see it arrive', async () => {
    await start();
    holdBack();
    const id = await tell();
    const all = await Promise.all(Array.from({ length: 10 }, () => ask(id)));
    await Promise.all(all.map((client) => client.first()));
    open();
    for (const whole of await Promise.all(all.map((client) => client.all()))) expect(sha256(whole)).toBe(sha256(bytes));
    expect([fake.resolves(received.id), fake.downloads(received.id)]).toEqual([1, 1]);
  });

  it('is imported although a client takes nothing, which has all of it when it reads on', async () => {
    bytes = png(3, 4, randomBytes(32_000_000));
    received = fake.receive(bytes);
    await start();
    holdBack();
    const id = await tell();
    const client = await ask(id);
    await client.first();
    open();
    expect((await get(id, { method: 'HEAD' })).status).toBe(200);
    expect((await harness.blobs()).complete).toBe(1);
    expect(sha256(await client.all())).toBe(sha256(bytes));
    expect(fake.downloads(received.id)).toBe(1);
  });

  it('is given in parts, by its head and under a condition only once it is stored', async () => {
    await start();
    holdBack();
    const id = await tell();
    await (await ask(id)).first();
    const answered: number[] = [];
    const asked = [{ method: 'HEAD' }, { headers: { range: 'bytes=1-3' } }, { headers: { 'if-none-match': `"${sha256(bytes)}"` } }].map(async (options) => {
      const answer = await get(id, options);
      answered.push(answer.status);
      return answer;
    });
    const late = await ask(id);
    await late.first();
    expect(answered).toEqual([]);
    open();
    const [head, part, condition] = await Promise.all(asked);
    expect([head?.status, head?.headers.get('etag'), condition?.status]).toEqual([200, `"${sha256(bytes)}"`, 304]);
    expect([part?.status, await part?.text()]).toEqual([206, bytes.toString('utf8', 1, 4)]);
  });

  it('arrives whole when a try is cut half-way and the next one succeeds', async () => {
    await start();
    fake.onDownload(received.id, cutHalfWay(), undefined);
    const client = await ask(await tell());
    await client.first();
    open();
    expect(sha256(await client.all())).toBe(sha256(bytes));
    expect(fake.downloads(received.id)).toBe(2);
  });

  it.each<[string, (sent: Buffer) => Buffer]>([
    ['another one among them', (sent) => Buffer.concat([sent.subarray(0, 500), Buffer.from([sent.readUInt8(500) ^ 1]), sent.subarray(501)])],
    ['more at their end', (sent) => Buffer.concat([sent, sent])],
    ['fewer of them', (sent) => sent.subarray(0, headBytes / 2)],
  ])('is cut when the next try gives other bytes than those that were sent, though they are stored: %s', async (_what, change) => {
    await start();
    const others = change(bytes);
    fake.onResolve(received.id, 'no hash and no size');
    fake.onDownload(received.id, cutHalfWay(), ok(others));
    const id = await tell({ sha256: undefined });
    const client = await ask(id);
    await client.first();
    open();
    await expect(client.all()).rejects.toThrow('terminated');
    expect(Buffer.from(await (await get(id)).arrayBuffer())).toEqual(others);
  });

  it('is refused, and nothing of it is sent, when its collection does not take its type', async () => {
    bytes = Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(1_000_000)]);
    received = fake.receive(bytes, 'application/pdf');
    await start({ attachments: { types: ['image/png'] } });
    holdBack();
    const asked = get(await tell());
    await waitFor(() => fake.downloads(received.id) === 1, { what: 'the download to begin' });
    open();
    const answer = await asked;
    expect([answer.status, await answer.json()]).toMatchObject([404, { code: 'UNSUPPORTED_MEDIA_TYPE', retryable: false, expired: false }]);
  });
});

/** That are none, or for which a clock has to run out. */
const apart: readonly DownloadTrouble[] = ['a redirect to the same host', 'a redirect to another host', 'no answer', 'no more half-way'];
const isTrouble = (name: string): name is DownloadTrouble => name in downloadTroubles;
const troubles = Object.keys(downloadTroubles).filter(isTrouble).filter((name) => !apart.includes(name));

describe('a client that asks while the import fails', () => {
  it.each(troubles)('has a refusal as JSON or a cut connection, never a whole answer: %s', async (trouble) => {
    await start();
    fake.onDownload(received.id, trouble);
    const id = await tell();
    const client = await ask(id);
    if (client.status === 200) await expect(client.all()).rejects.toThrow('terminated');
    else expect(JSON.parse(String(await client.all()))).toMatchObject({ code: 'IMPORT_FAILED', retryable: true, expired: false });
  });

  it.each(['a reset', 'a page, with status 200', 'status 500', 'other bytes'] as const)('has a refusal when nothing was sent yet: %s', async (trouble) => {
    await start();
    fake.onDownload(received.id, trouble);
    const answer = await get(await tell());
    expect([answer.status, answer.headers.get('content-type')]).toEqual([503, expect.stringContaining('application/json')]);
    expect(await answer.json()).toMatchObject({ code: 'IMPORT_FAILED', retryable: true, expired: false });
  });

  it('is told that a media has expired', async () => {
    await start();
    fake.onResolve(received.id, 'code 100, subcode 33');
    const answer = await get(await tell());
    expect([answer.status, await answer.json()]).toMatchObject([410, { code: 'IMPORT_FAILED', retryable: false, expired: true }]);
  });

  it.each<[string, () => void]>([
    ['other bytes than announced', () => fake.onDownload(received.id, inParts(bytes.subarray(0, headBytes), gate, Buffer.alloc(bytes.length - headBytes)))],
    ['a connection that breaks', () => fake.onDownload(received.id, cutHalfWay(), cutAfter(Buffer.alloc(0)))],
  ])('and has begun to read, is cut: %s', async (_what, plan) => {
    await start();
    plan();
    const client = await ask(await tell());
    await client.first();
    open();
    await expect(client.all()).rejects.toThrow('terminated');
  });
});
