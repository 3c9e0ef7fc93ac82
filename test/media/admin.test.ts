import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Fastify, { type FastifyInstance } from 'fastify';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { z } from 'zod';
import { AppError } from '../../src/contract/errors.js';
import { createLocalBlobStore } from '../../src/media/bytes/local-blob-store.js';
import { createAdmin, type AdminOptions } from '../../src/media/http/admin.js';
import { startMediaHttp, type MediaHttpServer } from '../../src/media/http/http-server.js';
import { sourceName, type ImportSource } from '../../src/media/import/fetched-file.js';
import { ImportFailure } from '../../src/media/import/import-failure.js';
import { createMediaService, type MediaService } from '../../src/media/media-service.js';
import type { SourcedBlob } from '../../src/media/rows/sources.js';
import { createSqlCounters } from '../../src/media/rows/sql-counters.js';
import type { SqlDatabase } from '../../src/media/rows/sql-database.js';
import { openSqliteDatabase } from '../../src/media/rows/sqlite-database.js';
import type { CleanupReport } from '../../src/media/upkeep/cleanup.js';
import { Statistics } from '../../src/media/upkeep/statistics.js';
import { readSettings } from '../../src/runtime/settings.js';
import { fakeProvider, planMedia } from '../support/fake-provider.js';
import { startMediaHost, type MediaHost } from '../support/media-host.js';
import { startEverything } from '../support/programs.js';
import { tempDir, waitFor, type TempDir } from '../support/wait.js';
import { png } from './images.js';

const picture = png(4, 3, 'of a provider');
const page = Buffer.from('<script>alert(1)</script>');
const nothing: CleanupReport = {
  removed_blobs: 0,
  removed_bytes: 0,
  unrecorded_blobs: 0,
  unrecorded_bytes: 0,
  temporary_files: 0,
  temporary_bytes: 0,
  missing_blobs: 0,
  missing_bytes: 0,
  unmatched_blobs: 0,
  is_complete: true,
};

let dir: TempDir;
let database: SqlDatabase;
let parts: Pick<AdminOptions, 'statistics' | 'library' | 'importer'>;
const asked: ImportSource[] = [];
const lines: string[] = [];
const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });

beforeAll(async () => {
  dir = await tempDir('admin');
  database = await openSqliteDatabase(join(dir.path, 'media.db'), log);
  const blobs = await createLocalBlobStore(join(dir.path, 'blobs'));
  const stored = async (bytes: Buffer, mimeType: string, fileName: string): Promise<SourcedBlob> => {
    const staged = await blobs.stage(Readable.from([bytes]));
    await staged.commit();
    await staged.discard();
    const { sha256, md5, size } = staged;
    const now = new Date().toISOString();
    const term = { state: 'stored', createdAt: now, orphanedAt: now, keptUntil: now, verifiedAt: undefined } as const;
    return { blob: { sha256, md5, size, mimeType, ...term }, fileName, fetchedAt: now };
  };
  const failing: Record<string, ImportFailure> = {
    'whatsapp:expired': new ImportFailure('expired', 'The media is older than 168 h.'),
    'whatsapp:gone': new ImportFailure('gone', 'The source does not have the file (404).'),
    'whatsapp:throttled': new ImportFailure('throttled', 'The source asks for fewer requests (429).', { retryAfterMs: 1_500 }),
    'whatsapp:slow': new ImportFailure('transient', 'The source did not answer in time.'),
    'http://10.0.0.1/': new ImportFailure('refused', 'The host is not one that files are imported from.'),
  };
  const keepCopy = async (source: ImportSource): Promise<SourcedBlob> => {
    asked.push(source);
    const failure = failing[sourceName(source)];
    if (failure) throw failure.toAppError();
    if (sourceName(source) === 'whatsapp:bug') throw new TypeError('a bug with a secret in its message');
    return sourceName(source) === 'whatsapp:page' ? stored(page, 'text/html', 'a page.html') : stored(picture, 'image/png', 'a picture.png');
  };
  const statistics = new Statistics({ database, counters: createSqlCounters(database) });
  parts = { statistics, library: { open: ({ sha256 }, range) => blobs.open(sha256, range) }, importer: { keepCopy } };
});
afterAll(async () => {
  await database.stop();
  await dir.remove();
});

