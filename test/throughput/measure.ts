/**
 * `npm run measure:uploads -- [--rounds N] [--clients N] [--out DIR] [--node-options OPTIONS]`: uploads through the real gateway and the real media service, against one
 * plain process that hashes and writes the same bytes. They take turns, round by round; what is told are medians.
 * The ratio that counts is against a plain process that has the same to do and promises the same: the bytes come from another process, and each
 * file is on disk before it counts. The others are told beside it.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { z } from 'zod';
import { percentile } from '../support/latency.js';
import { startGateway, startMediaService, startUserService, type Program } from '../support/programs.js';
import { startRabbitMQ } from '../support/servers/rabbitmq.js';
import { startRedis } from '../support/servers/redis.js';
import { tempDir } from '../support/wait.js';
import { contentOf, type Load } from './content.js';
import { uploadAll } from './uploads.js';

const usage = `npm run measure:uploads -- [--rounds N] [--clients N] [--out DIR] [--node-options OPTIONS]

--rounds        Default 9. Of each load; the first two are not counted.
--clients       Default 32. Uploads at a time, of the small files.
--out           Default none. A directory for uploads.json and uploads.txt.
--node-options  Default none. Of the gateway and the media service, for those who look into them with a profiler.
`;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    clients: { type: 'string', default: '32' },
    out: { type: 'string' },
    'node-options': { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

interface MeasuredLoad extends Load {
  name: string;
  clients: number;
}

/** The plain process, in its variants; the first is the one that counts. */
const variants = {
  plain: { source: 'piped', durability: 'fsync' },
  plainOfItsOwn: { source: 'own', durability: 'fsync' },
  plainWithoutSync: { source: 'own', durability: 'no-fsync' },
} as const;
type Variant = keyof typeof variants;

/** Milliseconds of one round. */
type Round = Record<Variant | 'uploads', number>;

interface Peak {
  gateway: number;
  media: number;
  plain: number;
}

const plainAnswer = z.object({ ms: z.number(), peakRssBytes: z.number() });
const execute = promisify(execFile);

/** Of each load: what a program does for the first time, it does slowly. */
const warmUpRounds = 2;

async function runPlain(directory: string, { files, bytes }: Load, round: number, variant: Variant): Promise<z.infer<typeof plainAnswer>> {
  const home = join(directory, `${variant}-${files}-${round}`);
  const { source, durability } = variants[variant];
  await mkdir(home);
  await settle();
  const script = fileURLToPath(new URL('plain.js', import.meta.url));
  const args = [script, home, String(files), String(bytes), String(round), source, durability];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const answer = text(child.stdout);
  if (source === 'own') child.stdin.end();
  else await pipeline(Readable.from(allContent({ files, bytes }, round)), child.stdin);
  const result = plainAnswer.parse(JSON.parse(await answer));
  await rm(home, { recursive: true });
  return result;
}

function* allContent({ files, bytes }: Load, round: number): Generator<Buffer> {
  for (let file = 0; file < files; file += 1) yield* contentOf(round, file, bytes);
}

/** What the round before has left to be written is not to be this one's work. */
async function settle(): Promise<void> {
  await execute('sync');
}

interface Measured {
  rounds: Round[];
  plainPeak: number;
}

async function measure(gateway: Program, directory: string, load: MeasuredLoad, rounds: number): Promise<Measured> {
  const measured: Measured = { rounds: [], plainPeak: 0 };
  for (let round = 0; round < rounds; round += 1) {
    // One after the other: they would take each other's time.
    // oxlint-disable no-await-in-loop
    const plain = await runPlain(directory, load, round, 'plain');
    const plainOfItsOwn = await runPlain(directory, load, round, 'plainOfItsOwn');
    const plainWithoutSync = await runPlain(directory, load, round, 'plainWithoutSync');
    await settle();
    const uploads = await uploadAll(gateway.url, load, { clients: load.clients, round });
    // oxlint-enable no-await-in-loop
    const times: Round = { uploads, plain: plain.ms, plainOfItsOwn: plainOfItsOwn.ms, plainWithoutSync: plainWithoutSync.ms };
    say(`${load.name}, round ${round}: ${Object.entries(times).map(([what, ms]) => `${what} ${ms.toFixed(0)} ms`).join(', ')}`);
    if (round >= warmUpRounds) measured.rounds.push(times);
    measured.plainPeak = Math.max(measured.plainPeak, plain.peakRssBytes);
  }
  return measured;
}

interface LoadReport extends MeasuredLoad {
  /** Milliseconds. */
  medians: Round;
  /** How fast uploads are, of how fast the plain process is; of the medians. */
  ratios: Record<Variant, number>;
  /** Megabytes a second. */
  throughput: { uploads: number; plain: number };
  /** Since the start of each program, in megabytes. */
  peakRssMb: Peak;
  rounds: Round[];
}

