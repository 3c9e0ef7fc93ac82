/**
 * `npm run measure:proxy -- [--gets N] [--provider-ms N] [--out DIR]`: how soon `GET /api/media/messages/<id>` gives its first byte, from a real media
 * service: of a stored file, and of one that is not stored yet while its provider takes its time. And the memory that 100 MB take.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startFakeWhatsApp, type FakeWhatsApp } from '../support/fake-whatsapp.js';
import { figures } from '../support/latency.js';
import { LiveClient } from '../support/live-client.js';
import { inParts, type Play } from '../support/media-host.js';
import { startMediaService, type Program } from '../support/programs.js';
import { tempDir } from '../support/wait.js';
import { bodyOf, deliver, entryOf, mediaMessage, webhookEnv } from '../support/whatsapp-webhooks.js';

const usage = `npm run measure:proxy -- [--gets N] [--provider-ms N] [--out DIR]

--gets         Default 200. Of a stored file of 1 MB.
--provider-ms  Default 1000. How long the provider takes for a file of 1 MB that is not stored yet; measured 20 times.
--out          Default none. A directory for proxy.txt.
`;

const { values } = parseArgs({
  options: {
    gets: { type: 'string', default: '200' },
    'provider-ms': { type: 'string', default: '1000' },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const smallBytes = 1_048_576;
const largeBytes = 104_857_600;
/** Of a file of 1 MB before the provider pauses. */
const headBytes = 65_536;
const coldGets = 20;
/** What a program does for the first time, it does slowly. */
const warmUps = 20;

/** Milliseconds. */
interface Timed {
  firstByte: number;
  whole: number;
}

/** Media that were sent and told of, on a service of their own. */
class Proxy {
  readonly #fake: FakeWhatsApp;
  readonly #service: Program;

  constructor(fake: FakeWhatsApp, service: Program) {
    this.#fake = fake;
    this.#service = service;
  }

  /** The URL of a new media. */
  async tell(bytes: Buffer, play?: Play): Promise<string> {
    const received = this.#fake.receive(bytes, 'video/mp4');
    this.#fake.onDownload(received.id, play);
    const sent = mediaMessage('video', received);
    await deliver(this.#service.url, bodyOf(entryOf(sent)));
    return `${this.#service.url}/api/media/messages/${encodeURIComponent(sent.id)}`;
  }

  get peakMegabytes(): string {
    return (this.#service.process.peakRssBytes() / 1e6).toFixed(0);
  }
}

/** @throws Error when the answer is not the file. */
async function get(url: string, expected: string): Promise<Timed> {
  const start = performance.now();
  const client = await LiveClient.ask(url);
  await client.first();
  const firstByte = performance.now() - start;
  const hash = createHash('sha256');
  for await (const chunk of client.chunks()) hash.update(chunk);
  if (client.status !== 200 || hash.digest('hex') !== expected) throw new Error(`an answer was not the file: ${client.status}`);
  return { firstByte, whole: performance.now() - start };
}

async function measureStored(proxy: Proxy, count: number): Promise<string> {
  const bytes = randomBytes(smallBytes);
  const hash = sha256(bytes);
  const url = await proxy.tell(bytes);
  const times: number[] = [];
  // oxlint-disable-next-line no-await-in-loop -- one after the other: they would wait for each other
  for (let time = -warmUps; time < count; time += 1) times.push((await get(url, hash)).firstByte);
  return `first byte of a stored file of 1 MB: ${figures(times.slice(warmUps))}`;
}

async function measureCold(proxy: Proxy, providerMs: number): Promise<string[]> {
  const times: Timed[] = [];
  for (let time = 0; time < coldGets; time += 1) {
    const bytes = randomBytes(smallBytes);
    const slowly: Play = (...request) => inParts(bytes.subarray(0, headBytes), sleep(providerMs), bytes.subarray(headBytes))(...request);
    // oxlint-disable-next-line no-await-in-loop -- as above
    times.push(await get(await proxy.tell(bytes, slowly), sha256(bytes)));
  }
  return [
    `a file of 1 MB that is not stored yet, its provider pauses for ${providerMs} ms after ${headBytes} bytes`,
    `  first byte: ${figures(times.map(({ firstByte }) => firstByte))}`,
    `  all bytes:  ${figures(times.map(({ whole }) => whole))}`,
  ];
}

async function measureLarge(proxy: Proxy): Promise<string[]> {
  const bytes = randomBytes(largeBytes);
  const hash = sha256(bytes);
  const url = await proxy.tell(bytes);
  const imported = await get(url, hash);
  const afterImport = proxy.peakMegabytes;
  const stored = await get(url, hash);
  return [
    'a file of 100 MB, peak RSS since the start of the service',
    `  imported and streamed: ${afterImport} MB (${imported.whole.toFixed(0)} ms)`,
    `  stored, then read:     ${proxy.peakMegabytes} MB (${stored.whole.toFixed(0)} ms)`,
  ];
}

/** On a service of its own, so that no measurement finds the memory of another. */
async function withProxy<T>(work: (proxy: Proxy) => Promise<T>): Promise<T> {
  const [fake, dir] = await Promise.all([startFakeWhatsApp(), tempDir('proxy')]);
  try {
    const service = await startMediaService({ ...fake.env, ...webhookEnv, DATA_DIR: dir.path });
    try {
      return await work(new Proxy(fake, service));
    } finally {
      await service.stop();
    }
  } finally {
    await fake.stop();
    await dir.remove();
  }
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function run(): Promise<number> {
  const [gets, providerMs] = [Number(values.gets), Number(values['provider-ms'])];
  const isWrong = !(gets >= 1) || !(providerMs >= 0);
  if (values.help || isWrong) {
    process.stdout.write(usage);
    return isWrong ? 2 : 0;
  }
  const lines = [
    `Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}; SQLite and a local disk`,
    await withProxy((proxy) => measureStored(proxy, gets)),
    ...(await withProxy((proxy) => measureCold(proxy, providerMs))),
    ...(await withProxy(measureLarge)),
    '',
  ].join('\n');
  process.stdout.write(lines);
  if (values.out !== undefined) {
    await mkdir(values.out, { recursive: true });
    await writeFile(join(values.out, 'proxy.txt'), lines);
  }
  return 0;
}

process.exitCode = await run();
