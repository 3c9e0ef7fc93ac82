/**
 * A contender: started; for each question its answers compared with the reference and its caches filled; then warmed, compared again and measured, once or more; ended.
 * Invariant: who answers differently is not measured.
 */
import { isDeepStrictEqual } from 'node:util';
import { waitFor } from '../test/support/wait.js';
import { startContender, type Contender, type RunningContender } from './contenders.js';
import type { Query, Versions } from './data.js';
import { each, Load, type Run } from './load.js';
import { cpuSeconds, type Machine } from './machine.js';
import type { Question, Workload } from './questions/question.js';
import { randomFrom } from './random.js';
import type { Calls, Services } from './services.js';

export interface Measurement {
  /** Its title. */
  readonly question: string;
  /** What it is a variant of. */
  readonly name: string;
  readonly contender: string;
  readonly round: number;
  /** Answers per second. */
  readonly throughput: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Processor time of the gateway per answer, in microseconds. */
  readonly cpuMicros: number;
  /** Of its core, from 0 to 1. Well below 1: something else was the limit. */
  readonly busy: number;
  /** Of its core, from 0 to 1, what others have taken; NaN where it has no core of its own. Well above 0: the machine was not quiet. */
  readonly disturbed: number;
  /** Per answer. */
  readonly redisCommands: number;
  readonly redisTrips: number;
  readonly grpcCalls: number;
  /** Highest resident memory of the gateway since its start, in megabytes. */
  readonly peakMb: number;
  /** What Redis has in use at the end, in megabytes. */
  readonly redisMb: number;
}

/** What a gateway finds when it starts. */
export interface Conditions {
  readonly services: Services;
  readonly machine: Machine;
  /** Of node, for the gateway. */
  readonly nodeArgs: readonly string[];
  /** Whether everyone's data are dropped before. */
  readonly flush: boolean;
  /** Of chance: the same for every contender. */
  readonly seed: number;
}

/** One measurement of it. */
export interface Turn {
  readonly round: number;
  /** Of the measurement, after what it takes to be warm. */
  readonly seconds: number;
}

/** Whether others have left the gateway its core. */
export function isQuiet({ disturbed }: Pick<Measurement, 'disturbed'>): boolean {
  return !(disturbed > 0.1);
}

const defaultConnections = 32;
const fillConnections = 4;
const compared = 20;
const warmSliceMs = 250;
/** Ours keeps copies only once it has proof that events come through, a second or two after its start. */
const minWarmSeconds = 2;
const maxWarmFactor = 3;
const settledWithinMs = 5_000;

/** A gateway that runs, with what it has been asked. Whoever began it must end it. */
export class Trial {
  readonly #contender: Contender;
  readonly #conditions: Conditions;
  readonly #gateway: RunningContender;
  /** By title. */
  readonly #asked = new Map<string, Workload>();

