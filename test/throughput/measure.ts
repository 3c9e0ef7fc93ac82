/**
 * `npm run measure:uploads -- [--rounds N] [--clients N] [--out DIR] [--node-options OPTIONS]`: uploads through the real gateway and the real media service, against one
 * plain process that hashes and writes the same bytes. The two take turns, round by round; what is told are medians.
 * The ratio that counts is against a plain process that promises the same: each file on disk before it is acknowledged.
 */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { z } from 'zod';
import { percentile } from '../support/latency.js';
import { startGateway, startMediaService, startUserService, type Program } from '../support/programs.js';
import { startRabbitMQ } from '../support/servers/rabbitmq.js';
import { startRedis } from '../support/servers/redis.js';
import { tempDir } from '../support/wait.js';
import type { Load } from './content.js';
import { uploadAll } from './uploads.js';

const usage = `npm run measure:uploads -- [--rounds N] [--clients N] [--out DIR] [--node-options OPTIONS]

--rounds        Default 7. Of each load; the first is not counted.
--clients       Default 12. Uploads at a time, of the small files.
--out           Default none. A directory for uploads.json and uploads.txt.
--node-options  Default none. Of the gateway and the media service, for those who look into them with a profiler.
`;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    clients: { type: 'string', default: '12' },
    out: { type: 'string' },
    'node-options': { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

interface MeasuredLoad extends Load {
  name: string;
  clients: number;
}

/** Milliseconds of one round. */
interface Round {
  uploads: number;
  plain: number;
  plainWithoutSync: number;
}

interface Peak {
  gateway: number;
  media: number;
  plain: number;
}

const plainAnswer = z.object({ ms: z.number(), peakRssBytes: z.number() });
const execute = promisify(execFile);

async function runPlain(directory: string, { files, bytes }: Load, round: number, durability: 'fsync' | 'no-fsync'): Promise<z.infer<typeof plainAnswer>> {
  const home = join(directory, `${durability}-${files}-${round}`);
  await mkdir(home);
  await settle();
  const script = fileURLToPath(new URL('plain.js', import.meta.url));
  const { stdout } = await execute(process.execPath, [script, home, String(files), String(bytes), String(round), durability]);
  return plainAnswer.parse(JSON.parse(stdout));
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
    const plain = await runPlain(directory, load, round, 'fsync');
    const plainWithoutSync = await runPlain(directory, load, round, 'no-fsync');
    await settle();
    const uploads = await uploadAll(gateway.url, load, { clients: load.clients, round });
    // oxlint-enable no-await-in-loop
    say(`${load.name}, round ${round}: uploads ${uploads.toFixed(0)} ms, plain ${plain.ms.toFixed(0)} ms, without fsync ${plainWithoutSync.ms.toFixed(0)} ms`);
    // The first round warms the programs up.
    if (round > 0) measured.rounds.push({ uploads, plain: plain.ms, plainWithoutSync: plainWithoutSync.ms });
    measured.plainPeak = Math.max(measured.plainPeak, plain.peakRssBytes);
  }
  return measured;
}

interface LoadReport extends MeasuredLoad {
  /** Milliseconds, medians. */
  medians: Round;
  /** How fast uploads are, of how fast the plain process is; of the medians. */
  ratio: number;
  ratioWithoutSync: number;
  /** Megabytes a second. */
  throughput: { uploads: number; plain: number };
  /** Since the start of each program, in megabytes. */
  peakRssMb: Peak;
  rounds: Round[];
}

function reportOf(load: MeasuredLoad, { rounds, plainPeak }: Measured, programs: { gateway: Program; media: Program }): LoadReport {
  const median = (key: keyof Round): number => Math.round(percentile(rounds.map((round) => round[key]), 50));
  const medians = { uploads: median('uploads'), plain: median('plain'), plainWithoutSync: median('plainWithoutSync') };
  const megabytes = (load.files * load.bytes) / 1e6;
  const perSecond = (ms: number): number => Math.round((megabytes / ms) * 1000);
  const mb = (bytes: number): number => Math.round(bytes / 1e6);
  return {
    ...load,
    medians,
    ratio: ratioOf(medians.plain, medians.uploads),
    ratioWithoutSync: ratioOf(medians.plainWithoutSync, medians.uploads),
    throughput: { uploads: perSecond(medians.uploads), plain: perSecond(medians.plain) },
    peakRssMb: { gateway: mb(programs.gateway.process.peakRssBytes()), media: mb(programs.media.process.peakRssBytes()), plain: mb(plainPeak) },
    rounds,
  };
}

const ratioOf = (plain: number, uploads: number): number => Math.round((plain / uploads) * 100) / 100;

function linesOf({ name, files, bytes, clients, medians, ratio, ratioWithoutSync, throughput, peakRssMb, rounds }: LoadReport): string[] {
  return [
    `${name}: ${files} x ${bytes} bytes, ${clients} at a time, medians of ${rounds.length} rounds`,
    `  uploads                 ${medians.uploads} ms, ${throughput.uploads} MB/s`,
    `  plain process           ${medians.plain} ms, ${throughput.plain} MB/s; ratio ${ratio}`,
    `  the same without fsync  ${medians.plainWithoutSync} ms; ratio ${ratioWithoutSync}`,
    `  peak RSS                gateway ${peakRssMb.gateway} MB, media service ${peakRssMb.media} MB, plain process ${peakRssMb.plain} MB`,
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
  const isWrong = !(rounds >= 2) || !(clients >= 1);
  if (values.help || isWrong) {
    process.stdout.write(usage);
    return isWrong ? 2 : 0;
  }
  const loads = await measureAll(rounds, clients);
  const text = [`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}; SQLite and a local disk`, ...loads.flatMap(linesOf), ''].join('\n');
  process.stdout.write(text);
  if (values.out !== undefined) {
    await mkdir(values.out, { recursive: true });
    await writeFile(join(values.out, 'uploads.txt'), text);
    await writeFile(join(values.out, 'uploads.json'), `${JSON.stringify({ node: process.version, loads }, undefined, 2)}\n`);
  }
  return 0;
}

process.exitCode = await run();