const servers: FastifyInstance[] = [];
afterAll(() => Promise.all(servers.map((server) => server.close())));

async function serve(options: Partial<AdminOptions> = {}): Promise<{ server: FastifyInstance; url: string }> {
  const server = Fastify();
  await server.register(createAdmin({ ...parts, templates: { checkHandles: () => Promise.resolve({ checked: 3, failed: 1 }), attempts: () => Promise.resolve([]) }, cleanup: { run: () => Promise.resolve(nothing) }, providers: ['whatsapp'], token: undefined, log, ...options }));
  servers.push(server);
  return { server, url: await server.listen({ host: '127.0.0.1', port: 0 }) };
}

/** Sends the headers as they are given, also those that `fetch` keeps to itself. */
function statusWith(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { headers, timeout: 10_000 }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode));
    });
    request.once('error', reject).end();
  });
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let settle: ((value: T) => void) | undefined;
  const promise = new Promise<T>((resolve) => (settle = resolve));
  return { promise, resolve: (value) => settle?.(value) };
}

const routes = [
  ['GET', '/media/stats'],
  ['POST', '/media/cleanup'],
  ['GET', '/media?id=1'],
  ['HEAD', '/media?id=1'],
] as const;

describe('without a token, an operator\'s route', () => {
  let url: string;
  let server: FastifyInstance;
  beforeAll(async () => {
    ({ url, server } = await serve());
  });

  it.each(routes)('answers programs on this machine: %s %s', async (method, path) => {
    expect((await fetch(url + path, { method })).status).toBe(200);
  });

  it.each(['localhost', 'LOCALHOST:80', '127.0.0.1', '127.5.5.5:8080', '[::1]:8080'])('knows this machine as %s', async (host) => {
    expect(await statusWith(`${url}/media/stats`, { host })).toBe(200);
  });

  it.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1', 'evil.example#localhost', '[::2]', ' ', 'local host'])(
    'refuses a name that only points to this machine: %s',
    async (host) => {
      expect(await statusWith(`${url}/media/stats`, { host })).toBe(403);
    },
  );

  it.each(['forwarded', 'via', 'x-forwarded-for', 'X-Forwarded-Host', 'x-forwarded-proto', 'x-real-ip', 'cf-connecting-ip', 'true-client-ip'])(
    'refuses what a proxy passed on: %s',
    async (name) => {
      expect(await statusWith(`${url}/media/stats`, { [name]: '127.0.0.1' })).toBe(403);
      expect(await statusWith(`${url}/media/stats`, { [name]: '' })).toBe(403);
    },
  );

  it('refuses HTTP/1.0, which a proxy speaks that adds no header', async () => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.end('GET /media/stats HTTP/1.0\r\nHost: localhost\r\n\r\n');
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 403 /);
  });

  it.each([
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'http://localhost:1' },
  ])('refuses what a page of another site asks for: %j', async (headers) => {
    expect(await statusWith(`${url}/media/stats`, headers)).toBe(403);
  });

  it('answers the address bar, and a page of its own', async () => {
    expect(await statusWith(`${url}/media/stats`, { 'sec-fetch-site': 'none' })).toBe(200);
    expect(await statusWith(`${url}/media/stats`, { 'sec-fetch-site': 'same-origin', origin: url })).toBe(200);
  });

  it.each([
    ['203.0.113.9', 403],
    ['10.0.0.1', 403],
    ['::ffff:203.0.113.9', 403],
    ['fe80::1', 403],
    ['::ffff:127.0.0.1', 200],
    ['::1', 200],
  ])('of a connection from %s answers %d', async (remoteAddress, status) => {
    expect((await server.inject({ url: '/media/stats', remoteAddress, headers: { host: 'localhost' } })).statusCode).toBe(status);
  });

  it.each(routes)('says which setting lets others in, and does nothing for them: %s %s', async (method, path) => {
    const before = asked.length;
    const response = await server.inject({ method, url: path, remoteAddress: '203.0.113.9', headers: { host: 'localhost' } });
    expect(response.statusCode).toBe(403);
    expect(response.headers['cache-control']).toBe('no-store');
    if (method !== 'HEAD') expect(response.json()).toEqual({ code: 'FORBIDDEN', message: expect.stringContaining('MEDIA_ADMIN_TOKEN') });
    expect(asked).toHaveLength(before);
  });
});

