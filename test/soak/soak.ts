/**
 * One soak: readers and writers at work while one fault follows the other, every answer checked, and at the end everything read once more at rest.
 * Invariant: it ends, in time or with the violation that is one too many, and ends what it has started.
 */
import { pause } from '../../src/runtime/backoff.js';
import { readAtRest } from './at-rest.js';
import { FaultLog, type LoggedFault } from './fault-log.js';
import type { Violation } from './history.js';
import { fieldsPerQuestion } from './questions.js';
import { randomOf } from './random.js';
import { Reader } from './readers.js';
import { faultKinds, plannedFaults, type FaultKind } from './schedule.js';
import { startWorld, type World } from './world.js';

export interface SoakOptions {
  /** Of load and faults; starting and the reads at rest come on top. */
  minutes: number;
  seed: string;
  /** The gateway that is run: `…/gateway/main.js`. */
  script: string;
  /** Default 1300. */
  readsPerSecond?: number;
  /** Default 65. */
  eventsPerSecond?: number;
  /** Default 3. */
  gateways?: number;
  /** Default the usual ones of schedule.ts. */
  kinds?: readonly FaultKind[];
  /** Default without end. Of faults, each kind once; with the last one the run ends, before its time. */
  rounds?: number;
  /** Default nobody. */
  progress?: (line: string) => void;
}

export interface Outcome {
  seed: string;
  /** Of load and faults, as it was. */
  durationMs: number;
  /** The first ones, in full. */
  violations: readonly Violation[];
  faults: readonly LoggedFault[];
  readsAtRest: number;
  refusedFills: number;
  /** The last lines that each process has written, by its name. */
  logs: Readonly<Record<string, string>>;
  world: Pick<World, 'history' | 'meter' | 'origin' | 'events'>;
}

/** A run that has found so many needs no more. */
const enoughViolations = 10;
const clientsPerGateway = 8;
const progressEverySeconds = 2;
const countFillsEverySeconds = 5;

/** @throws Error when a server does not start, a fault cannot be mended, or events stay unapplied at the end. */
export async function runSoak(options: SoakOptions): Promise<Outcome> {
  const { minutes, seed, script, readsPerSecond = 1_300, eventsPerSecond = 65, gateways = 3, kinds = faultKinds, rounds = Infinity, progress = () => undefined } = options;
  const random = randomOf(seed);
  progress(`seed ${seed}: starting a broker, a Redis pair and ${gateways} gateways`);
  const world = await startWorld({ random, script, gateways, eventsPerSecond });
  const violations: Violation[] = [];
  const ending = new AbortController();
  const violated = (violation: Violation): void => {
    if (violations.length < enoughViolations) violations.push(violation);
    else ending.abort();
  };
  try {
    const { meter } = world;
    meter.start();
    const thinkMs = (1_000 * fieldsPerQuestion * clientsPerGateway * gateways) / readsPerSecond;
    const readers = world.gateways.flatMap((gateway) =>
      Array.from({ length: clientsPerGateway }, (_, number) => {
        const name = `${gateway.name}/client-${number}`;
        return new Reader({ ...world, name, gateway, random: random.fork(name), thinkMs, violated });
      }),
    );
    world.writer.start();
    const log = new FaultLog({ plan: plannedFaults({ random: random.fork('faults'), kinds, rounds }), stage: world, events: world.events, history: world.history, meter, began: ({ kind }) => progress(`fault: ${kind}`) });
    const timer = setTimeout(() => ending.abort(), minutes * 60_000);
    const watching = watch(world, progress, ending.signal);
    try {
      await log.run(ending.signal);
    } finally {
      clearTimeout(timer);
      ending.abort();
      await watching;
      await world.writer.stop();
      await Promise.all(readers.map((reader) => reader.stop()));
    }
    const durationMs = performance.now() - meter.startedAt;
    const found = violations.length;
    progress(found > 0 ? `${found} violations found` : 'reading everything at rest');
    const { reads } = found > 0 ? { reads: 0 } : await readAtRest(world, violated);
    const refusedFills = world.gateways.reduce((sum, gateway) => sum + gateway.refusedFills, 0);
    const gatewayLogs = Object.fromEntries(world.gateways.map((gateway) => [gateway.name, gateway.logs()]));
    const logs = { ...gatewayLogs, ...(await world.redis.logs()), rabbitmq: await world.rabbitmq.logs() };
    return { seed, durationMs, violations, faults: log.faults, readsAtRest: reads, refusedFills, logs, world };
  } finally {
    await world.stop();
  }
}

/** What happens each second, until `signal` aborts. */
async function watch(world: World, progress: (line: string) => void, signal: AbortSignal): Promise<void> {
  const { meter, history, events, gateways } = world;
  for (let second = 1; !signal.aborted; second += 1) {
    for (let tick = 0; tick < 10 && !signal.aborted; tick += 1) {
      // oxlint-disable-next-line no-await-in-loop
      await pause(100, signal);
      meter.waiting(events.oldestMs);
    }
    const { latency } = meter.nextSecond();
    events.settle();
    // oxlint-disable-next-line no-await-in-loop
    if (second % countFillsEverySeconds === 0 || signal.aborted) await Promise.all(gateways.map((gateway) => gateway.countRefusedFills()));
    if (second % progressEverySeconds !== 0) continue;
    const { reads, violations } = history.counts;
    const cached = Math.round(meter.recentShare * 100);
    progress(`${second} s: ${reads} reads (${cached} % cached), ${events.appliedCount} events applied, ${events.pendingCount} waiting, p99 ${latency.p99} ms, ${violations} violations`);
  }
}