function reportOf(load: MeasuredLoad, { rounds, plainPeak }: Measured, programs: { gateway: Program; media: Program }): LoadReport {
  const median = (key: keyof Round): number => Math.round(percentile(rounds.map((round) => round[key]), 50));
  const medians = { uploads: median('uploads'), plain: median('plain'), plainOfItsOwn: median('plainOfItsOwn'), plainWithoutSync: median('plainWithoutSync') };
  const ratio = (variant: Variant): number => Math.round((medians[variant] / medians.uploads) * 100) / 100;
  const perSecond = (ms: number): number => Math.round((load.files * load.bytes) / 1e3 / ms);
  const mb = (bytes: number): number => Math.round(bytes / 1e6);
  return {
    ...load,
    medians,
    ratios: { plain: ratio('plain'), plainOfItsOwn: ratio('plainOfItsOwn'), plainWithoutSync: ratio('plainWithoutSync') },
    throughput: { uploads: perSecond(medians.uploads), plain: perSecond(medians.plain) },
    peakRssMb: { gateway: mb(programs.gateway.process.peakRssBytes()), media: mb(programs.media.process.peakRssBytes()), plain: mb(plainPeak) },
    rounds,
  };
}

function linesOf({ name, files, bytes, clients, medians, ratios, throughput, peakRssMb, rounds }: LoadReport): string[] {
  return [
    `${name}: ${files} x ${bytes} bytes, ${clients} at a time, medians of ${rounds.length} rounds`,
    `  uploads                               ${medians.uploads} ms, ${throughput.uploads} MB/s`,
    `  plain process, bytes by a pipe        ${medians.plain} ms, ${throughput.plain} MB/s; ratio ${ratios.plain}`,
    `  plain process that makes the bytes    ${medians.plainOfItsOwn} ms; ratio ${ratios.plainOfItsOwn}`,
    `  the same, nothing certain to be kept  ${medians.plainWithoutSync} ms; ratio ${ratios.plainWithoutSync}`,
    `  peak RSS                              gateway ${peakRssMb.gateway} MB, media service ${peakRssMb.media} MB, plain process ${peakRssMb.plain} MB`,
  ];
}

async function measureAll(rounds: number, clients: number): Promise<LoadReport[]> {
  const [data, redis, broker, users] = await Promise.all([tempDir('throughput'), startRedis(), startRabbitMQ(), startUserService()]);
  const owned: { stop(): Promise<unknown> }[] = [users, redis, broker];
  try {
    const options: Record<string, string> = values['node-options'] === undefined ? {} : { NODE_OPTIONS: values['node-options'] };
    const media = await startMediaService({ ...options, DATA_DIR: join(data.path, 'media'), RABBITMQ_ADDR: broker.url });
    owned.unshift(media);
    const addresses = { MEDIA_SERVICE_ADDR: media.grpcAddress, USER_SERVICE_ADDR: users.grpcAddress, REDIS_ADDR: redis.url, RABBITMQ_ADDR: broker.url };
    const gateway = await startGateway({ ...options, ...addresses, LOG_LEVEL: 'info' });
    owned.unshift(gateway);
    const loads: MeasuredLoad[] = [
      { name: 'one large file', files: 1, bytes: 200_000_000, clients: 1 },
      { name: 'small files', files: 1_000, bytes: 50_000, clients },
    ];
    const reports: LoadReport[] = [];
    // oxlint-disable-next-line no-await-in-loop -- as above
    for (const load of loads) reports.push(reportOf(load, await measure(gateway, data.path, load, rounds), { gateway, media }));
    return reports;
  } finally {
    // oxlint-disable-next-line no-await-in-loop -- the gateway before what it uses
    for (const part of owned) await part.stop();
    await data.remove();
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function run(): Promise<number> {
  const [rounds, clients] = [Number(values.rounds), Number(values.clients)];
  const isWrong = !(rounds > warmUpRounds) || !(clients >= 1);
  if (values.help || isWrong) {
    process.stdout.write(usage);
    return isWrong ? 2 : 0;
  }
  const loads = await measureAll(rounds, clients);
  const lines = [`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}; SQLite and a local disk`, ...loads.flatMap(linesOf), ''].join('\n');
  process.stdout.write(lines);
  if (values.out !== undefined) {
    await mkdir(values.out, { recursive: true });
    await writeFile(join(values.out, 'uploads.txt'), lines);
    await writeFile(join(values.out, 'uploads.json'), `${JSON.stringify({ node: process.version, loads }, undefined, 2)}\n`);
  }
  return 0;
}

process.exitCode = await run();
