import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { z } from 'zod';
import { UsageError } from '../../../src/media/command/command.js';
import { readMediaCommand } from '../../../src/media/command/media-command.js';
import { openSqliteDatabase } from '../../../src/media/rows/sqlite-database.js';
import { hangAfter, ok, reset, startMediaHost, status, when, type MediaHost } from '../../support/media-host.js';
import { startProcess } from '../../support/processes.js';
import { sharedPostgres } from '../../support/servers/shared.js';
import { tempDir, waitFor, type TempDir } from '../../support/wait.js';
import { Harness } from '../harness.js';
import { png } from '../images.js';
import { runMedia, script, type Outcome } from './run.js';

let host: MediaHost;
beforeAll(async () => {
  host = await startMediaHost();
});
afterAll(() => host.stop());

const hashOf = (bytes: Buffer, algorithm = 'sha256'): string => createHash(algorithm).update(bytes).digest('hex');

/** Where these bytes can be imported from. */
function offer(bytes: Buffer, path = `/${randomUUID()}.png`): string {
  host.plan(path, ok(bytes));
  return host.url(path);
}

/** A store of its own, and the command on it. */
interface Store {
  dir: TempDir;
  env: Record<string, string>;
  media: (...words: string[]) => Promise<Outcome>;
}

const dirs: TempDir[] = [];
afterAll(() => Promise.all(dirs.map((dir) => dir.remove())));

async function newStore(changes: Record<string, string> = {}): Promise<Store> {
  const dir = await tempDir('command');
  dirs.push(dir);
  const env = { DATA_DIR: dir.path, MEDIA_IMPORT_ALLOWED_HOSTS: host.host, BASE_BACKOFF_SECONDS: '0', ...changes };
  return { dir, env, media: (...words) => runMedia(env, ...words) };
}

const jsonLines = (text: string): unknown[] => text.trimEnd().split('\n').map((line) => JSON.parse(line));

