/** What a question is: whom it asks, what it asks them, and what happens meanwhile. */
import type { Contender, RunningContender } from '../contenders.js';
import type { Query } from '../data.js';
import type { Random } from '../random.js';
import type { Services } from '../services.js';

export interface Question {
  /** For `--question`; variants of one question share it. */
  readonly name: string;
  /** For the tables; different for each variant. */
  readonly title: string;
  /** Part of `--quick`. */
  readonly quick: boolean;
  /** Default 32. Each waits for its answer before it asks again. */
  readonly connections?: number;
  /**
   * Default: each measurement has a gateway of its own. Else one gateway answers all variants with the same name here, until the last round, and what it
   * has stored in Redis is there for the next: what takes minutes is filled once.
   */
  readonly stays?: string;
  /** Default false. Contenders have all their rounds one after the other, instead of turns in each round: where gateways that stay would disturb each other. */
  readonly alone?: boolean;
  /** Seconds for which a gateway is asked beforehand, with what happens beside. */
  readonly warming?: Warming;
  suits(contender: Contender): boolean;
  /** Called once per gateway. */
  begin(on: Stage): Workload;
}

export interface Warming {
  /** Before its first measurement; default: half as long as that, and at least two. */
  readonly first: number;
  /** Before each later one of a gateway that stays; default: a quarter. */
  readonly again: number;
}

export interface Stage {
  readonly random: Random;
  readonly gateway: RunningContender;
  readonly services: Services;
}

export interface Workload {
  /** The next query, drawn at random. */
  next(): Query;
  /** Asked once each, before anything is measured, of contenders that keep what they have read. */
  readonly fill?: Iterable<Query>;
  /** Begins what happens beside the reads, warming included. Resolves with what ends it; rejections there fail the measurement. */
  readonly beside?: () => Promise<() => Promise<void>>;
  /** Asks for what has changed: at the end the answers must show it. Only where something changes. */
  readonly changed?: (owner: string) => Query;
}

/** The ids of the first `count` users. */
export function firstIds(count: number): string[] {
  return Array.from({ length: count }, (_, id) => String(id));
}

/** Everyone but the process that only shows what a miss costs, and those who are asked only how they scale. */
export function everyone({ kind, onAllCores = false }: Contender): boolean {
  return kind !== 'bare' && !onAllCores;
}

/** Those who have services to ask: the floor never misses. */
export function everyoneWhoMisses(contender: Contender): boolean {
  return everyone(contender) && contender.kind !== 'floor';
}

/** Those who have something to drop, and do. */
export function everyoneWhoInvalidates(contender: Contender): boolean {
  return everyoneWhoMisses(contender) && contender.invalidates;
}
