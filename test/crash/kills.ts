/**
 * The kills: planned by the seed, done one after the other, each with a look at what it hit.
 * Invariant: a kill counts for a place in the code only when the process ended itself there.
 */
import { readdir } from 'node:fs/promises';
import { pause } from '../../src/runtime/backoff.js';
import type { Random } from '../soak/random.js';
import { moments, type Failpoint, type Failpoints, type Moment } from './failpoints.js';
import type { KilledService } from './service.js';

export type PlannedKill = { delayMs: number; at: Failpoint | undefined };

export interface Kill {
  /** Undefined: at any moment. */
  moment: Moment | undefined;
  /** The place in the code; empty: any. */
  place: string;
  /** How many uploads it left unfinished on the disk. */
  uploadsHit: number;
}

/** Milliseconds after the service is ready; below zero, in its start. */
const delays = { low: -250, high: 900 };
const usualStartMs = 500;
const placeDeadlineMs = 60_000;

/** `perMoment` in each moment, at its places in turn; the others of `count` anywhere; in any order. */
export function plannedKills(random: Random, { count, perMoment, places }: { count: number; perMoment: number; places: readonly Failpoint[] }): PlannedKill[] {
  const atPlaces = moments.flatMap((moment) => {
    const ofMoment = places.filter((place) => place.moment === moment);
    return ofMoment.length === 0 ? [] : Array.from({ length: perMoment }, (_, index) => ofMoment[index % ofMoment.length]);
  });
  const anywhere = Array.from({ length: Math.max(0, count - atPlaces.length) }, () => undefined);
  return random.shuffled([...atPlaces, ...anywhere]).map((at) => ({ at, delayMs: random.between(at ? 0 : delays.low, at ? delays.high / 2 : delays.high) }));
}

export class Killer {
  readonly kills: Kill[] = [];
  readonly #service: KilledService;
  readonly #failpoints: Failpoints;
  readonly #tmp: string;
  #left: ReadonlySet<string> = new Set();

  /** `tmp`: where unfinished uploads lie. */
  constructor(service: KilledService, failpoints: Failpoints, tmp: string) {
    this.#service = service;
    this.#failpoints = failpoints;
    this.#tmp = tmp;
  }

  /** Kills the service, which was launched, and launches it again. @throws Error when it does not get ready, or an armed place is not reached in a minute. */
  async next({ at, delayMs }: PlannedKill): Promise<void> {
    if (delayMs >= 0) await this.#service.ready();
    await pause(delayMs >= 0 ? delayMs : usualStartMs + delayMs);
    if (at) await this.#dieAt(at.name);
    else await this.#service.kill();
    this.kills.push({ moment: at?.moment, place: at?.name ?? '', uploadsHit: await this.#newLeftovers() });
    await this.#service.launch();
  }

  async #dieAt(name: string): Promise<void> {
    await this.#failpoints.arm(name);
    const deadline = new AbortController();
    await Promise.race([this.#service.gone(), pause(placeDeadlineMs, deadline.signal)]);
    deadline.abort();
    if (await this.#failpoints.disarm(name)) {
      await this.#service.kill();
      throw new Error(`the place ${name} was not reached`);
    }
  }

  async #newLeftovers(): Promise<number> {
    const now = new Set(await readdir(this.#tmp).catch(() => []));
    const added = [...now].filter((name) => !this.#left.has(name));
    this.#left = now;
    return added.length;
  }
}