describe('media import', () => {
  const inDays = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

  it('imports ten URLs, five at a time, of which three fail on their own', async () => {
    const waiting = await startMediaHost();
    const { media } = await newStore({ MEDIA_IMPORT_ALLOWED_HOSTS: waiting.host });
    try {
      // None of the first five is answered before all of them have asked.
      const five = waitFor(() => waiting.calls.length >= 5, { what: 'five downloads at once' });
      const pictures = Array.from({ length: 7 }, (_, index) => png(4, 3, `picture ${index}`));
      pictures.forEach((bytes, index) => waiting.plan(`/${index}`, when(five, ok(bytes))));
      waiting.plan('/gone', when(five, status(404)));
      waiting.plan('/empty', when(five, ok('')));
      waiting.plan('/reset', reset);
      const urls = ['/0', '/gone', '/1', '/2', '/empty', '/3', '/4', '/reset', '/5', '/6'].map((path) => waiting.url(path));
      const { code, stdout, stderr } = await media('import', '--json', ...urls);

      expect(code).toBe(1);
      const expected = urls.map((url) => {
        const bytes = pictures[Number(new URL(url).pathname.slice(1))];
        if (!bytes) return { url, ok: false, code: url.endsWith('empty') ? 'EMPTY_FILE' : 'IMPORT_FAILED', message: expect.stringMatching(/\.$/) };
        const kept_until = expect.stringMatching(`^${inDays(7)}T`);
        return { url, ok: true, sha256: hashOf(bytes), bytes: bytes.length, bytes_human: `${bytes.length} B`, mime_type: 'image/png', file_name: expect.any(String), kept_until };
      });
      const lines = jsonLines(stdout);
      expect(lines).toHaveLength(10);
      expect(lines).toEqual(expect.arrayContaining(expected));
      expect(waiting.maxInFlight).toBe(5);
      for (const url of urls) expect(stderr).toContain(`fetching ${url}\n`);
      expect(stderr.match(/^\[\d+\/10\] stored http/gm)).toHaveLength(7);
      expect(stderr.match(/^\[\d+\/10\] failed http/gm)).toHaveLength(3);
    } finally {
      await waiting.stop();
    }
    expect(JSON.parse((await media('stats', '--json')).stdout)).toMatchObject({ blobs: 7, total_requests: 10, failed_calls: 3 });
  });

  it('says in words what became of each file, and until when it is kept', async () => {
    const { media } = await newStore({ MEDIA_CACHE_DAYS: '3' });
    const bytes = png(9, 9);
    const url = offer(bytes);
    const { code, stdout, stderr } = await media('import', url);
    expect([code, stdout]).toEqual([0, '1 of 1 imported.\n']);
    const expected = `fetching ${url}\n[1/1] stored ${url}: ${bytes.length} B, image/png, sha256 ${hashOf(bytes)}, kept until ${inDays(3)}T`;
    expect(stderr.slice(0, expected.length)).toBe(expected);
    const failed = await media('import', host.url('/nothing'), url);
    expect([failed.code, failed.stdout]).toEqual([1, '1 of 2 imported, 1 failed.\n']);
    expect(failed.stderr).toMatch(/\] failed http:\S+\/nothing: The source does not have the file \(404\)\./);
  });

  it('refuses what must not be asked, and imports the rest', async () => {
    const { media } = await newStore();
    const forbidden = ['http://10.1.2.3/a.png', 'https://127.0.0.1:1/a.png', 'file:///etc/passwd', 'no URL'];
    const { code, stdout } = await media('import', '--json', ...forbidden, offer(png(1, 1)));
    expect(code).toBe(1);
    expect(jsonLines(stdout).filter((line) => z.object({ ok: z.literal(true) }).safeParse(line).success)).toHaveLength(1);
  });

  it('adds to the collection of an owner, also while a service runs on the store, which announces it', async () => {
    const { dir, media } = await newStore();
    const harness = await Harness.start({ dir });
    try {
      const bytes = png(5, 5, 'of a product');
      const { code, stdout, stderr } = await media('import', offer(bytes), '--owner', 'App\\Models\\Product/a/7', '--collection', 'images', '--json');
      expect([code, stderr]).toEqual([0, expect.stringContaining(', media ')]);
      const { media_id } = z.object({ ok: z.literal(true), media_id: z.string() }).parse(JSON.parse(stdout));
      const event = await waitFor(() => harness.bus.taken[0], { what: 'the event of the import' });
      expect(event.routingKey).toBe('media.event.uploaded');
      expect(JSON.parse(event.body.toString())).toMatchObject({ media_id, model_type: 'App\\Models\\Product', model_id: 'a/7', collection_name: 'images' });
    } finally {
      await harness.stop();
    }
  });

  it('ends at once when a person does not want to wait, with nothing half stored', async () => {
    const { dir, env, media } = await newStore();
    host.plan('/hanging', hangAfter(Buffer.alloc(100_000)));
    const args = [script, 'import', host.url('/hanging'), host.url('/never')];
    const running = await startProcess({ command: process.execPath, args, env: { ...env, MEDIA_IMPORT_CONCURRENCY: '1' } });
    await waitFor(async () => (await filesIn(dir)).length === 1, { what: 'the first bytes on the disk' });
    running.signal('SIGINT');
    expect((await running.exited).code).toBe(130);
    expect(running.logs()).not.toContain('failed');
    expect(host.callsTo('/never')).toBe(0);
    expect(await filesIn(dir)).toEqual([]);
    expect((await media('stats')).code).toBe(0);
  });
});