describe('with a token, an operator\'s route', () => {
  let url: string;
  let server: FastifyInstance;
  beforeAll(async () => {
    ({ url, server } = await serve({ token: 'tok-en/1=' }));
  });

  it.each(routes)('answers who has it, from anywhere: %s %s', async (method, path) => {
    const headers = { authorization: 'Bearer tok-en/1=', host: 'media.example', 'x-forwarded-for': '203.0.113.9' };
    expect((await server.inject({ method, url: path, remoteAddress: '203.0.113.9', headers })).statusCode).toBe(200);
  });

  it.each(['', 'tok-en/1=', 'Basic tok-en/1=', 'Bearer', 'Bearer tok-en/1', 'Bearer tok-en/1==', 'Bearer TOK-EN/1=', 'Bearer tok-en/1= x', 'Bearer é'])(
    'refuses anyone else, from this machine too: "%s"',
    async (authorization) => {
      for (const [method, path] of routes) {
        // oxlint-disable-next-line no-await-in-loop
        const response = await server.inject({ method, url: path, headers: { host: 'localhost', ...(authorization && { authorization }) } });
        expect([response.statusCode, response.headers['www-authenticate']]).toEqual([401, 'Bearer realm="media"']);
        if (method !== 'HEAD') expect(response.json()).toEqual({ code: 'UNAUTHENTICATED', message: 'Send MEDIA_ADMIN_TOKEN as a bearer token.' });
      }
    },
  );

  it('takes the scheme in any case', async () => {
    expect((await fetch(`${url}/media/stats`, { headers: { authorization: 'bearer tok-en/1=' } })).status).toBe(200);
  });
});

describe('GET /media/stats', () => {
  it('S0: statistics', async () => {
    const { url } = await serve({ statistics: new Statistics({ database, counters: createSqlCounters(database) }) });
    await createSqlCounters(database).add({ total_requests: 150, cache_hits: 45, api_calls: 105, failed_calls: 12, expired_media: 8, negative_hits: 3, provider_error_190: 2, provider_error_other: 1 });
    const response = await fetch(`${url}/media/stats`);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const empty = { blobs: 0, bytes: 0, bytes_human: '0 B' };
    expect(await response.json()).toEqual({
      status: 'success',
      statistics: {
        total_requests: 150,
        cache_hits: 45,
        api_calls: 105,
        failed_calls: 12,
        expired_media: 8,
        cache_hit_rate: '30.0%',
        negative_hits: 3,
        uploads: 0,
        deletions: 0,
        conversions: 0,
        failed_conversions: 0,
        damaged_blobs: 0,
        healed_blobs: 0,
        removed_blobs: 0,
        removed_bytes: 0,
        messages: 0,
        extraction_failures: 0,
        message_media_ready: 0,
        message_media_expired: 0,
        message_media_failed: 0,
        message_media_hits: 0,
        message_media_misses: 0,
        message_media_refusals: 0,
        provider_pauses: 0,
        template_sends: 0,
        template_retries: 0,
        template_accepted: 0,
        template_failed: 0,
        template_unknown: 0,
        handle_refreshes: 0,
        handle_refresh_failures: 0,
        provider_errors: { 190: 2, other: 1 },
        files: 0,
        blobs: 0,
        bytes: 0,
        bytes_human: '0 B',
        types: { image: empty, video: empty, audio: empty, document: empty, other: empty },
      },
    });
  });

  it('says no more than that it failed when the database does', async () => {
    const { url } = await serve({ statistics: { read: () => Promise.reject(new Error('password of the database')) } });
    const response = await fetch(`${url}/media/stats`);
    expect([response.status, await response.json()]).toEqual([500, { code: 'INTERNAL_SERVER_ERROR', message: 'Internal error.' }]);
  });
});

