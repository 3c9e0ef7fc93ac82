import { afterEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { AppError } from '../../../src/contract/errors.js';
import type { FetchedFile } from '../../../src/media/import/fetched-file.js';
import { ImportFailure } from '../../../src/media/import/import-failure.js';
import { planMedia, token } from '../../support/fake-provider.js';
import {
  cutAfter,
  gzipped,
  hang,
  hangAfter,
  ok,
  redirect,
  reset,
  startMediaHost,
  status,
  stream,
  throttled,
  trickle,
  when,
  type MediaHost,
  type Play,
} from '../../support/media-host.js';
import { waitFor } from '../../support/wait.js';
import { png } from '../images.js';
import { failureOf, ImportBench, somePng, type BenchOptions } from './import-bench.js';

const sha256Of = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** A promise, and what resolves it. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

let bench: ImportBench;
const start = async (options?: BenchOptions): Promise<void> => {
  bench = await ImportBench.start(options);
};
const others: MediaHost[] = [];
const startOther = async (): Promise<MediaHost> => {
  const other = await startMediaHost();
  others.push(other);
  return other;
};
afterEach(async () => {
  await Promise.all(others.splice(0).map((other) => other.stop()));
  await bench.close();
});

describe('an import', () => {
  it('S3: same bytes from two sources are stored once', async () => {
    await start();
    const bytes = somePng();
    bench.host.plan('/a.png', ok(bytes));
    bench.host.plan('/other/b.png?size=1', ok(bytes));
    planMedia(bench.host, '123', bytes);
    const files = [await bench.add(bench.url('/a.png')), await bench.add(bench.url('/other/b.png?size=1')), await bench.add(bench.media('123'))];
    expect(files.map(({ sha256, fileName }) => [sha256, fileName])).toEqual([
      [sha256Of(bytes), 'a.png'],
      [sha256Of(bytes), 'b.png'],
      [sha256Of(bytes), 'file.png'],
    ]);
    expect(await bench.storedBlobs()).toBe(1);
    expect((await bench.sources.of(sha256Of(bytes))).toSorted()).toEqual([bench.host.url('/a.png'), bench.host.url('/other/b.png?size=1'), 'fake:123'].toSorted());
  });

  it('S3: many in parallel, 5 at a time, failures isolated', async () => {
    await start({ timeouts: { downloadMs: 20_000 } });
    const first = gate();
    const paths = Array.from({ length: 30 }, (_, index) => `/${index}.png`);
    for (const [index, path] of paths.entries()) bench.host.plan(path, when(first.opened, index % 3 === 0 ? status(404) : ok(somePng())));
    const imports = Promise.allSettled(paths.map((path) => bench.importer.keepCopy(bench.url(path))));
    await waitFor(() => bench.host.calls.length === 5, { what: 'five downloads to begin' });
    first.open();
    const results = await imports;
    expect(results.map((result) => result.status)).toEqual(paths.map((_, index) => (index % 3 === 0 ? 'rejected' : 'fulfilled')));
    expect(bench.host.maxInFlight).toBe(5);
    expect(await bench.storedBlobs()).toBe(20);
    await bench.counted({ total_requests: 30, api_calls: 30, failed_calls: 10 });
  });

  it('S3: an integrity failure is fetched again or reported', async () => {
    await start();
    const bytes = somePng();
    planMedia(bench.host, '1', bytes, {}, ok(somePng()), ok(bytes));
    expect((await bench.add(bench.media('1'))).sha256).toBe(sha256Of(bytes));
    expect(bench.host.callsTo('/files/1')).toBe(2);
    planMedia(bench.host, '2', bytes, {}, ok(somePng()));
    const { code, message } = await failureOf(bench.add(bench.media('2')));
    expect({ code, message }).toEqual({ code: 'IMPORT_FAILED', message: 'The bytes that the source gave are not those that were announced. It may work later.' });
    expect(bench.host.callsTo('/files/2')).toBe(2);
    expect(bench.waits).toEqual([0, 0]);
    expect(await bench.storedBlobs()).toBe(1);
  });

  it('S3: find by source URL', async () => {
    await start();
    const bytes = somePng();
    bench.host.plan('/a.png', ok(bytes));
    const { blob } = await bench.importer.keepCopy(bench.url('/a.png#top'));
    expect(await bench.sources.find(bench.host.url('/a.png'))).toMatchObject({ blob: { sha256: sha256Of(bytes), md5: blob.md5 }, fileName: 'a.png' });
  });

  it('S3: a stored copy whose bytes are lost or cut off is fetched again', async () => {
    await start();
    const bytes = somePng();
    bench.host.plan('/a.png', ok(bytes));
    const { blob } = await bench.importer.keepCopy(bench.url('/a.png'));
    await bench.blobs.remove(blob.sha256);
    await bench.add(bench.url('/a.png'));
    expect(bench.host.calls).toHaveLength(2);
    expect(await bench.blobs.stat(blob.sha256)).toMatchObject({ size: bytes.length });
  });

  it('keeps nothing that its user does not commit', async () => {
    await start();
    bench.host.plan('/a.txt', ok('some text'));
    const file = await bench.look(bench.url('/a.txt'));
    expect(file).toMatchObject({ size: 9, fileName: 'a.txt', sha256: sha256Of(Buffer.from('some text')) });
    const refused = bench.look(bench.url('/a.txt'), () => Promise.reject(new AppError('UNSUPPORTED_MEDIA_TYPE', 'no text here')));
    expect(await failureOf(refused)).toEqual({ code: 'UNSUPPORTED_MEDIA_TYPE', message: 'no text here' });
    expect(await bench.storedBlobs()).toBe(0);
    // What its user does not want is no failure of the import.
    await bench.counted({ total_requests: 2, api_calls: 2 });
  });

  it('follows a redirect and is called as the URL that was asked for', async () => {
    await start();
    bench.host.plan('/photo.png', redirect('/cdn/3f9a'));
    bench.host.plan('/cdn/3f9a', ok(somePng()));
    expect((await bench.add(bench.url('/photo.png'))).fileName).toBe('photo.png');
  });

  it('takes a URL anew when its copy is older than MEDIA_CACHE_DAYS, and an id of a provider never', async () => {
    await start();
    const [before, after] = [somePng(), somePng()];
    bench.host.plan('/a.png', ok(before), ok(after));
    planMedia(bench.host, '1', before);
    await bench.add(bench.url('/a.png'));
    await bench.add(bench.media('1'));
    bench.ahead = 6 * 86_400_000;
    expect((await bench.add(bench.url('/a.png'))).sha256).toBe(sha256Of(before));
    bench.ahead = 8 * 86_400_000;
    expect((await bench.importer.keepCopy(bench.url('/a.png'))).blob.sha256).toBe(sha256Of(after));
    expect((await bench.add(bench.media('1'))).sha256).toBe(sha256Of(before));
    expect(bench.host.callsTo('/files/1')).toBe(1);
  });
});

describe('a copy that is kept', () => {
  it('is kept for MEDIA_CACHE_DAYS though nobody owns it', async () => {
    await start({ env: { MEDIA_CACHE_DAYS: '3' } });
    const bytes = randomBytes(300_000);
    bench.host.plan('/a.bin', ok(bytes));
    const { blob } = await bench.importer.keepCopy(bench.url('/a.bin'));
    const keptMs = Date.parse(blob.keptUntil ?? '') - Date.now();
    expect(keptMs > 2.9 * 86_400_000 && keptMs <= 3 * 86_400_000).toBe(true);
    expect(blob.orphanedAt).toBeDefined();
    expect(await bench.blobs.stat(blob.sha256)).toMatchObject({ size: bytes.length });
  });

  it('is kept longer when it is asked for shortly before its end, and not before', async () => {
    await start();
    planMedia(bench.host, '1', somePng());
    const { blob } = await bench.importer.keepCopy(bench.media('1'));
    bench.ahead = 6 * 86_400_000;
    expect((await bench.importer.keepCopy(bench.media('1'))).blob.keptUntil).toBe(blob.keptUntil);
    bench.ahead = 7 * 86_400_000 - 60_000;
    const later = (await bench.importer.keepCopy(bench.media('1'))).blob.keptUntil ?? '';
    expect(Date.parse(later) - Date.parse(blob.keptUntil ?? '')).toBeGreaterThan(6 * 86_400_000);
    expect(bench.host.callsTo('/files/1')).toBe(1);
  });

  it('is added to a collection without another download', async () => {
    await start();
    bench.host.plan('/a.png', ok(somePng()));
    const { blob } = await bench.importer.keepCopy(bench.url('/a.png'));
    expect((await bench.add(bench.url('/a.png'))).sha256).toBe(blob.sha256);
    expect(bench.host.calls).toHaveLength(1);
  });

  it('may be an image that is too large for any collection', async () => {
    await start();
    bench.host.plan('/a.png', ok(png(20_000, 20_000)));
    expect((await bench.importer.keepCopy(bench.url('/a.png'))).blob.mimeType).toBe('image/png');
    expect((await failureOf(bench.add(bench.url('/a.png')))).code).toBe('IMAGE_TOO_LARGE');
  });
});

describe('a failure', () => {
  const transient: [string, Play][] = [
    ['500', status(500)],
    ['503', status(503)],
    ['408', status(408)],
    ['a reset before the answer', reset],
    ['a reset in the middle', cutAfter(Buffer.alloc(100_000))],
    ['a hang before the answer', hang],
    ['a hang in the middle', hangAfter(Buffer.alloc(100_000))],
    ['a trickle without an end', trickle(20)],
  ];
  it.each(transient)('that may pass is tried three times and remembered briefly: %s', async (_name, play) => {
    await start({ timeouts: { downloadMs: 150, totalMs: 400 } });
    bench.host.plan('/a.png', play);
    expect(await failureOf(bench.add(bench.url('/a.png')))).toEqual({ code: 'IMPORT_FAILED', message: expect.stringMatching(/It may work later\.$/) });
    expect(bench.host.calls).toHaveLength(3);
    expect(bench.lines).toContain(`info: Marked media ${bench.host.url('/a.png')} as failed (TTL: 60s)`);
    await failureOf(bench.add(bench.url('/a.png')));
    expect(bench.host.calls).toHaveLength(3);
    await bench.counted({ total_requests: 2, api_calls: 3, failed_calls: 1, negative_hits: 1 });
    expect(await bench.storedBlobs()).toBe(0);
  });

  it.each(transient)('that passes is none: %s', async (_name, play) => {
    await start({ timeouts: { downloadMs: 500, totalMs: 1_000 } });
    const bytes = somePng();
    bench.host.plan('/a.png', play, play, ok(bytes));
    expect((await bench.add(bench.url('/a.png'))).sha256).toBe(sha256Of(bytes));
    expect(bench.waits.map((ms) => ms >= 1_000 && ms <= 4_000)).toEqual([true, true]);
    await bench.counted({ total_requests: 1, api_calls: 3 });
  });

  it.each([
    ['404', status(404)],
    ['410', status(410)],
    ['400', status(400)],
    ['204', status(204)],
    ['a redirect to nowhere', status(302)],
    ['a circle of redirects', redirect('/a.png')],
    ['a gzipped body, which was not asked for', gzipped(Buffer.from('text'))],
  ])('for good is not tried again and remembered for long: %s', async (_name, play) => {
    await start();
    bench.host.plan('/a.png', play);
    const { code, message } = await failureOf(bench.add(bench.url('/a.png')));
    expect({ code, message }).toEqual({ code: 'IMPORT_FAILED', message: expect.stringMatching(/Trying again makes no sense\.$/) });
    expect(bench.lines).toContain(`info: Marked media ${bench.host.url('/a.png')} as failed (TTL: 3600s)`);
    const calls = bench.host.calls.length;
    // It is said again what it was.
    expect((await failureOf(bench.add(bench.url('/a.png')))).message).toBe(`It could not be imported lately: ${message}`);
    expect(bench.host.calls).toHaveLength(calls);
    await bench.counted({ total_requests: 2, api_calls: 1, failed_calls: 1, negative_hits: 1 });
  });

  it.each([401, 403])('of access (%d) is neither tried again nor remembered', async (code) => {
    await start();
    bench.host.plan('/a.png', status(code));
    for (const calls of [1, 2]) {
      // oxlint-disable-next-line no-await-in-loop
      expect(await failureOf(bench.add(bench.url('/a.png')))).toEqual({ code: 'IMPORT_FAILED', message: expect.stringContaining(String(code)) });
      expect(bench.host.calls).toHaveLength(calls);
    }
    await bench.counted({ total_requests: 2, api_calls: 2, failed_calls: 2 });
  });

  it.each([
    ['in seconds', () => '7', (ms: number) => ms === 7_000],
    ['as a date', () => new Date(Date.now() + 50_000).toUTCString(), (ms: number) => ms > 10_000 && ms <= 50_000],
    ['not at all', () => undefined, (ms: number) => ms >= 1_000 && ms <= 4_000],
    ['in no words that are known', () => 'soon', (ms: number) => ms >= 1_000 && ms <= 4_000],
  ])('by throttling is waited for as the source asks (%s), and not remembered', async (_name, asks, isRight) => {
    await start();
    const retryAfter = asks();
    bench.host.plan('/a.png', throttled(retryAfter), throttled(retryAfter), throttled(retryAfter), ok(somePng()));
    expect((await failureOf(bench.add(bench.url('/a.png')))).message).toContain('429');
    expect(bench.waits.map(isRight)).toEqual([true, true]);
    await bench.add(bench.url('/a.png'));
    expect(bench.host.calls).toHaveLength(4);
  });

  it('by throttling for longer than a minute is said at once', async () => {
    await start();
    bench.host.plan('/a.png', throttled('61'));
    const error: unknown = await bench.add(bench.url('/a.png')).catch((thrown: unknown) => thrown);
    expect(bench.host.calls).toHaveLength(1);
    expect(bench.waits).toEqual([]);
    const failure = error instanceof AppError ? error.cause : undefined;
    expect(failure instanceof ImportFailure && failure.retryAfterMs).toBe(61_000);
  });

  it('of a 503 is waited for as the source asks', async () => {
    await start();
    bench.host.plan('/a.png', status(503, { 'retry-after': '3' }), ok(somePng()));
    await bench.add(bench.url('/a.png'));
    expect(bench.waits).toEqual([3_000]);
  });

  it.each([
    ['FAILED_MEDIA_TTL', status(404)],
    ['FAILED_MEDIA_TRANSIENT_TTL', status(500)],
  ])('is not remembered with %s=0', async (setting, play) => {
    await start({ env: { [setting]: '0' } });
    bench.host.plan('/a.png', play, play, play, play);
    await failureOf(bench.add(bench.url('/a.png')));
    const calls = bench.host.calls.length;
    await failureOf(bench.add(bench.url('/a.png')));
    expect(bench.host.calls).toHaveLength(2 * calls);
  });

  it('of our own rules is no call, is not remembered, and says what is allowed', async () => {
    await start();
    const other = await startOther();
    const privately = [`http://127.0.0.1:${other.port}/a.png`, `https://127.0.0.1:${other.port}/a.png`, 'https://[::ffff:10.0.0.1]/a.png', 'ftp://files.example/a.png', 'not a URL'];
    for (const url of privately) {
      // oxlint-disable-next-line no-await-in-loop
      const { code, message } = await failureOf(bench.add({ kind: 'url', url }));
      expect(code).toBe('IMPORT_REFUSED');
      expect(message).not.toMatch(/127\.0\.0\.1|10\.0\.0\.1/);
    }
    expect((await failureOf(bench.add({ kind: 'provider', provider: 'nobody', id: '1', announcedAt: undefined }))).code).toBe('IMPORT_REFUSED');
    for (const id of ['', 'a\0b', 'a'.repeat(256)]) {
      // oxlint-disable-next-line no-await-in-loop
      expect((await failureOf(bench.add(bench.media(id)))).code).toBe('BAD_USER_INPUT');
    }
    expect([...other.calls, ...bench.host.calls]).toEqual([]);
    await bench.counted({ total_requests: 9, failed_calls: 9 });
  });

  it('of a redirect to a private address is one of our rules', async () => {
    await start();
    const other = await startOther();
    bench.host.plan('/a.png', redirect(other.url('/secret')));
    expect((await failureOf(bench.add(bench.url('/a.png')))).code).toBe('IMPORT_REFUSED');
    expect(other.connections()).toBe(0);
  });

  it('tells the log what the client is not told, without a query that may hold a secret', async () => {
    await start();
    bench.host.plan('/a.png?token=secret', reset);
    const { message } = await failureOf(bench.add(bench.url('/a.png?token=secret')));
    expect(message).not.toContain('127.0.0.1');
    expect(bench.log.join()).toContain('ECONNRESET');
    expect(bench.log.join()).not.toContain('token=secret');
  });
});

describe('media of a provider', () => {
  it('are resolved and downloaded with its token', async () => {
    await start();
    planMedia(bench.host, '1', somePng());
    await bench.add(bench.media('1'));
    expect(bench.host.calls.map(({ path, headers }) => [path, headers.authorization])).toEqual([
      ['/ids/1', token],
      ['/files/1', token],
    ]);
    await bench.counted({ total_requests: 1, api_calls: 2 });
  });

  it('do not take the token to another host', async () => {
    const other = await startOther();
    await start({ hosts: [other.host] });
    const bytes = somePng();
    planMedia(bench.host, '1', bytes, {}, redirect(other.url('/cdn')));
    other.plan('/cdn', ok(bytes));
    await bench.add(bench.media('1'));
    expect(bench.host.calls.map(({ headers }) => headers.authorization)).toEqual([token, token]);
    expect(other.calls.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  it('are taken from its own hosts only', async () => {
    await start();
    planMedia(bench.host, '1', somePng(), { url: 'https://files.example/a.png' });
    expect((await failureOf(bench.add(bench.media('1')))).code).toBe('IMPORT_REFUSED');
    expect(bench.host.calls).toHaveLength(1);
  });

  it('get one fresh URL when the first has ended, and no more', async () => {
    await start();
    const bytes = somePng();
    planMedia(bench.host, '1', bytes, {}, status(404), ok(bytes));
    await bench.add(bench.media('1'));
    expect([bench.host.callsTo('/ids/1'), bench.host.callsTo('/files/1')]).toEqual([2, 2]);
    planMedia(bench.host, '2', bytes, {}, status(404));
    await failureOf(bench.add(bench.media('2')));
    expect([bench.host.callsTo('/ids/2'), bench.host.callsTo('/files/2')]).toEqual([2, 2]);
    expect(bench.waits).toEqual([0, 0]);
    // The provider has it: it is not given up for an hour.
    expect(bench.lines).toContain('info: Marked media 2 as failed (TTL: 60s)');
  });

  const deadId = JSON.stringify({ error: { code: 100, error_subcode: 33 } });
  it.each([
    ['400 with code 100', status(400, {}, deadId), 1, 'TTL: 3600s'],
    ['404', status(404), 1, 'TTL: 3600s'],
    ['410', status(410), 1, 'TTL: 3600s'],
    ['401', status(401), 1, undefined],
    ['403', status(403), 1, undefined],
    ['429', throttled('1'), 3, undefined],
    ['500', status(500), 3, 'TTL: 60s'],
    ['a page of HTML', ok('<html>'), 3, 'TTL: 60s'],
    ['no URL', ok('{"url":"nothing"}'), 3, 'TTL: 60s'],
    ['an answer without an end', stream(100_000_000), 3, 'TTL: 60s'],
    ['a hang', hang, 3, 'TTL: 60s'],
    ['a reset', reset, 3, 'TTL: 60s'],
  ])('that cannot be resolved are tried and remembered by why: %s', async (_name, play, calls, remembered) => {
    await start({ timeouts: { resolveMs: 300 } });
    bench.host.plan('/ids/1', play);
    expect((await failureOf(bench.add(bench.media('1')))).code).toBe('IMPORT_FAILED');
    expect(bench.host.calls).toHaveLength(calls);
    expect(bench.lines.filter((line) => line.includes('as failed'))).toEqual(remembered === undefined ? [] : [`info: Marked media 1 as failed (${remembered})`]);
  });

  it('are compared with a hash in hex or base64, a size as a number or a text, or nothing', async () => {
    await start();
    const bytes = somePng();
    const base64 = createHash('sha256').update(bytes).digest('base64');
    const announced = [{ sha256: base64 }, { sha256: sha256Of(bytes).toUpperCase(), file_size: bytes.length }, { sha256: undefined, file_size: undefined }];
    for (const [index, changes] of announced.entries()) {
      planMedia(bench.host, `right-${index}`, bytes, changes);
      // oxlint-disable-next-line no-await-in-loop
      await bench.add(bench.media(`right-${index}`));
    }
    const wrong = [{ sha256: createHash('sha256').digest('base64') }, { sha256: undefined, file_size: bytes.length + 1 }, { sha256: undefined, file_size: String(bytes.length - 1) }];
    for (const [index, changes] of wrong.entries()) {
      planMedia(bench.host, `wrong-${index}`, bytes, changes);
      // oxlint-disable-next-line no-await-in-loop
      expect((await failureOf(bench.add(bench.media(`wrong-${index}`)))).message).toContain('not those that were announced');
    }
  });

  it('are not a web page that says OK', async () => {
    await start();
    const page = ok('<html>Please log in</html>', { 'content-type': 'text/html; charset=utf-8' });
    planMedia(bench.host, '1', somePng(), { sha256: undefined, file_size: undefined }, page);
    expect((await failureOf(bench.add(bench.media('1')))).message).toContain('web page');
    expect(bench.host.callsTo('/files/1')).toBe(2);
    // A URL may be one of a page.
    bench.host.plan('/page', page);
    expect((await bench.add(bench.url('/page'))).fileName).toBe('page.html');
  });

  it('of unknown age, and of a time that cannot be read, are asked for', async () => {
    await start();
    planMedia(bench.host, '1', somePng());
    await bench.add({ kind: 'provider', provider: 'fake', id: '1', announcedAt: new Date(NaN) });
    expect(bench.host.callsTo('/files/1')).toBe(1);
  });
});

describe('the size of an import', () => {
  const limits = { maxBytes: 1_000 };
  const limited = (path: string, maxBytes = limits.maxBytes) => bench.look(bench.url(path), undefined, maxBytes);

  it('may be the limit itself', async () => {
    await start();
    bench.host.plan('/a.bin', ok(Buffer.alloc(1_000, 1)));
    bench.host.plan('/b.bin', stream(1_000, { length: false }));
    expect(await limited('/a.bin')).toMatchObject({ size: 1_000 });
    expect(await limited('/b.bin')).toMatchObject({ size: 1_000 });
  });

  it.each([
    ['by its length, before it is read', hangAfter(Buffer.alloc(1_000))],
    ['while it streams without a length', stream(100_000_000, { length: false })],
    ['by one byte', stream(1_001, { length: false })],
  ])('is refused above it, %s, with no second try', async (_name, play) => {
    await start();
    bench.host.plan('/a.bin', play);
    expect(await failureOf(limited('/a.bin'))).toEqual({ code: 'FILE_TOO_LARGE', message: expect.stringContaining('1000 bytes') });
    expect(bench.host.calls).toHaveLength(1);
    // Another collection may take it.
    expect(bench.lines.filter((line) => line.includes('as failed'))).toEqual([]);
  });

  it('is refused of a stored copy too', async () => {
    await start();
    bench.host.plan('/a.bin', ok(Buffer.alloc(2_000, 1)));
    await bench.importer.keepCopy(bench.url('/a.bin'));
    expect((await failureOf(limited('/a.bin'))).code).toBe('FILE_TOO_LARGE');
    expect(bench.host.calls).toHaveLength(1);
  });

  it('is never nothing', async () => {
    await start();
    bench.host.plan('/a.bin', ok(''));
    expect(await failureOf(bench.importer.keepCopy(bench.url('/a.bin')))).toEqual({ code: 'EMPTY_FILE', message: 'The file is empty.' });
    expect(await failureOf(bench.add(bench.url('/a.bin')))).toEqual({ code: 'EMPTY_FILE', message: 'The file is empty.' });
  });

  it('of 100 MB costs no memory to speak of', async () => {
    await start();
    const size = 100_000_000;
    bench.host.plan('/a.bin', stream(size));
    const before = process.memoryUsage.rss();
    expect(await bench.look(bench.url('/a.bin'))).toMatchObject({ size });
    expect(process.memoryUsage.rss() - before).toBeLessThan(0.8 * size);
  });

  it('is looked at with the limit of each who asks at the same time', async () => {
    await start();
    const answer = gate();
    bench.host.plan('/a.bin', when(answer.opened, ok(Buffer.alloc(2_000, 1))));
    const asked = [1_000, 5_000, 1_999, 2_000].map((maxBytes) => limited('/a.bin', maxBytes));
    const outcomes = Promise.allSettled(asked);
    await waitFor(() => bench.host.calls.length === 1, { what: 'the download' });
    answer.open();
    expect((await outcomes).map((outcome) => outcome.status)).toEqual(['rejected', 'fulfilled', 'rejected', 'fulfilled']);
    expect(bench.host.calls).toHaveLength(1);
  });
});

describe('many who import the same at the same time', () => {
  it('are not refused by the smaller limit of one who came before them', async () => {
    const [refused, joined] = [gate(), gate()];
    const beforeStagingFails = async (): Promise<void> => {
      refused.open();
      await joined.opened;
    };
    await start({ beforeStagingFails });
    bench.host.plan('/a.bin', stream(2_000, { length: false }));
    const small = failureOf(bench.look(bench.url('/a.bin'), undefined, 1_000));
    await refused.opened;
    // The download has been given up, and nobody has heard of it yet.
    const large = bench.look(bench.url('/a.bin'), undefined, 2_000);
    joined.open();
    expect((await small).code).toBe('FILE_TOO_LARGE');
    expect(await large).toMatchObject({ size: 2_000 });
    expect(bench.host.calls).toHaveLength(2);
  });

  it('share one download, which lasts until the last has used it', async () => {
    await start();
    const bytes = somePng();
    const answer = gate();
    bench.host.plan('/a.png', when(answer.opened, ok(bytes)));
    const last = gate();
    const inUse: FetchedFile[] = [];
    const slow = bench.look(bench.url('/a.png'), async (file) => {
      inUse.push(file);
      await last.opened;
      await file.commit();
      return file;
    });
    const quick = Array.from({ length: 99 }, () => bench.look(bench.url('/a.png')));
    await waitFor(() => bench.host.calls.length === 1, { what: 'the download' });
    answer.open();
    expect(new Set((await Promise.all(quick)).map(({ sha256 }) => sha256))).toEqual(new Set([sha256Of(bytes)]));
    // The others have ended, and the bytes are there still.
    await waitFor(() => inUse.length === 1, { what: 'the slow one' });
    last.open();
    await slow;
    expect(await bench.blobs.stat(sha256Of(bytes))).toMatchObject({ size: bytes.length });
    expect(bench.host.calls).toHaveLength(1);
    await bench.counted({ total_requests: 100, api_calls: 1 });
  });

  it('add it to a hundred owners with one download', async () => {
    await start();
    planMedia(bench.host, '1', somePng());
    const files = await Promise.all(Array.from({ length: 100 }, (_, index) => bench.add(bench.media('1'), `owner-${index}`)));
    expect(new Set(files.map(({ id }) => id)).size).toBe(100);
    expect(new Set(files.map(({ sha256 }) => sha256)).size).toBe(1);
    expect([bench.host.callsTo('/ids/1'), bench.host.callsTo('/files/1')]).toEqual([1, 1]);
    expect(await bench.storedBlobs()).toBe(1);
  });

  it('are not disturbed by one whose use fails', async () => {
    await start();
    bench.host.plan('/a.png', ok(somePng()));
    const outcomes = await Promise.allSettled([
      bench.look(bench.url('/a.png'), () => Promise.reject(new AppError('UNSUPPORTED_MEDIA_TYPE', 'not here'))),
      bench.add(bench.url('/a.png')),
    ]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'fulfilled']);
    expect(bench.host.calls).toHaveLength(1);
  });

  it('share a failure, and leave none to those who come later', async () => {
    await start();
    bench.host.plan('/a.png', status(403), ok(somePng()));
    const failures = await Promise.all(Array.from({ length: 20 }, () => failureOf(bench.add(bench.url('/a.png')))));
    expect(new Set(failures.map(({ message }) => message)).size).toBe(1);
    expect(bench.host.calls).toHaveLength(1);
    await bench.add(bench.url('/a.png'));
    await bench.counted({ total_requests: 21, api_calls: 2, failed_calls: 20 });
  });
});

describe('bytes that were damaged', () => {
  const corrupted = async (path: string, bytes: Buffer): Promise<string> => {
    bench.host.plan(path, ok(bytes));
    const { blob } = await bench.importer.keepCopy(bench.url(path));
    await bench.blobs.putAside(blob.sha256);
    return blob.sha256;
  };

  it('are put back from their source', async () => {
    await start();
    const bytes = somePng();
    const sha256 = await corrupted('/a.png', bytes);
    expect(await bench.importer.refetch(bench.host.url('/a.png'), sha256)).toBe(true);
    expect(await bench.blobs.stat(sha256)).toMatchObject({ size: bytes.length });
    planMedia(bench.host, '1', bytes);
    await bench.blobs.putAside(sha256);
    expect(await bench.importer.refetch('fake:1', sha256)).toBe(true);
  });

  it('stay lost when the source has others, or none, or is none', async () => {
    await start({ timeouts: { downloadMs: 100 } });
    const sha256 = await corrupted('/a.png', somePng());
    bench.host.plan('/a.png', ok(somePng()));
    expect(await bench.importer.refetch(bench.host.url('/a.png'), sha256)).toBe(false);
    bench.host.plan('/a.png', status(404));
    expect(await bench.importer.refetch(bench.host.url('/a.png'), sha256)).toBe(false);
    bench.host.plan('/b.png', hang);
    expect(await bench.importer.refetch(bench.host.url('/b.png'), sha256)).toBe(false);
    for (const name of ['nobody:1', 'nothing', 'https://127.0.0.1/a.png', '']) {
      // oxlint-disable-next-line no-await-in-loop
      expect(await bench.importer.refetch(name, sha256)).toBe(false);
    }
    expect(await bench.storedBlobs()).toBe(0);
  });

  it('are fetched again when they vanish between the look for a copy and its use', async () => {
    await start();
    const bytes = somePng();
    bench.host.plan('/a.png', ok(bytes));
    const { blob } = await bench.importer.keepCopy(bench.url('/a.png'));
    const [held, done] = [gate(), gate()];
    // Somebody else who was given the copy, and still looks at it.
    const other = bench.look(bench.url('/a.png'), async (file) => {
      held.open();
      await done.opened;
      return file;
    });
    await held.opened;
    let uses = 0;
    await bench.look(bench.url('/a.png'), async (file) => {
      uses += 1;
      if (uses === 1) await bench.blobs.remove(blob.sha256);
      await file.commit();
      return file;
    });
    done.open();
    await other;
    expect(uses).toBe(2);
    expect(bench.host.calls).toHaveLength(2);
    expect(await bench.blobs.stat(blob.sha256)).toBeDefined();
  });
});

describe('an importer', () => {
  it('ends what it downloads when it stops, and starts nothing any more', async () => {
    await start({ env: { MEDIA_IMPORT_CONCURRENCY: '2' } });
    for (const path of ['/1', '/2', '/3', '/4']) bench.host.plan(path, path === '/1' ? hang : trickle(10));
    const failures = Promise.all(['/1', '/2', '/3', '/4'].map((path) => failureOf(bench.look(bench.url(path)))));
    await waitFor(() => bench.host.calls.length === 2, { what: 'two downloads' });
    await bench.importer.stop();
    await bench.importer.stop();
    expect(new Set((await failures).map(({ code, message }) => `${code} ${message}`))).toEqual(
      new Set(['IMPORT_FAILED It was ended because the service stops. It may work later.']),
    );
    await failureOf(bench.look(bench.url('/5')));
    expect(bench.host.calls).toHaveLength(2);
    expect(bench.lines.filter((line) => line.includes('as failed'))).toEqual([]);
  });

  it('lets a use of a file end before it has stopped', async () => {
    await start();
    bench.host.plan('/a.png', ok(somePng()));
    const [inUse, done] = [gate(), gate()];
    const order: string[] = [];
    const use = async (): Promise<void> => {
      await bench.look(bench.url('/a.png'), async (file) => {
        inUse.open();
        await done.opened;
        await file.commit();
        return file;
      });
      order.push('used');
    };
    const stop = async (): Promise<void> => {
      await bench.importer.stop();
      order.push('stopped');
    };
    const using = use();
    await inUse.opened;
    const stopping = stop();
    // oxlint-disable-next-line no-await-in-loop -- turns in which a stop that does not wait would end
    for (let turns = 0; turns < 10; turns += 1) await nextTurn();
    done.open();
    await Promise.all([using, stopping]);
    expect(order).toEqual(['used', 'stopped']);
    expect(await bench.storedBlobs()).toBe(1);
  });

  it('imports when nothing can be counted, and says so once', async () => {
    const broken = { add: () => Promise.reject(new Error('the database is away')), read: () => Promise.reject(new Error('the database is away')) };
    await start({ counters: broken });
    bench.host.plan('/a.png', ok(somePng()));
    await bench.add(bench.url('/a.png'));
    await bench.add(bench.url('/a.png'), '2');
    await bench.importer.stop();
    expect(bench.lines.filter((line) => line.includes('cannot be counted'))).toHaveLength(1);
  });
});
