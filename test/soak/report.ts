/** The report of a soak: its figures, in an object that is written as JSON, and as the lines that a terminal shows. */
import type { LoggedFault } from './fault-log.js';
import type { CheckedPromise, Fact, Violation } from './history.js';
import { cachedShare, type Durations, type TierCounts } from './meter.js';
import { faultKinds, type FaultKind } from './schedule.js';
import type { Outcome } from './soak.js';

export interface FaultSummary {
  kind: FaultKind;
  count: number;
  /** Milliseconds from the mending until the cache answered most reads again. */
  coldMs: { median: number; max: number };
  /** Milliseconds that the oldest event waited to be applied. */
  staleWindowMs: { median: number; max: number };
}

/** Durations in milliseconds, shares from 0 to 1. `calm` is while no fault is on and the cache is warm. */
export interface Report {
  seed: string;
  minutes: number;
  checkedReads: number;
  checkedReadsAtRest: number;
  failedReads: { calm: number; total: number };
  violations: number;
  brokenPromises: Partial<Record<CheckedPromise, number>>;
  /** With 95 % confidence, of all such reads no larger share is wrong (rule of three); when none was found. */
  bound: number | undefined;
  stepsBack: number;
  withinLease: { reads: number; oldestMs: number };
  eventsApplied: number;
  eventToApplied: { calm: Durations; total: Durations };
  /** From its publishing until the last read that still saw something older was invoked; of events whose key was read at that time. */
  eventToFresh: { calm: Durations; total: Durations };
  queries: { calm: Durations; total: Durations };
  shares: { calm: Record<keyof TierCounts, number>; total: Record<keyof TierCounts, number> };
  cachedShare: { calm: number; total: number };
  /** Of reads within 50 ms of an event on their key. */
  nearEvents: number;
  refusedFills: number;
  origin: { calls: number; entries: number };
  faults: FaultSummary[];
}

export function summarize({ seed, durationMs, violations, faults, readsAtRest, refusedFills, world: { history, meter, origin, events } }: Outcome): Report {
  const { reads, violations: found, stepsBack, withinLease, oldestWithinLeaseMs } = history.counts;
  const { calm, total } = meter;
  return {
    seed,
    minutes: round(durationMs / 60_000, 2),
    checkedReads: sumOf(total.tiers),
    checkedReadsAtRest: readsAtRest,
    failedReads: { calm: calm.failed, total: total.failed },
    violations: found,
    brokenPromises: Object.fromEntries([...new Set(violations.map(({ promise }) => promise))].map((promise) => [promise, violations.filter((violation) => violation.promise === promise).length])),
    bound: found === 0 && reads > 0 ? 3 / sumOf(total.tiers) : undefined,
    stepsBack,
    withinLease: { reads: withinLease, oldestMs: round(oldestWithinLeaseMs, 1) },
    eventsApplied: events.appliedCount,
    eventToApplied: { calm: meter.toApplied.calm.summary, total: meter.toApplied.total.summary },
    eventToFresh: { calm: meter.toFresh.calm.summary, total: meter.toFresh.total.summary },
    queries: { calm: calm.latency.summary, total: total.latency.summary },
    shares: { calm: sharesOf(calm.tiers), total: sharesOf(total.tiers) },
    cachedShare: { calm: round(cachedShare(calm.tiers), 4), total: round(cachedShare(total.tiers), 4) },
    nearEvents: round(meter.nearEvents / Math.max(1, sumOf(total.tiers)), 4),
    refusedFills,
    origin: { ...origin.counts },
    faults: [...new Set<FaultKind>([...faultKinds, ...faults.map(({ kind }) => kind)])].map((kind) => {
      const ofKind = faults.filter((fault) => fault.kind === kind);
      return { kind, count: ofKind.length, coldMs: spreadOf(ofKind.map(({ coldMs }) => coldMs)), staleWindowMs: spreadOf(ofKind.map(({ staleWindowMs }) => staleWindowMs)) };
    }),
  };
}

