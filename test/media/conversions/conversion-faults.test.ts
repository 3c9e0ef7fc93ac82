import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import type { BlobStore } from '../../../src/media/bytes/blob-store.js';
import type { Media } from '../../../src/media/rows/media-store.js';
import { openPostgresDatabase } from '../../../src/media/rows/postgres-database.js';
import { sharedPostgres } from '../../support/servers/shared.js';
import { waitFor } from '../../support/wait.js';
import { converters, log, onlyConverter, photo, script, Workshop } from './workshop.js';

let workshop: Workshop;
beforeEach(async () => {
  workshop = await Workshop.open();
});
afterEach(() => workshop.close());

const picture = (): Promise<Buffer> => photo(60, 40).png().toBuffer();

const isGone = (pid: number): Promise<boolean> => waitFor(async () => !(await converters()).includes(pid), { what: `converter ${pid} to end` });

/** Hands a job to a converter that stands still. */
async function stuck(): Promise<{ pid: number; media: Media }> {
  await workshop.settled(await workshop.upload(await picture()));
  const pid = await onlyConverter();
  process.kill(pid, 'SIGSTOP');
  const media = await workshop.upload(await picture());
  await workshop.handedOver(media);
  return { pid, media };
}

type Blobs = Pick<BlobStore, 'open' | 'stage'>;

/** The blob store, with verbs that do what a fault makes of them, the first time. */
function faulty(faults: Partial<Blobs>): Blobs {
  const { blobs } = workshop;
  let { open, stage } = faults;
  return {
    open: (...given) => {
      const verb = open ?? blobs.open.bind(blobs);
      open = undefined;
      return verb(...given);
    },
    stage: (chunks) => {
      const verb = stage ?? blobs.stage.bind(blobs);
      stage = undefined;
      return verb(chunks);
    },
  };
}

const endless = (): Readable => new Readable({ read: () => undefined });

async function* brokenOff(): AsyncGenerator<Buffer> {
  yield Buffer.from('the first half');
  throw new Error('the rest is damaged');
}

describe('a conversion', () => {
  it('is made by the next converter when one is killed in the middle', async () => {
    workshop.start({ concurrency: 1 });
    const { pid, media } = await stuck();
    process.kill(pid, 'SIGKILL');
    expect(await workshop.settled(media)).toMatchObject({ state: 'done', attempts: 2 });
    expect(await onlyConverter()).not.toBe(pid);
    await workshop.cleared();
  });

  it('is made by the next converter when one does not answer in time', async () => {
    workshop.start({ concurrency: 1, converter: { timeoutMs: 3_000 } });
    const { pid, media } = await stuck();
    expect(await workshop.settled(media)).toMatchObject({ state: 'done', attempts: 2 });
    await isGone(pid);
  });

  it('that ends its converter each time fails after three tries, and blocks nobody', async () => {
    const path = join(workshop.dir.path, 'convert-main-poisoned.mjs');
    const poisoned = `import { readFileSync } from 'node:fs';
      await import(${JSON.stringify(pathToFileURL(script).href)});
      process.prependListener('message', ({ input }) => readFileSync(input).includes('poison') && process.kill(process.pid, 'SIGKILL'));`;
    await writeFile(path, poisoned);
    const bad = await workshop.upload(Buffer.from('poison'));
    const good = await workshop.upload(await picture());
    workshop.start({ concurrency: 1, converter: { script: path } });
    expect(await workshop.settled(good)).toMatchObject({ state: 'done', attempts: 1 });
    expect(await workshop.settled(bad)).toEqual({ state: 'failed', attempts: 3, reason: 'the converter ended with SIGKILL' });
  });

  it('fails after three tries when there is no converter, and says why', async () => {
    const media = await workshop.upload(await picture());
    workshop.start({ converter: { script: join(workshop.dir.path, 'missing.js') } });
    expect(await workshop.settled(media)).toMatchObject({ state: 'failed', attempts: 3, reason: expect.stringMatching(/code 1: .*missing\.js/s) });
  });

  it.each<[string, Partial<Blobs>]>([
    ['the blob store cannot be read', { open: () => Promise.reject(new Error('out of reach')) }],
    ['its original is missing', { open: () => Promise.resolve(undefined) }],
    ['its original breaks off', { open: () => Promise.resolve(Readable.from(brokenOff())) }],
    ['its original never ends', { open: () => Promise.resolve(endless()) }],
    ['the blob store cannot be written', { stage: () => Promise.reject(new Error('the disk is full')) }],
  ])('is made later when %s', async (_, faults) => {
    const media = await workshop.upload(await picture());
    workshop.start({ blobs: faulty(faults), concurrency: 1, copyMs: 500 });
    expect(await workshop.settled(media)).toMatchObject({ state: 'done', attempts: 2 });
    await workshop.cleared();
  });

  it('is made once the database can be used again', async () => {
    const media = await workshop.upload(await picture());
    let refusals = 3;
    const { store } = workshop;
    workshop.start({
      store: {
        claim: (...given) => ((refusals -= 1) >= 0 ? Promise.reject(new Error('out of reach')) : store.claim(...given)),
        finish: (...given) => store.finish(...given),
        release: (...given) => store.release(...given),
        postpone: (...given) => store.postpone(...given),
        fail: (...given) => store.fail(...given),
      },
    });
    expect(await workshop.settled(media)).toMatchObject({ state: 'done', attempts: 1 });
  });

  it('of a file that is deleted meanwhile leaves nothing', async () => {
    workshop.start({ concurrency: 1 });
    const { pid, media } = await stuck();
    await workshop.media.remove(media.id);
    process.kill(pid, 'SIGCONT');
    await workshop.cleared();
    const recorded = await workshop.database.db.selectFrom('blobs').select('sha256').where('orphaned_at', 'is', null).execute();
    // The picture before it, and its conversion.
    expect(recorded).toHaveLength(2);
    expect(await workshop.store.find([media.id], 'thumb')).toEqual([undefined]);
  });

  it('that a killed service had is made when its lease ends, and what it left is removed', async () => {
    const media = await workshop.upload(await picture());
    await workshop.store.claim(new Date(Date.now() + 1_000), new Date(Date.now() + 1_500), 1);
    const left = join(workshop.directory, '0b0b0b0b-0b0b-4b0b-8b0b-0b0b0b0b0b0b');
    await mkdir(left, { recursive: true });
    await writeFile(join(left, 'input'), 'left behind');
    await writeFile(join(workshop.directory, 'notes.txt'), 'of somebody else');
    await Promise.all([left, join(workshop.directory, 'notes.txt')].map((path) => utimes(path, new Date(0), new Date(0))));
    workshop.start();
    expect(await workshop.settled(media)).toMatchObject({ state: 'done', attempts: 2 });
    await waitFor(async () => (await workshop.files()).join() === 'notes.txt', { what: 'what was left to be removed' });
  });

  it('is made once by two services on one database', async () => {
    const server = await sharedPostgres();
    const open = async (): Promise<Workshop> => Workshop.open({ database: await openPostgresDatabase(server.url, log) });
    const [one, other] = [await open(), await open()];
    const pictures = await Promise.all(Array.from({ length: 12 }, picture));
    const media = await Promise.all(pictures.map((bytes) => one.upload(bytes, { conversions: ['thumb', 'preview'] })));
    for (const { store } of [one, other]) one.start({ store });
    const rows = await Promise.all(media.flatMap((file) => ['thumb', 'preview'].map((name) => one.settled(file, name))));
    expect(rows).toEqual(rows.map(() => ({ state: 'done', attempts: 1, reason: null })));
    await waitFor(async () => (await one.counters.read()).conversions === 24, { what: 'each to be counted' });
    const updates = await one.database.db.selectFrom('outbox').select('id').where('routing_key', '=', 'media.event.updated').execute();
    expect(updates).toHaveLength(24);
    await one.close();
    await other.close();
    await server.stop();
  });
});