describe('POST /media/handles/check', () => {
  it('says how many were looked at, and that it goes on when it takes longer', async () => {
    const { url } = await serve();
    const response = await fetch(`${url}/media/handles/check`, { method: 'POST' });
    expect([response.status, await response.json()]).toEqual([200, { status: 'success', checked: 3, failed: 1 }]);
    const never = { checkHandles: () => new Promise<never>(() => undefined), attempts: () => Promise.resolve([]) };
    const slow = await fetch(`${(await serve({ templates: never, answerMs: 1 })).url}/media/handles/check`, { method: 'POST' });
    expect([slow.status, await slow.json()]).toMatchObject([202, { status: 'running' }]);
  });
});

describe('POST /media/cleanup', () => {
  it.each([
    ['', false],
    ['?dryRun=1', true],
    ['?dryRun', true],
    ['?dryRun=true', true],
    ['?dryRun=0', false],
    ['?dryRun=false', false],
  ])('answers with the report when it is done: "%s"', async (query, dryRun) => {
    const runs: unknown[] = [];
    const report = { ...nothing, removed_blobs: 2, removed_bytes: 3_000 };
    const { url } = await serve({ cleanup: { run: async (options) => (runs.push(options), report) } });
    const response = await fetch(`${url}/media/cleanup${query}`, { method: 'POST' });
    expect([response.status, await response.json()]).toEqual([200, { status: 'success', message: expect.any(String), ...report }]);
    expect(runs).toEqual([{ dryRun }]);
  });

  it.each([
    ['?dry_run=1', '', undefined],
    ['?dryRun=perhaps', '', undefined],
    ['?dryRun=1&dryRun=0', '', undefined],
    ['', '{"dryRun":true}', 'application/json'],
    ['', 'dryRun=1', 'application/x-www-form-urlencoded'],
    ['', ' '.repeat(2_000), 'text/plain'],
  ])('does nothing when it does not understand what is wanted: "%s" %s', async (query, body, type) => {
    const { url } = await serve({ cleanup: { run: () => Promise.reject(new Error('must not run')) } });
    const response = await fetch(`${url}/media/cleanup${query}`, { method: 'POST', body, headers: type === undefined ? {} : { 'content-type': type } });
    expect(await response.json()).toMatchObject({ code: 'BAD_USER_INPUT' });
    expect([400, 413]).toContain(response.status);
  });

  it.each(['application/json', 'application/x-www-form-urlencoded', 'text/plain'])('takes an empty body of any type: %s', async (type) => {
    const { url } = await serve();
    const statuses = ['', type === 'application/json' ? ' {} ' : ' '].map((body) => fetch(`${url}/media/cleanup`, { method: 'POST', body, headers: { 'content-type': type } }));
    expect((await Promise.all(statuses)).map(({ status }) => status)).toEqual([200, 200]);
  });

  it('does not say that it was completed when it was not', async () => {
    const { url } = await serve({ cleanup: { run: () => Promise.resolve({ ...nothing, is_complete: false }) } });
    const response = await fetch(`${url}/media/cleanup`, { method: 'POST' });
    expect(await response.json()).toMatchObject({ status: 'success', message: 'The cleanup was stopped half-way', is_complete: false });
  });

  it('says soon that a long one goes on, and that another cannot begin meanwhile', async () => {
    const { promise, resolve } = deferred<CleanupReport>();
    let runs = 0;
    const busy = new AppError('RATE_LIMITED', 'A cleanup is going on already.');
    const { url } = await serve({ cleanup: { run: () => ((runs += 1) === 1 ? promise : Promise.reject(busy)) }, answerMs: 200 });
    const post = (): Promise<Response> => fetch(`${url}/media/cleanup`, { method: 'POST' });
    const first = await post();
    expect([first.status, await first.json()]).toEqual([202, { status: 'running', message: expect.any(String) }]);
    const second = await post();
    expect([second.status, await second.json()]).toEqual([409, { code: 'RATE_LIMITED', message: 'A cleanup is going on already.' }]);
    resolve(nothing);
  });

  it('logs what a cleanup fails of that nobody waits for any longer', async () => {
    let fail: ((error: Error) => void) | undefined;
    const run = (): Promise<CleanupReport> => new Promise((_resolve, reject) => (fail = reject));
    const { url } = await serve({ cleanup: { run }, answerMs: 1 });
    expect((await fetch(`${url}/media/cleanup`, { method: 'POST' })).status).toBe(202);
    fail?.(new Error('the disk is full'));
    await waitFor(() => lines.join('').includes('the disk is full'), { what: 'the failure in the log' });
  });

  it('tells of a failure, and runs again after it', async () => {
    let failures = 1;
    const { url } = await serve({ cleanup: { run: () => (failures-- > 0 ? Promise.reject(new Error('no database')) : Promise.resolve(nothing)) } });
    expect((await fetch(`${url}/media/cleanup`, { method: 'POST' })).status).toBe(500);
    expect(lines.join('')).toContain('no database');
    expect((await fetch(`${url}/media/cleanup`, { method: 'POST' })).status).toBe(200);
  });
});