/** The names of the blobs on disk, complete or not. */
async function filesIn(dir: TempDir): Promise<string[]> {
  const entries = await readdir(join(dir.path, 'blobs'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

const pathOf = (dir: TempDir, sha256: string): string => join(dir.path, 'blobs', sha256.slice(0, 2), sha256.slice(2, 4), sha256);

describe('media find', () => {
  let store: Store;
  const bytes = png(6, 7, 'to be found');
  let url: string;
  let other: string;
  let found: Record<string, unknown>;
  beforeAll(async () => {
    store = await newStore();
    url = offer(bytes);
    other = offer(bytes);
    await store.media('import', url);
    await store.media('import', other, '--owner', 'Product/7', '--collection', 'images');
    const { stdout } = await store.media('find', hashOf(bytes), '--json');
    found = z.object({ found: z.array(z.record(z.string(), z.unknown())).length(1) }).parse(JSON.parse(stdout)).found[0] ?? {};
  });

  it('S3: find by hash and by source URL', async () => {
    const media = [{ id: expect.any(String), uuid: expect.any(String), model_type: 'Product', model_id: '7', collection_name: 'images', file_name: expect.any(String) }];
    expect(found).toMatchObject({
      sha256: hashOf(bytes),
      md5: hashOf(bytes, 'md5'),
      bytes: bytes.length,
      bytes_human: `${bytes.length} B`,
      mime_type: 'image/png',
      type: 'image',
      state: 'stored',
      orphaned_at: null,
      media,
      more_media: false,
    });
    // The same bytes from two sources are stored once.
    expect(z.array(z.string()).parse(found.sources).toSorted()).toEqual([url, other].toSorted());
    expect(await filesIn(store.dir)).toEqual([hashOf(bytes)]);
    const [row] = z.array(z.object({ id: z.string(), uuid: z.string() })).parse(found.media);
    const names = [hashOf(bytes).toUpperCase(), hashOf(bytes, 'md5'), url, `${other}#page=2`, row?.id ?? '', row?.uuid ?? ''];
    const answers = await Promise.all(names.map((name) => store.media('find', '--json', name)));
    expect(answers.map(({ code, stdout }) => [code, JSON.parse(stdout)])).toEqual(names.map(() => [0, { found: [found] }]));
  });

  it('shows it to a person', async () => {
    const { code, stdout } = await store.media('find', url);
    expect(code).toBe(0);
    for (const line of [`sha256  ${hashOf(bytes)}\n`, `size    ${bytes.length} B (${bytes.length} bytes)\n`, 'type    image, image/png\n', `source  ${url}\n`, ': Product 7, images, ']) {
      expect(stdout).toContain(line);
    }
  });

  it('says that there is nothing, whatever it is asked for', async () => {
    const names = ['0'.repeat(64), '0'.repeat(32), 'https://media.example/nothing', 'whatsapp:1', '4711', randomUUID(), 'nonsense', '--'];
    const answers = await Promise.all(names.map((name) => store.media('find', '--', name)));
    expect(answers.map(({ code, stdout }) => [code, stdout])).toEqual(names.map((name) => [1, `Nothing is stored under ${name}.\n`]));
    expect(await store.media('find', '--json', 'nonsense')).toMatchObject({ code: 1, stdout: '{"found":[]}\n' });
  });
});

describe('media verify', () => {
  it('finds what was changed or lost on the disk, and says so by its exit code', async () => {
    const { dir, media } = await newStore();
    const [good, changed, lost] = ['good', 'changed', 'lost'].map((name) => png(3, 3, name));
    if (!good || !changed || !lost) throw new Error('three pictures');
    const owned = ['--owner', 'Product/1', '--collection', 'images'];
    const urls = [good, changed, lost].map((bytes) => offer(bytes));
    await media('import', ...urls, ...owned);
    expect(await media('verify', '--all')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^3 verified \(\d+ B\), 0 damaged\.\n$/) });
    expect(await media('verify', hashOf(good, 'md5'))).toMatchObject({ code: 0, stdout: `1 verified (${good.length} B), 0 damaged.\n` });

    // From where they came there is nothing to put in their place.
    for (const url of urls) host.plan(new URL(url).pathname, status(404));
    await writeFile(pathOf(dir, hashOf(changed)), Buffer.concat([changed.subarray(0, -1), Buffer.of(0)]));
    await rm(pathOf(dir, hashOf(lost)));
    const { code, stdout, stderr } = await media('verify', '--all', '--json');
    expect(code).toBe(1);
    const damaged = [
      { sha256: hashOf(changed), state: 'CORRUPT', bytes: changed.length },
      { sha256: hashOf(lost), state: 'MISSING', bytes: lost.length },
    ];
    expect(JSON.parse(stdout)).toEqual({ verified: 1, bytes: good.length, bytes_human: `${good.length} B`, damaged: expect.arrayContaining(damaged) });
    expect(stderr).toContain(`CORRUPT ${hashOf(changed)} ${changed.length} B\n`);
    expect((await media('verify', hashOf(good))).code).toBe(0);
  });

  it('says that there is no such file', async () => {
    const { media } = await newStore();
    expect(await media('verify', '0'.repeat(64))).toEqual({ code: 1, stdout: '', stderr: `Nothing is stored under ${'0'.repeat(64)}.\n` });
  });
});

describe('media stats', () => {
  it('shows what is stored and what was done, to people and to programs', async () => {
    const { media } = await newStore();
    const bytes = Buffer.concat([png(3, 3), Buffer.alloc(1_500_000)]);
    const url = offer(bytes);
    await media('import', url, '--owner', 'Product/1', '--collection', 'images');
    await media('import', url, host.url('/nothing'));
    const { code, stdout } = await media('stats', '--json');
    expect(code).toBe(0);
    const amount = { blobs: 1, bytes: bytes.length, bytes_human: '1.5 MB' };
    expect(JSON.parse(stdout)).toMatchObject({ total_requests: 3, cache_hits: 1, cache_hit_rate: '33.3%', failed_calls: 1, files: 1, ...amount, types: { image: amount } });
    const words = await media('stats');
    expect(words.stdout).toMatch(/^files +1\nblobs +1 +1\.5 MB\n +image +1 +1\.5 MB\n +video +0 +0 B\n/);
    expect(words.stdout).toMatch(/^cache_hit_rate +33\.3%$/m);
  });
});

describe('media cleanup', () => {
  it('says first, and then removes, what nothing needs any more', async () => {
    const { media, dir } = await newStore();
    const [bytes, young] = [png(3, 3, 'old'), png(3, 3, 'young')];
    await media('import', offer(bytes), offer(young));
    const long = '2020-01-01T00:00:00.000Z';
    const database = await openSqliteDatabase(join(dir.path, 'media.db'), pino({ level: 'silent' }));
    await database.db.updateTable('blobs').set({ orphaned_at: long, kept_until: long }).where('sha256', '=', hashOf(bytes)).execute();
    await database.stop();

    const dry = await media('cleanup', '--dry-run');
    expect([dry.code, dry.stdout.split('\n')[0]]).toEqual([0, `Would remove 1 blobs that nothing referred to (${bytes.length} B).`]);
    expect(await filesIn(dir)).toHaveLength(2);
    const { code, stdout } = await media('cleanup', '--json');
    expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ dry_run: false, removed_blobs: 1, removed_bytes: bytes.length, missing_blobs: 0 })]);
    expect(await filesIn(dir)).toEqual([hashOf(young)]);
    expect((await media('cleanup')).stdout).toContain('Removed 0 blobs that nothing referred to (0 B).\n');
    expect(JSON.parse((await media('stats', '--json')).stdout)).toMatchObject({ blobs: 1, removed_blobs: 1, removed_bytes: bytes.length });
  });
});

