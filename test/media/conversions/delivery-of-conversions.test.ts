import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Fastify from 'fastify';
import { createHmac } from 'node:crypto';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { pino } from 'pino';
import { createDelivery, type DeliveryOptions } from '../../../src/media/http/delivery.js';
import { UrlSigner } from '../../../src/media/http/signed-urls.js';
import { Library } from '../../../src/media/library.js';
import type { Media } from '../../../src/media/rows/media-store.js';
import { waitFor } from '../../support/wait.js';
import { photo, Workshop } from './workshop.js';

const key = { id: 'k1', secret: '0123456789abcdef' };
const signer = new UrlSigner([key]);
const conversions = { thumb: { width: 96, height: 96, fit: 'cover' }, preview: { width: 50, height: 50, format: 'jpeg' } };

let workshop: Workshop;
let library: Library;
const server = Fastify({ forceCloseConnections: true });
let publicUrl = '';
let media: Media;
let openMedia: Media;
const lines: string[] = [];
const log = pino({}, { write: (line: string) => void lines.push(line) });
/** What is opened in place of the bytes, by a test that wants so. */
let opened: DeliveryOptions['library']['open'] | undefined;

beforeAll(async () => {
  workshop = await Workshop.open({ rules: { avatars: { conversions }, banners: { conversions, visibility: 'public' } } });
  const { media: store, store: made, blobs, collections, counters } = workshop;
  library = new Library({
    store,
    conversions: made,
    blobs,
    collections,
    counters,
    signer,
    importer: { withFile: () => Promise.reject(new Error('nothing is imported here')) },
    publicUrl: () => publicUrl,
    onCommit: () => undefined,
  });
  const served = { served: library.served.bind(library), open: (...given: Parameters<Library['open']>) => (opened ?? library.open.bind(library))(...given) };
  await server.register(createDelivery({ library: served, signer, log }));
  publicUrl = await server.listen({ host: '127.0.0.1', port: 0 });
  workshop.start();
  const bytes = await photo(300, 200).png().toBuffer();
  const changes = { conversions: ['thumb', 'preview'], fileName: 'me.png', mimeType: 'image/png' };
  media = await workshop.upload(bytes, changes);
  openMedia = await workshop.upload(bytes, { ...changes, collectionName: 'banners' });
  await Promise.all([media, openMedia].flatMap((file) => [workshop.settled(file, 'thumb'), workshop.settled(file, 'preview')]));
});
afterAll(async () => {
  await server.close();
  await workshop.close();
});

async function urlOf({ id }: Media, conversion: string, expirySeconds = 60): Promise<URL> {
  const [signed] = await library.urls([id], expirySeconds, conversion);
  if (!signed) throw new Error(`there is no ${conversion} of ${id}`);
  return new URL(signed.url);
}

describe('a signed URL of a conversion', () => {
  it('gives that conversion, under a name and with a tag of its own', async () => {
    const [made] = await workshop.store.find([media.id], 'thumb');
    const response = await fetch(await urlOf(media, 'thumb'));
    expect(response.status).toBe(200);
    expect(Buffer.from(await response.arrayBuffer()).equals(await workshop.bytes(media, 'thumb'))).toBe(true);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'image/webp',
      'content-length': String(made?.size),
      'content-disposition': `inline; filename="me-thumb.webp"; filename*=UTF-8''me-thumb.webp`,
      etag: `"${made?.sha256}"`,
      'cache-control': expect.stringMatching(/^private, max-age=([1-5]?\d|60)$/),
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'",
    });
  });

  it('answers conditions and ranges like that of a file', async () => {
    const url = await urlOf(media, 'thumb');
    const head = await fetch(url, { method: 'HEAD' });
    const etag = String(head.headers.get('etag'));
    const part = await fetch(url, { headers: { range: 'bytes=0-3', 'if-range': etag } });
    expect([part.status, await part.text()]).toEqual([206, 'RIFF']);
    expect((await fetch(url, { headers: { 'if-none-match': etag } })).status).toBe(304);
    expect((await fetch(url, { headers: { range: 'bytes=99999999-' } })).status).toBe(416);
  });

  it('has the conversion before its key, and the signature at its end', async () => {
    expect((await urlOf(media, 'thumb')).search).toMatch(/^\?expires=\d+&conversion=thumb&kid=k1&signature=[0-9a-f]{64}$/);
    expect((await urlOf(media, '')).search).toMatch(/^\?expires=\d+&kid=k1&signature=[0-9a-f]{64}$/);
  });

  it('may be kept by shared caches for a public collection, as long as it is valid', async () => {
    for (const conversion of ['', 'thumb']) {
      // oxlint-disable-next-line no-await-in-loop
      const { headers } = await fetch(await urlOf(openMedia, conversion, 30), { method: 'HEAD' });
      expect(headers.get('cache-control')).toMatch(/^public, max-age=([12]?\d|30)$/);
    }
  });

  it('is not given for what is not made, and gives nothing in its place', async () => {
    expect(await library.urls([media.id], 60, 'poster')).toEqual([undefined]);
    const { url } = signer.sign(publicUrl, { id: media.id, fileName: 'me.png', conversion: 'poster' }, 60);
    const response = await fetch(url);
    expect([response.status, await response.json()]).toEqual([404, { code: 'NOT_FOUND', message: 'There is no such file.' }]);
  });

  const set = (name: string, value: string) => (url: URL) => url.searchParams.set(name, value);
  it.each<[string, string, (url: URL) => void]>([
    ['no conversion', 'thumb', (url) => url.searchParams.delete('conversion')],
    ['an empty conversion', 'thumb', set('conversion', '')],
    ['another conversion', 'thumb', set('conversion', 'preview')],
    ['another case', 'thumb', set('conversion', 'THUMB')],
    ['two conversions', 'thumb', (url) => url.searchParams.append('conversion', 'thumb')],
    ['a conversion with a line break', 'thumb', set('conversion', 'thumb\n')],
    ['its conversion in the disposition', 'thumb', (url) => (url.searchParams.delete('conversion'), set('disposition', 'inline thumb')(url))],
    ['its conversion in the file name', 'thumb', (url) => (url.searchParams.delete('conversion'), (url.pathname = `/files/${media.id}/thumb%0Ame-thumb.webp`))],
    ['another disposition', 'thumb', set('disposition', 'attachment')],
    ['the id of another file', 'thumb', (url) => (url.pathname = url.pathname.replace(`/${media.id}/`, `/${openMedia.id}/`))],
    ['an added conversion', '', set('conversion', 'thumb')],
    ['an added empty conversion', '', set('conversion', '')],
    ['the name of a conversion', '', (url) => (url.pathname = url.pathname.replace('me.png', 'me-thumb.webp'))],
  ])('is refused with %s', async (_, conversion, change) => {
    const url = await urlOf(media, conversion);
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200);
    change(url);
    const response = await fetch(url);
    expect([response.status, await response.json()]).toEqual([403, { code: 'FORBIDDEN', message: 'This link is not valid.' }]);
  });

  it('leaves those of files as they were signed before there were any', async () => {
    const expires = Math.floor(Date.now() / 1_000) + 60;
    const signature = createHmac('sha256', key.secret).update(`${media.id}\n${expires}\ninline\nk1\nme.png`).digest('hex');
    const response = await fetch(`${publicUrl}/files/${media.id}/me.png?expires=${expires}&kid=k1&signature=${signature}`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('image/png');
  });
});