  private constructor(contender: Contender, conditions: Conditions, gateway: RunningContender) {
    [this.#contender, this.#conditions, this.#gateway] = [contender, conditions, gateway];
  }

  /** @throws Error when the contender does not start. */
  static async begin(contender: Contender, conditions: Conditions): Promise<Trial> {
    // What is kept is kept with the queues: a gateway that has missed events must not believe what it finds in Redis.
    if (conditions.flush) await conditions.services.reset();
    return new Trial(contender, conditions, await startContender(contender, conditions));
  }

  /** @throws Error when it answers differently, or not in time. */
  async measure(question: Question, { round, seconds }: Turn): Promise<Measurement> {
    const { process, url } = this.#gateway;
    const { services } = this.#conditions;
    const before = this.#asked.get(question.title);
    const workload = before ?? (await this.#prepare(question));
    const load = await Load.connect(url, question.connections ?? defaultConnections);
    try {
      const warming = question.warming ?? { first: Math.max(seconds / 2, minWarmSeconds), again: warmSliceMs / 1_000 };
      const figures = await beside(workload, async () => {
        await warm(load, workload, { pid: process.pid, seconds: before ? warming.again : warming.first });
        if (!workload.changed) await compare(load, drawn(workload), await services.versions());
        return measured(load, workload, process.pid, { ...this.#conditions, seconds });
      });
      const peakMb = process.peakRssBytes() / 1e6;
      if (workload.changed) await settle(load, workload.changed, services);
      return { question: question.title, name: question.name, contender: this.#contender.name, round, ...figures, peakMb, redisMb: (await services.redisBytes()) / 1e6 };
    } finally {
      load.close();
    }
  }

  async end(): Promise<void> {
    await this.#gateway.process.stop();
  }

  /** With few connections: many long lists of misses at once would only wait for each other, until some give up. */
  async #prepare(question: Question): Promise<Workload> {
    const { services, seed } = this.#conditions;
    const workload = question.begin({ random: randomFrom(seed), gateway: this.#gateway, services });
    const load = await Load.connect(this.#gateway.url, fillConnections);
    try {
      await compare(load, drawn(workload), await services.versions());
      if (this.#contender.caches && workload.fill) await load.run(each(workload.fill));
    } finally {
      load.close();
    }
    this.#asked.set(question.title, workload);
    return workload;
  }
}

async function beside<T>(workload: Workload, work: () => Promise<T>): Promise<T> {
  const end = await workload.beside?.();
  try {
    return await work();
  } finally {
    await end?.();
  }
}

/** Warm is who has worked for so long: on a machine that others use as well, the clock says nothing of that. */
async function warm(load: Load, workload: Workload, { pid, seconds }: { pid: number; seconds: number }): Promise<void> {
  const enough = cpuSeconds(pid) + seconds * 0.8;
  for (let sliceMs = 0; sliceMs < seconds * maxWarmFactor * 1_000 && !(cpuSeconds(pid) >= enough && sliceMs >= seconds * 1_000); sliceMs += warmSliceMs) {
    // oxlint-disable-next-line no-await-in-loop
    await load.run(() => workload.next(), { milliseconds: warmSliceMs });
  }
}

type Figures = Omit<Measurement, 'question' | 'name' | 'contender' | 'round' | 'peakMb' | 'redisMb'>;

async function measured(load: Load, workload: Workload, pid: number, { seconds, services, machine }: Pick<Conditions, 'services' | 'machine'> & { seconds: number }): Promise<Figures> {
  const callsBefore = await services.calls();
  const [cpuBefore, coreBefore] = [cpuSeconds(pid), machine.coreSeconds()];
  const run = await load.run(() => workload.next(), { milliseconds: seconds * 1_000 });
  const [cpu, core] = [cpuSeconds(pid) - cpuBefore, machine.coreSeconds() - coreBefore];
  const calls = perAnswer(callsBefore, await services.calls(), run);
  return {
    throughput: run.count / run.seconds,
    p50: percentile(run.latencies, 50),
    p99: percentile(run.latencies, 99),
    cpuMicros: (cpu / run.count) * 1e6,
    busy: cpu / run.seconds,
    disturbed: Math.max(0, core - cpu) / run.seconds,
    ...calls,
  };
}

function perAnswer(before: Calls, after: Calls, { count }: Run): Pick<Measurement, 'redisCommands' | 'redisTrips' | 'grpcCalls'> {
  const per = (key: keyof Calls): number => (after[key] - before[key]) / count;
  return { redisCommands: per('redisCommands'), redisTrips: per('redisTrips'), grpcCalls: per('grpc') };
}

function percentile(ascending: Float64Array, percent: number): number {
  return ascending[Math.max(0, Math.ceil((ascending.length * percent) / 100) - 1)] ?? Number.NaN;
}

function drawn(workload: Workload): Query[] {
  return Array.from({ length: compared }, () => workload.next());
}

/** @throws Error with the first answer that is not the reference. */
async function compare(load: Load, queries: readonly Query[], versions: Versions): Promise<void> {
  await load.run(each(queries), {
    listener: (query, body) => {
      const expected = query.answer(versions);
      // Yoga and others may add `extensions`; the data must be the same, to the order of its fields.
      const answer: unknown = { data: JSON.parse(body).data };
      if (!isDeepStrictEqual(answer, expected) || JSON.stringify(answer) !== JSON.stringify(expected)) {
        throw new Error(`answers ${JSON.stringify(answer).slice(0, 500)} and not ${JSON.stringify(expected).slice(0, 500)}`);
      }
    },
  });
}

/** Waits until all answers show what has changed. @throws Error when one does not within five seconds. */
async function settle(load: Load, changed: (owner: string) => Query, services: Services): Promise<void> {
  const versions = await services.versions();
  const queries = [...versions.keys()].map(changed);
  if (versions.size === 0) throw new Error('nothing was changed');
  await waitFor(() => compare(load, queries, versions).then(() => true), { what: 'all answers to show what has changed', timeoutMs: settledWithinMs });
}
