/**
 * One proof: clients at work, kills, then a quiet time in which everything is brought to its end, then the checks.
 * Invariant: it ends what it has started; what the service keeps is looked at only when no client is at work and no event is on its way.
 */
import { join } from 'node:path';
import { randomOf, type Random } from '../soak/random.js';
import { repeat } from '../support/latency.js';
import { tempDir, waitFor } from '../support/wait.js';
import { checkAll, type Check } from './checks.js';
import { postgresDatabase, sqliteFile, type Database } from './database.js';
import { EventRecorder } from './event-recorder.js';
import { gatherEvidence, type Evidence } from './evidence.js';
import { Failpoints, failpoints, type Failpoint } from './failpoints.js';
import { Killer, plannedKills, type Kill, type PlannedKill } from './kills.js';
import type { Ledger } from './ledger.js';
import { Reader } from './reader.js';
import { mediaService, type KilledService } from './service.js';
import { ageClaims, ageFiles, ageOrphans, cleanUp } from './upkeep.js';
import { connectClient, Writers } from './writers.js';

export interface CrashOptions {
  kills: number;
  /** Of them, at places in the code: so many in each moment. */
  perMoment: number;
  /** Default all. */
  places?: readonly Failpoint[];
  seed: string;
  /** A build with the places: `…/media/main.js`. */
  script: string;
  /** Undefined: SQLite. */
  postgresUrl: string | undefined;
  /** Of a vhost of its own. */
  brokerUrl: string;
  /** Default nobody. Told at least every two seconds. */
  progress?: (line: string) => void;
}

export interface Outcome {
  database: Database['kind'];
  seed: string;
  durationMs: number;
  kills: readonly Kill[];
  evidence: Evidence;
  checks: readonly Check[];
  /** The last lines that the last process has written. */
  logs: string;
}

interface World {
  database: Database;
  service: KilledService;
  recorder: EventRecorder;
  failpoints: Failpoints;
  /** Where the bytes lie. */
  blobs: string;
}

/** @throws Error when the service does not start again, an armed place is not reached, or a client gets an answer that is none of an outage. */
export async function runCrashes({ kills, perMoment, places = failpoints, seed, script, postgresUrl, brokerUrl, progress = () => undefined }: CrashOptions): Promise<Outcome> {
  const startedAt = performance.now();
  const random = randomOf(seed);
  const directory = await tempDir('crash');
  const data = join(directory.path, 'data');
  const database = postgresUrl === undefined ? sqliteFile(join(directory.path, 'media.db')) : postgresDatabase(postgresUrl);
  const armed = new Failpoints(join(directory.path, 'failpoints'));
  const recorder = await EventRecorder.start(brokerUrl);
  // A killed process leaves files of its conversions in the temporary directory: not in everybody's.
  const env = { ...database.env, ...armed.env, DATA_DIR: data, RABBITMQ_ADDR: brokerUrl, TMPDIR: directory.path };
  const service = await mediaService({ script, env });
  const world = { database, service, recorder, failpoints: armed, blobs: join(data, 'blobs') };
  try {
    const work = await killAgainAndAgain(world, plannedKills(random, { count: kills, perMoment, places }), random, progress);
    await bringToAnEnd(world, progress);
    const evidence = await lookAtAll(world, work);
    return { database: database.kind, seed, durationMs: performance.now() - startedAt, kills: work.kills, evidence, checks: checkAll(evidence), logs: service.logs() };
  } finally {
    await service.stop();
    await recorder.stop();
    await directory.remove();
  }
}

async function killAgainAndAgain({ database, service, failpoints: armed, blobs }: World, plan: readonly PlannedKill[], random: Random, progress: (line: string) => void) {
  // The schema is there before anything is killed in its start: what the first migration leaves is not looked at here.
  await service.launch();
  await service.ready();
  const client = connectClient(service.grpcAddress);
  const writers = new Writers(client, random);
  const reader = new Reader(client, writers.ledger, random.fork('reader'));
  const upkeep = repeat(() => tidy(database, service), { pauseMs: 150 });
  const killer = new Killer(service, armed, join(blobs, 'tmp'));
  const told = setInterval(() => progress(`${database.kind}: ${killer.kills.length} of ${plan.length} kills, ${writers.summary}`), 2_000);
  try {
    for (const kill of plan) {
      // oxlint-disable-next-line no-await-in-loop -- there is one process to kill
      await killer.next(kill);
      writers.check();
    }
    await service.ready();
    return { kills: killer.kills, ledger: writers.ledger, readings: reader.readings };
  } finally {
    clearInterval(told);
    await Promise.all([upkeep.stop(), reader.stop(), writers.stop()]);
    client.close();
  }
}

/** Goes wrong whenever the service is killed meanwhile; the next one is not far. */
async function tidy(database: Database, service: KilledService): Promise<void> {
  await ageOrphans(database).catch(() => undefined);
  await cleanUp(service).catch(() => undefined);
}

/** Everything that the service has still to do, and a cleanup in which all that may go is old enough. What never comes to its end is left for the checks to find. */
async function bringToAnEnd({ database, service, recorder, blobs }: World, progress: (line: string) => void): Promise<void> {
  const isEmpty = async (query: string): Promise<boolean> => (await database.query(query)).length === 0;
  const isPublished = (): Promise<boolean> => isEmpty('select 1 from outbox where published_at is null limit 1');
  let claimsAgedAt = -Infinity;
  const isConverted = async (): Promise<boolean> => {
    // What is being worked on has a while to end.
    if (performance.now() - claimsAgedAt > 3_000) {
      await ageClaims(database);
      claimsAgedAt = performance.now();
    }
    return isEmpty("select 1 from conversions where state = 'pending' limit 1");
  };
  progress(`${database.kind}: waiting for events and conversions that are due`);
  await untilOrGivenUp(async () => (await isConverted()) && (await isPublished()));
  await ageOrphans(database);
  await ageFiles(blobs);
  await cleanUp(service);
  await untilOrGivenUp(async () => (await isPublished()) && recorder.isQuiet());
  progress(`${database.kind}: reading everything back`);
}

async function untilOrGivenUp(condition: () => Promise<boolean>): Promise<void> {
  await waitFor(condition, { what: 'everything that is due', timeoutMs: 30_000 }).catch(() => false);
}

async function lookAtAll({ database, service, recorder: { events }, blobs }: World, { ledger, readings }: Pick<Evidence, 'readings'> & { ledger: Ledger }): Promise<Evidence> {
  const client = connectClient(service.grpcAddress);
  try {
    return await gatherEvidence({ ledger, readings, events, client, database, blobs });
  } finally {
    client.close();
  }
}