const connections = (): Promise<number> => new Promise((resolve, reject) => server.server.getConnections((error, count) => (error ? reject(error) : resolve(count))));

describe('bytes that cannot be read to their end', () => {
  async function* failingAfter(...chunks: Buffer[]): AsyncGenerator<Buffer> {
    for (const chunk of chunks) yield chunk;
    throw new Error('the blob is damaged');
  }
  const serveInstead = async <T>(open: NonNullable<typeof opened>, use: (url: URL) => Promise<T>): Promise<T> => {
    opened = open;
    try {
      return await use(await urlOf(media, 'thumb'));
    } finally {
      opened = undefined;
    }
  };
  const noneOfTheFile = (headers: Headers) =>
    ['etag', 'accept-ranges', 'content-disposition', 'content-range'].map((name) => headers.get(name)).filter((value) => value !== null);

  it('are not found when they are gone', async () => {
    const response = await serveInstead(() => Promise.resolve(undefined), (url) => fetch(url));
    expect([response.status, await response.json()]).toEqual([404, { code: 'NOT_FOUND', message: 'There is no such file.' }]);
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  it.each([
    ['cannot be opened', () => Promise.reject(new Error('the disk is gone'))],
    ['fail before the first of them', () => Promise.resolve(Readable.from(failingAfter()))],
  ])('are an error as a whole when they %s', async (_, open) => {
    for (const headers of [{}, { range: 'bytes=0-9' }]) {
      // oxlint-disable-next-line no-await-in-loop
      const response = await serveInstead(open, (url) => fetch(url, { headers }));
      // oxlint-disable-next-line no-await-in-loop
      expect([response.status, await response.json()]).toEqual([500, { code: 'INTERNAL_SERVER_ERROR', message: 'Internal error.' }]);
      expect(noneOfTheFile(response.headers)).toEqual([]);
      expect(response.headers.get('cache-control')).toBe('no-store');
    }
  });

  it('end with a cut connection when some of them were sent, and the log says so', async () => {
    const whole = await workshop.bytes(media);
    lines.length = 0;
    const arrived = await serveInstead(
      () => Promise.resolve(Readable.from(failingAfter(whole.subarray(0, 100), whole.subarray(100, whole.length - 1)))),
      async (url) => {
        const response = await fetch(url);
        expect([response.status, response.headers.get('content-length')]).toEqual([200, String(whole.length)]);
        return response.arrayBuffer().then(() => 'all of it', () => 'a cut connection');
      },
    );
    expect(arrived).toBe('a cut connection');
    expect(lines.join('')).toContain('the blob is damaged');
  });

  it.each([
    ['in the middle', false],
    ['before they are opened', true],
  ])('are closed when the client leaves %s', async (_, isLate) => {
    const endless = new Readable({ read: () => undefined });
    endless.push(Buffer.alloc(10));
    let isAsked = false;
    let giveBytes = (): void => undefined;
    const late = new Promise<void>((resolve) => (giveBytes = resolve));
    const open = async (): Promise<Readable> => {
      isAsked = true;
      if (isLate) await late;
      return endless;
    };
    await serveInstead(open, async (url) => {
      const before = await connections();
      let isAnswered = false;
      const client = request(url, { agent: false }, (response) => response.once('data', () => (isAnswered = true)));
      client.on('error', () => undefined).end();
      await waitFor(() => (isLate ? isAsked : isAnswered), { what: 'the bytes to be asked for' });
      client.destroy();
      await waitFor(async () => (await connections()) <= before, { what: 'the connection to be closed' });
      giveBytes();
      await waitFor(() => endless.destroyed, { what: 'the bytes to be closed' });
    });
    expect((await fetch(await urlOf(media, 'thumb'))).status).toBe(200);
  });
});
