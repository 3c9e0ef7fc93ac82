/**
 * The figures of a run while it goes on: durations as histograms, reads by tier, and the same second by second for the picture.
 * Invariant: memory grows with the seconds of the run, not with what is counted.
 */
import type { Tier } from './history.js';

/** Durations in buckets 5 % wide, so that percentiles of any number of them cost nothing. */
export class Histogram {
  readonly #buckets = new Map<number, number>();
  #count = 0;
  #max = 0;

  add(ms: number): void {
    const bucket = Math.ceil(Math.log(Math.max(ms, 0.01)) / Math.log(1.05));
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1);
    this.#count += 1;
    this.#max = Math.max(this.#max, ms);
  }

  /** Milliseconds; 0 without any. */
  percentile(percent: number): number {
    let rest = (this.#count * percent) / 100;
    for (const [bucket, count] of [...this.#buckets].toSorted(([a], [b]) => a - b)) {
      rest -= count;
      if (rest <= 0) return Math.min(this.#max, 1.05 ** bucket);
    }
    return this.#max;
  }

  get summary(): Durations {
    const [p50, p99, max] = [this.percentile(50), this.percentile(99), this.#max].map((ms) => Math.round(ms * 100) / 100);
    return { count: this.#count, p50: p50 ?? 0, p99: p99 ?? 0, max: max ?? 0 };
  }
}

/** Milliseconds. */
export interface Durations {
  count: number;
  p50: number;
  p99: number;
  max: number;
}

export type TierCounts = Record<Tier, number>;
export const noReads = (): TierCounts => ({ hot: 0, confirmed: 0, 'in-process': 0, redis: 0, 'media-service': 0, stale: 0, unknown: 0 });

/** Of those that say where they come from. */
export function cachedShare({ hot: _unsaid, confirmed: _neither, ...counts }: TierCounts): number {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return all === 0 ? 0 : (counts['in-process'] + counts.redis + counts.stale) / all;
}

export interface Second {
  tiers: TierCounts;
  failed: number;
  latency: Durations;
  applied: number;
  /** Milliseconds that the oldest event had been waiting to be applied, at its worst: for so long an older version may have been seen. */
  oldestEventMs: number;
}

/** Reads that the cached share of the moment is taken of. */
const recentReads = 128;

export class Meter {
  startedAt = performance.now();
  readonly seconds: Second[] = [];
  /** While no fault is on and the cache is warm. */
  readonly calm = { tiers: noReads(), latency: new Histogram(), failed: 0 };
  readonly total = { tiers: noReads(), latency: new Histogram(), failed: 0 };
  readonly toApplied = { calm: new Histogram(), total: new Histogram() };
  readonly toFresh = { calm: new Histogram(), total: new Histogram() };
  nearEvents = 0;
  /** Told by whoever makes the faults. */
  isCalm = true;
  readonly #recent: boolean[] = [];
  #forgottenAt = 0;
  #second = { tiers: noReads(), latency: new Histogram(), failed: 0, applied: 0, oldestEventMs: 0 };

  /** The run begins now. */
  start(): void {
    this.startedAt = performance.now();
  }

  read(tier: Tier, { isNearEvent, invokedAt }: { isNearEvent: boolean; invokedAt: number }): void {
    this.total.tiers[tier] += 1;
    this.#second.tiers[tier] += 1;
    if (this.isCalm) this.calm.tiers[tier] += 1;
    if (isNearEvent) this.nearEvents += 1;
    if (invokedAt < this.#forgottenAt || tier === 'hot' || tier === 'confirmed') return;
    this.#recent.push(tier !== 'media-service');
    if (this.#recent.length > recentReads) this.#recent.shift();
  }

  failedRead(): void {
    for (const counts of this.#counts()) counts.failed += 1;
  }

  query(ms: number): void {
    for (const { latency } of this.#counts()) latency.add(ms);
  }

  /** An event was applied so long after it was published; `wasCalm`: then. */
  applied(ms: number, wasCalm: boolean): void {
    this.#second.applied += 1;
    this.toApplied.total.add(ms);
    if (wasCalm && this.isCalm) this.toApplied.calm.add(ms);
  }

  /** So long after an event was published, something older was seen for the last time. */
  fresh(ms: number, wasCalm: boolean): void {
    this.toFresh.total.add(ms);
    if (wasCalm && this.isCalm) this.toFresh.calm.add(ms);
  }

  waiting(oldestEventMs: number): void {
    this.#second.oldestEventMs = Math.max(this.#second.oldestEventMs, oldestEventMs);
  }

  /** Of the last reads that were invoked since `forget`, the share that did not need the media service; 0 while they are too few. */
  get recentShare(): number {
    return this.#recent.length < recentReads ? 0 : this.#recent.filter(Boolean).length / recentReads;
  }

  forget(): void {
    this.#forgottenAt = performance.now();
    this.#recent.length = 0;
  }

  /** To be called each second. */
  nextSecond(): Second {
    const { latency, ...rest } = this.#second;
    const second = { ...rest, latency: latency.summary };
    this.seconds.push(second);
    this.#second = { tiers: noReads(), latency: new Histogram(), failed: 0, applied: 0, oldestEventMs: 0 };
    return second;
  }

  #counts(): { latency: Histogram; failed: number }[] {
    return [this.total, this.#second, ...(this.isCalm ? [this.calm] : [])];
  }
}