export function linesOf(report: Report): string[] {
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  const tiers = (shares: Record<string, number>): string => Object.entries(shares).map(([tier, share]) => `${tier} ${percent(share)}`).join(', ');
  const durations = ({ p50, p99, max }: Durations): string => `p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`;
  const bothOf = ({ calm, total }: { calm: Durations; total: Durations }): string => `${durations(calm)} in the calm; ${durations(total)} in all`;
  return [
    `seed                ${report.seed}, ${report.minutes} minutes`,
    `checked reads       ${report.checkedReads}, and ${report.checkedReadsAtRest} at rest; ${report.failedReads.total} failed, ${report.failedReads.calm} of them in the calm`,
    `violations          ${report.violations}${report.bound === undefined ? '' : `; with 95 % confidence fewer than ${report.bound.toExponential(1)} of such reads are wrong (3/n)`}`,
    `steps back          ${report.stepsBack}, behind answers of the media service whose event was not applied yet`,
    `within δ            ${report.withinLease.reads} in-process answers older than an applied event, by ${report.withinLease.oldestMs} ms at most`,
    `events applied      ${report.eventsApplied}`,
    `event to applied    ${bothOf(report.eventToApplied)}`,
    `event to fresh      ${bothOf(report.eventToFresh)}`,
    `queries             ${bothOf(report.queries)}`,
    `answered by         in the calm: ${tiers(report.shares.calm)}`,
    `                    in all: ${tiers(report.shares.total)}`,
    `from the cache      ${percent(report.cachedShare.calm)} in the calm, ${percent(report.cachedShare.total)} in all`,
    `near an event       ${percent(report.nearEvents)} of the reads, within 50 ms`,
    `refused fills       ${report.refusedFills}`,
    `origin              ${report.origin.calls} calls for ${report.origin.entries} entries`,
    ...report.faults.map(
      ({ kind, count, coldMs, staleWindowMs }) =>
        `${String(count).padStart(4)} × ${kind.padEnd(28)} cold ${coldMs.median} ms (max ${coldMs.max}), stale window ${staleWindowMs.median} ms (max ${staleWindowMs.max})`,
    ),
  ];
}

/** Milliseconds before a violation of which the faults are told with it. */
const toldFaultsMs = 10_000;

/** A violation in full: what was seen, what was promised, the faults of the time, and all that is remembered of the key. Times count from the start of the run. */
export function describeViolation({ promise, read, expected, story }: Violation, { startedAt, faults }: { startedAt: number; faults: readonly LoggedFault[] }): string[] {
  const at = (time: number): string => `${(time - startedAt).toFixed(2)} ms`;
  const tell = (fact: Fact): string => {
    switch (fact.kind) {
      case 'commit':
        return `${at(fact.committedAt)} origin commits version ${fact.version}${fact.deletion ? ', a deletion' : ''}`;
      case 'applied':
        return `${at(fact.appliedAt)} the event of version ${fact.version} is applied`;
      case 'own write':
        return `${at(fact.answeredAt)} ${fact.client} has the answer of ${fact.gateway} to its write of version ${fact.version}`;
      default:
        return `${at(fact.invokedAt)} to ${at(fact.respondedAt)} ${fact.client} reads version ${fact.version} of ${fact.entry} from ${fact.tier} of ${fact.gateway}, generation ${fact.generation || 'unknown'}`;
    }
  };
  return [
    `broken: ${promise}. ${read.key}: ${read.client} read version ${read.version} from ${read.tier} of ${read.gateway} at ${at(read.invokedAt)}, at least ${expected} was right`,
    ...faults
      .filter(({ from, mended }) => from < read.respondedAt - startedAt && mended > read.invokedAt - startedAt - toldFaultsMs)
      .map(({ kind, from, mended }) => `  ${from} ms to ${mended} ms fault: ${kind}`),
    ...story.map((fact) => `  ${tell(fact)}`),
  ];
}

function sumOf(counts: TierCounts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function sharesOf(counts: TierCounts): Record<keyof TierCounts, number> {
  const share = (tier: keyof TierCounts): number => round(counts[tier] / Math.max(1, sumOf(counts)), 4);
  return { hot: share('hot'), confirmed: share('confirmed'), 'in-process': share('in-process'), redis: share('redis'), 'media-service': share('media-service'), stale: share('stale'), unknown: share('unknown') };
}

function spreadOf(values: readonly number[]): { median: number; max: number } {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)] ?? 0, max: sorted.at(-1) ?? 0 };
}

function round(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
