import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { unary } from '../../src/runtime/grpc.js';
import { waitFor } from '../support/wait.js';
import { Harness, methods } from './harness.js';
import { png } from './images.js';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start({ env: { MEDIA_URL_KEYS: 'new:0123456789abcdef,old:fedcba9876543210' } });
});
afterAll(() => harness.close());

const picture = png(4, 3, 'a picture');

async function urlOf(id: string, expirySeconds = 60): Promise<URL> {
  const { results } = await unary(harness.client, methods.GetFileURLs, { ids: [id], expiry_seconds: expirySeconds }, 5_000);
  return new URL(results[0]?.url ?? '');
}

async function uploaded(bytes: Buffer, fileName = 'a picture.png'): Promise<URL> {
  const { id } = await harness.upload({ collection_name: 'files', file_name: fileName }, bytes);
  return urlOf(id);
}

/** The headers that Node's fetch would not send or would hide are seen here. */
const get = (url: URL, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> => fetch(url, { headers, method, redirect: 'manual' });

const openFiles = async (): Promise<number> => (await readdir('/proc/self/fd')).length;

function changed(url: URL, change: (url: URL) => void): URL {
  const copy = new URL(url);
  change(copy);
  return copy;
}

describe('a signed URL', () => {
  it('gives the bytes, with headers that keep a browser from running them', async () => {
    const url = await uploaded(picture);
    const response = await get(url);
    expect(response.status).toBe(200);
    expect(Buffer.from(await response.arrayBuffer()).equals(picture)).toBe(true);
    const maxAge = Number(/^private, max-age=(\d+)$/.exec(response.headers.get('cache-control') ?? '')?.[1]);
    expect(maxAge).toBeLessThanOrEqual(60);
    expect(maxAge).toBeGreaterThan(0);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'image/png',
      'content-length': String(picture.length),
      'content-disposition': `inline; filename="a picture.png"; filename*=UTF-8''a%20picture.png`,
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'",
      'accept-ranges': 'bytes',
      etag: expect.stringMatching(/^"[0-9a-f]{64}"$/),
    });
  });

  it('ends with its signature in hex', async () => {
    expect((await uploaded(picture)).search).toMatch(/^\?expires=\d+&kid=new&signature=[0-9a-f]{64}$/);
  });

  it.each([
    ['another id', (url: URL) => void (url.pathname = url.pathname.replace(/\/files\/\d+/, '/files/1234'))],
    ['another file name', (url: URL) => void (url.pathname += 'x')],
    ['a later expiry', (url: URL) => url.searchParams.set('expires', String(Number(url.searchParams.get('expires')) + 1))],
    ['another key', (url: URL) => url.searchParams.set('kid', 'old')],
    ['an unknown key', (url: URL) => url.searchParams.set('kid', 'unknown')],
    ['another disposition', (url: URL) => url.searchParams.set('disposition', 'attachment')],
    ['an impossible disposition', (url: URL) => url.searchParams.set('disposition', 'x')],
    ['another signature', (url: URL) => url.searchParams.set('signature', '0'.repeat(64))],
    ['a signature that is no hex', (url: URL) => url.searchParams.set('signature', 'é'.repeat(64))],
    ['a part of the signature', (url: URL) => url.searchParams.set('signature', String(url.searchParams.get('signature')).slice(2))],
    ['two signatures', (url: URL) => url.searchParams.append('signature', String(url.searchParams.get('signature')))],
    ['no signature', (url: URL) => url.searchParams.delete('signature')],
    ['no query', (url: URL) => void (url.search = '')],
  ])('is refused with %s', async (_, change) => {
    const response = await get(changed(await uploaded(picture), change));
    expect(response.status).toBe(403);
    expect(await response.json()).toEqual({ code: 'FORBIDDEN', message: 'This link is not valid.' });
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('is refused once it has expired', async () => {
    const { id } = await harness.upload({ collection_name: 'files' }, picture);
    const url = await urlOf(id, 1);
    const response = await waitFor(
      async () => {
        const answer = await get(url);
        return answer.status === 403 && answer;
      },
      { what: 'the link to expire' },
    );
    expect(await response.json()).toEqual({ code: 'FORBIDDEN', message: 'This link has expired.' });
  });

  it('of a file that was deleted is not found', async () => {
    const { id } = await harness.upload({ collection_name: 'files' }, picture);
    const url = await urlOf(id);
    await unary(harness.client, methods.DeleteFile, { id }, 5_000);
    const response = await get(url);
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({ code: 'NOT_FOUND', message: 'There is no such file.' });
  });

  it('of lost bytes is not found, and the log says so', async () => {
    const url = await uploaded(randomBytes(1_000), 'lost.bin');
    const blobs = join(harness.dir.path, 'blobs');
    const sha256 = String((await get(url, {}, 'HEAD')).headers.get('etag')).replaceAll('"', '');
    await rm(join(blobs, sha256.slice(0, 2), sha256.slice(2, 4), sha256));
    expect((await get(url)).status).toBe(404);
    expect(harness.lines.join('')).toContain('the bytes of a file are missing');
  });

  it('never reaches the log', async () => {
    const url = await uploaded(picture);
    await get(url);
    await get(changed(url, (copy) => copy.searchParams.set('expires', '1')));
    expect(harness.lines.join('')).not.toContain(url.searchParams.get('signature'));
  });
});

describe('delivery', () => {
  it('answers HEAD like GET, without a body', async () => {
    const url = await uploaded(picture);
    const [head, full] = [await get(url, {}, 'HEAD'), await get(url)];
    expect(head.status).toBe(200);
    expect((await head.arrayBuffer()).byteLength).toBe(0);
    for (const name of ['content-type', 'content-length', 'content-disposition', 'etag', 'x-content-type-options']) {
      expect(head.headers.get(name)).toBe(full.headers.get(name));
    }
  });

  it.each([
    ['the tag itself', (etag: string) => etag],
    ['a weak tag among others', (etag: string) => `"other", W/${etag}`],
    ['any', () => '*'],
  ])('answers 304 when the client has %s', async (_, tag) => {
    const url = await uploaded(picture);
    const etag = String((await get(url, {}, 'HEAD')).headers.get('etag'));
    const response = await get(url, { 'if-none-match': tag(etag) });
    expect(response.status).toBe(304);
    expect(response.headers.get('etag')).toBe(etag);
    expect((await get(url, { 'if-none-match': '"other"' })).status).toBe(200);
  });

  it.each([
    ['bytes=2-5', 206, '2345', 'bytes 2-5/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=-300', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=8-999', 206, '89', 'bytes 8-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
    ['bytes=5-2', 416, '', 'bytes */10'],
    ['bytes=-0', 416, '', 'bytes */10'],
    ['bytes=-', 416, '', 'bytes */10'],
    ['bytes=x-y', 416, '', 'bytes */10'],
    ['bytes=0-1,4-5', 200, '0123456789', null],
    ['lines=1-2', 200, '0123456789', null],
  ])('answers a range %s with %d', async (range, status, body, contentRange) => {
    const response = await get(await uploaded(Buffer.from('0123456789'), 'digits.txt'), { range });
    expect([response.status, await response.text(), response.headers.get('content-range')]).toEqual([status, body, contentRange]);
  });

  it('sends everything when the range was meant for other bytes', async () => {
    const url = await uploaded(Buffer.from('0123456789'), 'digits.txt');
    const etag = String((await get(url, {}, 'HEAD')).headers.get('etag'));
    expect((await get(url, { range: 'bytes=2-5', 'if-range': etag })).status).toBe(206);
    expect((await get(url, { range: 'bytes=2-5', 'if-range': '"other"' })).status).toBe(200);
    expect((await get(url, { range: 'bytes=2-5', 'if-range': 'Wed, 21 Oct 2015 07:28:00 GMT' })).status).toBe(200);
  });

  it.each([
    ['page.html', Buffer.from('<script>alert(1)</script>'), 'attachment', 'text/html; charset=utf-8'],
    ['drawing.svg', Buffer.from('<svg onload="alert(1)"/>'), 'attachment', 'image/svg+xml'],
    ['unknown.bin', Buffer.from([0, 1, 2]), 'attachment', 'application/octet-stream'],
    ['notes.txt', Buffer.from('hello'), 'attachment', 'text/plain; charset=utf-8'],
    ['paper.pdf', Buffer.from('%PDF-1.7\n1 0 obj\n'), 'inline', 'application/pdf'],
    ['sound.mp3', Buffer.concat([Buffer.from('fffb9000', 'hex'), Buffer.alloc(500)]), 'inline', 'audio/mpeg'],
  ])('offers %s as it should', async (fileName, bytes, disposition, type) => {
    const { headers } = await get(await uploaded(bytes, fileName));
    expect([headers.get('content-disposition')?.split(';')[0], headers.get('content-type')]).toEqual([disposition, type]);
  });

  it('finds a file by the longest name, and offers it under that name', async () => {
    const fileName = `${'ж'.repeat(120)}"(1).txt`;
    const response = await get(await uploaded(Buffer.from('hello'), fileName));
    expect(response.status).toBe(200);
    const [, plain, encoded] = /^attachment; filename="([\x20-\x7e]*)"; filename\*=UTF-8''([\w%.-]+)$/.exec(response.headers.get('content-disposition') ?? '') ?? [];
    expect(plain).toBe(`${'_'.repeat(120)}-(1).txt`);
    expect(decodeURIComponent(encoded ?? '')).toBe(fileName.replace('"', '-'));
  });

  it('closes the file when the client leaves in the middle', async () => {
    const url = await uploaded(randomBytes(20_000_000), 'large.bin');
    const before = await openFiles();
    for (let count = 0; count < 5; count += 1) {
      // oxlint-disable-next-line no-await-in-loop
      await new Promise<void>((resolve, reject) => {
        const sent = request(url, { agent: false }, (response) => response.once('data', () => (sent.destroy(), resolve())));
        sent.on('error', reject).end();
      });
    }
    await waitFor(async () => (await openFiles()) <= before, { what: 'the files to be closed' });
    expect((await get(url)).status).toBe(200);
  });

  it('answers what an orchestrator asks', async () => {
    for (const path of ['/livez', '/readyz']) {
      // oxlint-disable-next-line no-await-in-loop
      expect((await fetch(`${harness.http.url}${path}`)).status).toBe(200);
    }
  });
});