describe('GET /media', () => {
  let url: string;
  beforeAll(async () => {
    ({ url } = await serve());
  });
  const get = (query: string, init: RequestInit = {}): Promise<Response> => fetch(`${url}/media${query}`, init);

  it('gives the bytes of provider media, for whoever asked alone, with headers that keep a browser from running them', async () => {
    const response = await get('?id=42&timestamp=1700000000');
    expect(Buffer.from(await response.arrayBuffer()).equals(picture)).toBe(true);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'image/png',
      'content-length': String(picture.length),
      'content-disposition': `inline; filename="a picture.png"; filename*=UTF-8''a%20picture.png`,
      'cache-control': 'private, no-cache',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'",
      'cross-origin-resource-policy': 'same-origin',
      etag: expect.stringMatching(/^"[0-9a-f]{64}"$/),
    });
    expect(asked.at(-1)).toEqual({ kind: 'provider', provider: 'whatsapp', id: '42', announcedAt: new Date(1_700_000_000_000) });
  });

  it('takes a provider, no timestamp, and a URL', async () => {
    await get('?id=42&provider=whatsapp&timestamp=');
    expect(asked.at(-1)).toEqual({ kind: 'provider', provider: 'whatsapp', id: '42', announcedAt: undefined });
    await get(`?url=${encodeURIComponent('https://media.example/a.png?b=1&c=2')}`);
    expect(asked.at(-1)).toEqual({ kind: 'url', url: 'https://media.example/a.png?b=1&c=2' });
  });

  it('shows nothing that a browser could run', async () => {
    expect((await get('?id=page')).headers.get('content-disposition')).toMatch(/^attachment;/);
  });

  it('answers conditions, ranges and HEAD as a file does', async () => {
    const whole = await get('?id=42', { method: 'HEAD' });
    expect([whole.status, whole.headers.get('content-length'), (await whole.arrayBuffer()).byteLength]).toEqual([200, String(picture.length), 0]);
    const etag = whole.headers.get('etag') ?? '';
    expect((await get('?id=42', { headers: { 'if-none-match': etag } })).status).toBe(304);
    const part = await get('?id=42', { headers: { range: 'bytes=1-3' } });
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([206, `bytes 1-3/${picture.length}`, 'PNG']);
    const beyond = await get('?id=42', { headers: { range: 'bytes=99999-' } });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, `bytes */${picture.length}`]);
  });

  it.each([
    '',
    '?id=',
    '?id=a%00b',
    '?id=1&id=2',
    '?id=1&url=https://media.example/',
    '?id=1&timestamp=yesterday',
    '?id=1&timestamp=-1',
    '?id=1&timestamp=1700000000000',
    '?id=1&timestamp=1&timestamp=2',
    '?url=',
    '?timestamp=1',
  ])('refuses what it cannot read, without a call: %s', async (query) => {
    const before = asked.length;
    const response = await get(query);
    expect([response.status, await response.json()]).toEqual([400, { code: 'BAD_USER_INPUT', message: expect.stringMatching(/^[^\n]+\.$/) }]);
    expect(asked).toHaveLength(before);
  });

  it('refuses an id that is too long', async () => {
    expect([(await get(`?id=${'x'.repeat(255)}`)).status, (await get(`?id=${'x'.repeat(256)}`)).status]).toEqual([200, 400]);
  });

  it.each([
    ['?id=expired', 410, 'IMPORT_FAILED', null],
    ['?id=gone', 404, 'IMPORT_FAILED', null],
    ['?id=throttled', 503, 'IMPORT_FAILED', '2'],
    ['?id=slow', 502, 'IMPORT_FAILED', null],
    ['?url=http://10.0.0.1/', 403, 'IMPORT_REFUSED', null],
    ['?id=1&provider=other', 404, 'NOT_FOUND', null],
    ['?id=bug', 500, 'INTERNAL_SERVER_ERROR', null],
  ])('of what cannot be had says why: %s', async (query, status, code, retryAfter) => {
    const response = await get(query);
    const body: unknown = await response.json();
    expect([response.status, response.headers.get('retry-after'), response.headers.get('cache-control')]).toEqual([status, retryAfter, 'no-store']);
    expect(body).toEqual({ code, message: expect.any(String) });
    expect(JSON.stringify(body)).not.toContain('secret');
  });

  it('says that bytes are lost, and not that they are none', async () => {
    const lost = await serve({ library: { open: () => Promise.resolve(undefined) } });
    const response = await fetch(`${lost.url}/media?id=42`);
    expect([response.status, response.headers.get('etag'), await response.json()]).toEqual([404, null, { code: 'NOT_FOUND', message: 'There is no such file.' }]);
  });

  it('knows no provider unless one is configured, and which when there are several', async () => {
    const [none, several] = [await serve({ providers: [] }), await serve({ providers: ['whatsapp', 'other'] })];
    expect((await fetch(`${none.url}/media?id=1`)).status).toBe(404);
    expect((await fetch(`${several.url}/media?id=1`)).status).toBe(400);
    expect((await fetch(`${several.url}/media?id=1&provider=other`)).status).toBe(200);
  });

  it('passes on what the library says against the file', async () => {
    const large = await serve({ importer: { keepCopy: () => Promise.reject(new AppError('FILE_TOO_LARGE', 'The file is too large.')) } });
    const response = await fetch(`${large.url}/media?id=1`);
    expect([response.status, await response.json()]).toEqual([502, { code: 'FILE_TOO_LARGE', message: 'The file is too large.' }]);
  });
});