describe('a stop', () => {
  it('in the middle of a conversion leaves no process and no file, and gives it back', async () => {
    const worker = workshop.start({ concurrency: 1 });
    const { media } = await stuck();
    await worker.stop();
    expect(await converters()).toEqual([]);
    expect(await workshop.files()).toEqual([]);
    expect(await workshop.row(media)).toEqual({ state: 'pending', attempts: 0, reason: null });
    workshop.start();
    expect(await workshop.settled(media)).toMatchObject({ state: 'done', attempts: 1 });
  });

  it('in the middle of reading an original closes it', async () => {
    await workshop.upload(await picture());
    const original = endless();
    const worker = workshop.start({ blobs: faulty({ open: () => Promise.resolve(original) }), concurrency: 1 });
    await waitFor(async () => (await workshop.files()).some((path) => path.endsWith('input')), { what: 'the reading to begin' });
    await worker.stop();
    expect([original.destroyed, await workshop.files()]).toEqual([true, []]);
  });

  it('ends a converter that has nothing to do, and can be asked for twice', async () => {
    const worker = workshop.start();
    await workshop.settled(await workshop.upload(await picture()));
    await Promise.all([worker.stop(), worker.stop()]);
    expect(await converters()).toEqual([]);
  });
});

describe('a converter', () => {
  it('is replaced after so many images', async () => {
    workshop.start({ concurrency: 1, converter: { maxTasks: 2 } });
    const pids: number[] = [];
    for (let count = 0; count < 3; count += 1) {
      // oxlint-disable-next-line no-await-in-loop
      await workshop.settled(await workshop.upload(await picture()));
      // oxlint-disable-next-line no-await-in-loop
      pids.push(count === 1 ? 0 : await onlyConverter());
    }
    expect(pids[2]).not.toBe(pids[0]);
  });

  it('is given no environment', async () => {
    workshop.start({ concurrency: 1 });
    await workshop.settled(await workshop.upload(await picture()));
    const environment = await readFile(`/proc/${await onlyConverter()}/environ`, 'utf8');
    expect(environment.split('\0').filter((entry) => entry && !entry.startsWith('NODE_'))).toEqual([]);
  });

  it('does not outlive whoever started it, also when it has something to do', async () => {
    const busy = join(workshop.dir.path, 'convert-main-busy.mjs');
    await writeFile(busy, `setInterval(() => undefined, 1_000); await import(${JSON.stringify(pathToFileURL(script).href)});`);
    const input = join(workshop.dir.path, 'input.png');
    await writeFile(input, await picture());
    const converter = pathToFileURL(script.replace('convert-main.js', 'converter.js')).href;
    const task = { input, output: `${input}.webp`, width: 9, height: 9, fit: 'cover', format: 'webp', quality: 80 };
    const program = `const { Converter } = await import(${JSON.stringify(converter)});
      await new Converter({ script: ${JSON.stringify(busy)} }).convert(${JSON.stringify(task)});
      console.log('converted');`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(parent.stdout, 'data');
    const [pid] = await converters(parent.pid);
    if (pid === undefined) throw new Error('there is no converter');
    parent.kill('SIGKILL');
    try {
      await waitFor(() => hasEnded(pid), { what: 'the converter to end' });
    } finally {
      if (!hasEnded(pid)) process.kill(pid, 'SIGKILL');
    }
  });
});

function hasEnded(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}