describe('media', () => {
  it('works on PostgreSQL, where many use it at once', async () => {
    const server = await sharedPostgres();
    const { media } = await newStore({ MEDIA_DATABASE_URL: server.url });
    const pictures = Array.from({ length: 4 }, (_, index) => png(2, 2, `${index}`));
    const owned = ['--owner', 'Product/1', '--collection', 'images'];
    const imports = await Promise.all(pictures.map((bytes) => media('import', offer(bytes), ...owned)));
    expect(imports.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(JSON.parse((await media('stats', '--json')).stdout)).toMatchObject({ files: 4, blobs: 4, total_requests: 4 });
    expect((await media('verify', '--all')).code).toBe(0);
    expect((await media('find', hashOf(pictures[2] ?? Buffer.alloc(0)))).code).toBe(0);
    await server.stop();
  });

  it.each([
    [[]],
    [['explode']],
    [['import']],
    [['import', '--owner', 'Product/7', 'https://media.example/']],
    [['import', '--collection', 'images', 'https://media.example/']],
    [['import', '--owner', 'Product', '--collection', 'images', 'https://media.example/']],
    [['import', '--owner', 'Product/', '--collection', 'images', 'https://media.example/']],
    [['import', '--owner', 'Product/7', '--collection', '', 'https://media.example/']],
    [['import', '--unknown', 'https://media.example/']],
    [['stats', 'everything']],
    [['verify']],
    [['verify', 'abc']],
    [['verify', '--all', '0'.repeat(64)]],
    [['verify', '0'.repeat(64), '1'.repeat(64)]],
    [['cleanup', 'everything']],
    [['cleanup', '--dry-run=no']],
    [['find']],
    [['find', 'a', 'b']],
  ])('is not understood when it is used in a wrong way: %j', (words) => {
    expect(() => readMediaCommand(words)).toThrow(UsageError);
  });

  it.each([[], ['verify', 'abc']])('shows how it is used when it is not understood, and touches nothing', async (...words) => {
    const { media, dir } = await newStore();
    const { code, stdout, stderr } = await media(...words);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^[^\n]+\nmedia import <url>…/);
    expect(await readdir(dir.path)).toEqual([]);
  });

  it.each([['--help'], ['import', '--help'], ['find', 'x', '--help']])('explains itself: %j', async (...words) => {
    const { media } = await newStore();
    expect(await media(...words)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^media import <url>…/), stderr: '' });
  });

  it('names a setting that it cannot use', async () => {
    const { media } = await newStore({ MEDIA_CACHE_DAYS: 'many' });
    expect(await media('stats')).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^MEDIA_CACHE_DAYS [^\n]+\n$/) });
  });

  it('does its work also when nobody reads what it says', async () => {
    const { env } = await newStore();
    const command = `set -o pipefail; "${process.execPath}" "${script}" stats 2>&1 | true`;
    expect((await (await startProcess({ command: 'bash', args: ['-c', command], env })).exited).code).toBe(0);
  });

  it('is there under its name', () => {
    const { bin, scripts } = z.object({ bin: z.object({ media: z.string() }), scripts: z.object({ media: z.string() }) }).parse(JSON.parse(readFileSync('package.json', 'utf8')));
    expect(existsSync(bin.media)).toBe(true);
    expect(readFileSync(bin.media, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(scripts.media).toBe(`node ${bin.media}`);
  });
});
