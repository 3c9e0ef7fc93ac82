/**
 * The faults of a run as they were: when each began and was mended, how long the cache stayed cold, and for how long something older may have been seen.
 * It also decides what is calm: no fault is on, and the cache is warm again.
 */
import { pause } from '../../src/runtime/backoff.js';
import type { Events } from './events.js';
import { inject, type Stage } from './faults.js';
import type { History } from './history.js';
import type { Meter } from './meter.js';
import { splitBrain, type FaultKind, type PlannedFault } from './schedule.js';

export interface LoggedFault {
  kind: FaultKind;
  /** Milliseconds since the start of the run. */
  from: number;
  mended: number;
  /** Milliseconds after the mending until the cache answered most reads again. */
  coldMs: number;
  /** Milliseconds that the oldest event was waiting to be applied, at its worst, until the calm. */
  staleWindowMs: number;
}

/** The share of the last reads that is warm. */
const warmShare = 0.7;
/** Beyond it the next fault comes anyway. */
const maxColdMs = 5_000;
const tickMs = 20;
/** After a split brain, how long gateways may take to agree on the master. */
const agreementMs = 1_000;
/** An event that waits no longer than this is on its usual way. */
const calmEventMs = 100;

export interface FaultLogOptions {
  plan: Iterable<PlannedFault>;
  stage: Stage;
  events: Events;
  meter: Meter;
  history: History;
  /** Default nobody. Told of each fault as it begins. */
  began?: (fault: PlannedFault) => void;
}

export class FaultLog {
  readonly faults: LoggedFault[] = [];
  readonly #options: FaultLogOptions;

  constructor(options: FaultLogOptions) {
    this.#options = options;
  }

  /** Makes one fault after the other, until the plan ends or `signal` aborts; the last one is mended. @throws Error when it cannot be. */
  async run(signal: AbortSignal): Promise<void> {
    for (const fault of this.#options.plan) {
      // One after the other.
      // oxlint-disable-next-line no-await-in-loop
      if (!(await pause(fault.calmMs, signal))) return;
      // oxlint-disable-next-line no-await-in-loop
      await this.#make(fault);
    }
  }

  async #make(fault: PlannedFault): Promise<void> {
    const { stage, meter, events, history, began } = this.#options;
    began?.(fault);
    meter.isCalm = false;
    const from = performance.now();
    const shown = fault.kind === splitBrain ? history.hide(from) : undefined;
    let mended = Infinity;
    const injecting = inject(fault, stage).finally(() => {
      mended = performance.now();
      shown?.(mended + agreementMs);
      meter.forget();
    });
    // Told by the await below.
    injecting.catch(() => undefined);
    let staleWindowMs = 0;
    let warm = Infinity;
    const isOver = (now: number): boolean => mended < Infinity && (now - mended > maxColdMs || (warm < Infinity && events.oldestMs < calmEventMs));
    for (let now = from; !isOver(now); now = performance.now()) {
      if (mended < Infinity && meter.recentShare >= warmShare) warm = Math.min(warm, now);
      staleWindowMs = Math.max(staleWindowMs, events.oldestMs);
      // oxlint-disable-next-line no-await-in-loop
      await pause(tickMs);
    }
    await injecting;
    const since = (at: number): number => Math.round(at - meter.startedAt);
    const coldMs = Math.round(Math.min(warm, performance.now()) - mended);
    this.faults.push({ kind: fault.kind, from: since(from), mended: since(mended), coldMs, staleWindowMs: Math.round(staleWindowMs) });
    meter.isCalm = true;
  }
}