describe('the media service', () => {
  const secret = 'the token';
  let host: MediaHost;
  let home: TempDir;
  let service: MediaService;
  let http: MediaHttpServer;
  beforeAll(async () => {
    [host, home] = [await startMediaHost(), await tempDir('admin-service')];
    const env = { DATA_DIR: home.path, MEDIA_GRPC_ADDR: '127.0.0.1:0', MEDIA_HTTP_ADDR: '127.0.0.1:0', MEDIA_ADMIN_TOKEN: secret };
    const settings = readSettings({ ...env, MEDIA_IMPORT_ALLOWED_HOSTS: host.host, MEDIA_EXPIRATION_HOURS: '24' }, ['media']);
    service = await createMediaService({ settings, log, bus: undefined, publicUrl: () => '', providers: [fakeProvider(host)] });
    http = await startMediaHttp({ address: settings.MEDIA_HTTP_ADDR, ...service, parts: () => service.parts(), log });
  });
  afterAll(async () => {
    await http.stop();
    await service.stop();
    await host.stop();
    await home.remove();
  });

  const ask = (path: string, init: RequestInit = {}): Promise<Response> => fetch(http.url + path, { ...init, headers: { authorization: `Bearer ${secret}` } });
  const secondsAgo = (seconds: number): number => Math.floor(Date.now() / 1_000) - seconds;

  it('S0: fetches fresh media once, and asks for none that has expired or is gone', async () => {
    const bytes = png(8, 8, 'fresh');
    planMedia(host, 'fresh', bytes);
    planMedia(host, 'old', bytes);
    for (let count = 0; count < 3; count += 1) {
      // One after the other: the second finds what the first has kept.
      // oxlint-disable-next-line no-await-in-loop
      const response = await ask(`/media?id=fresh&timestamp=${secondsAgo(3_600)}`);
      // oxlint-disable-next-line no-await-in-loop
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
    }
    expect((await ask(`/media?id=old&timestamp=${secondsAgo(25 * 3_600)}`)).status).toBe(410);
    expect((await ask('/media?id=unknown')).status).toBe(404);
    await waitFor(
      async () => {
        const { statistics } = z.object({ statistics: z.record(z.string(), z.unknown()) }).parse(await (await ask('/media/stats')).json());
        expect(statistics).toMatchObject({ total_requests: 5, cache_hits: 2, api_calls: 3, failed_calls: 1, expired_media: 1, cache_hit_rate: '40.0%', blobs: 1, bytes: bytes.length });
        return true;
      },
      { what: 'the statistics of five requests' },
    );
    expect(host.calls.map(({ path }) => path)).toEqual(['/ids/fresh', '/files/fresh', '/ids/unknown']);
  });

  it('has the operator\'s routes, and lets nobody else in', async () => {
    const cleanup = await ask('/media/cleanup?dryRun=1', { method: 'POST' });
    expect([cleanup.status, await cleanup.json()]).toEqual([200, expect.objectContaining({ status: 'success' })]);
    expect((await fetch(`${http.url}/media/stats`)).status).toBe(401);
    expect((await fetch(`${http.url}/livez`)).status).toBe(200);
  });
});

describe('npm start', () => {
  it('has the operator\'s routes on its one port, for this machine', async () => {
    const home = await tempDir('admin-all');
    const everything = await startEverything({ DATA_DIR: home.path });
    try {
      const stats = await fetch(`${everything.url}/media/stats`);
      expect([stats.status, await stats.json()]).toMatchObject([200, { status: 'success', statistics: { total_requests: 0 } }]);
      expect((await fetch(`${everything.url}/media/stats`, { headers: { 'x-forwarded-for': '203.0.113.9' } })).status).toBe(403);
      const cleanup = await fetch(`${everything.url}/media/cleanup`, { method: 'POST', headers: { 'content-type': 'application/json' } });
      expect([cleanup.status, await cleanup.json()]).toMatchObject([200, { status: 'success' }]);
      const none = await fetch(`${everything.url}/media?id=1`);
      expect([none.status, await none.json()]).toEqual([404, { code: 'NOT_FOUND', message: expect.any(String) }]);
    } finally {
      await everything.stop();
      await home.remove();
    }
  });
});
