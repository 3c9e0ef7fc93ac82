/** The report of a proof: its figures, in an object that is written as JSON, and as the lines that a terminal shows. */
import type { Check } from './checks.js';
import { moments, type Moment } from './failpoints.js';
import type { Outcome } from './run.js';

export interface Report {
  database: Outcome['database'];
  seed: string;
  seconds: number;
  kills: {
    total: number;
    /** Shares from 0 to 1. */
    hitAnUpload: number;
    atMoments: Record<Moment, number>;
    atPlaces: Record<string, number>;
    anywhere: number;
  };
  uploads: { asked: number; acknowledged: number; sentAgain: number; thereWithoutAnswer: number; notThereWithoutAnswer: number };
  deletions: { asked: number; acknowledged: number };
  events: { committed: number; published: number; repeated: number };
  rows: number;
  blobs: number;
  /** Of the rows, those whose bytes another row has too. */
  rowsWithSharedBytes: number;
  checks: readonly { promise: string; looked: number; violations: number }[];
  /** The first ones, in words. */
  violations: readonly string[];
}

const toldViolations = 10;

export function summarize({ database, seed, durationMs, kills, evidence, checks }: Outcome): Report {
  const { ledger, rows, events, outbox, stored } = evidence;
  const known = new Set(rows.map(({ file_name: fileName }) => fileName));
  const acknowledged = ledger.uploads.filter((upload) => upload.acknowledged);
  const unanswered = ledger.uploads.filter((upload) => !upload.acknowledged);
  const deletions = [...ledger.deletions.values()];
  const places = [...new Set(kills.map(({ place }) => place))].filter((place) => place !== '').toSorted();
  return {
    database,
    seed,
    seconds: Math.round(durationMs / 1000),
    kills: {
      total: kills.length,
      hitAnUpload: Math.round((1000 * kills.filter(({ uploadsHit }) => uploadsHit > 0).length) / Math.max(1, kills.length)) / 1000,
      atMoments: countsOf(moments, (moment) => kills.filter((kill) => kill.moment === moment).length),
      atPlaces: countsOf(places, (place) => kills.filter((kill) => kill.place === place).length),
      anywhere: kills.filter(({ moment }) => moment === undefined).length,
    },
    uploads: {
      asked: ledger.uploads.length,
      acknowledged: acknowledged.length,
      sentAgain: ledger.uploads.filter(({ attempts }) => attempts > 1).length,
      thereWithoutAnswer: unanswered.filter(({ fileName }) => known.has(fileName)).length,
      notThereWithoutAnswer: unanswered.filter(({ fileName }) => !known.has(fileName)).length,
    },
    deletions: { asked: deletions.length, acknowledged: deletions.filter((deletion) => deletion.acknowledged).length },
    events: { committed: outbox.length, published: events.length, repeated: events.length - new Set(events.map((event) => event.event_id)).size },
    rows: rows.length,
    blobs: stored.size,
    rowsWithSharedBytes: rows.length - new Set(rows.map(({ sha256 }) => sha256)).size,
    checks: checks.map(({ promise, looked, violations }) => ({ promise, looked, violations: violations.length })),
    violations: checks.flatMap(describeCheck).slice(0, toldViolations),
  };
}

function countsOf<Key extends string>(keys: readonly Key[], count: (key: Key) => number): Record<Key, number> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- fromEntries forgets the type of the keys
  return Object.fromEntries(keys.map((key) => [key, count(key)])) as Record<Key, number>;
}

export function violationsOf(checks: readonly Check[]): string[] {
  return checks.flatMap(describeCheck);
}

function describeCheck({ promise, violations }: Check): string[] {
  return violations.map((violation) => `broken: ${promise}: ${violation}`);
}

export function linesOf(report: Report): string[] {
  const { kills, uploads, deletions, events } = report;
  return [
    `${report.database}, seed ${report.seed}, ${report.seconds} seconds`,
    `kills        ${kills.total}, ${(kills.hitAnUpload * 100).toFixed(1)} % of them hit an upload in flight; ${kills.anywhere} at any moment`,
    ...Object.entries(kills.atMoments).map(([moment, count]) => `             ${String(count).padStart(4)} ${moment}`),
    ...Object.entries(kills.atPlaces).map(([place, count]) => `             ${String(count).padStart(4)} at the place ${place}`),
    `uploads      ${uploads.asked} asked for, ${uploads.acknowledged} acknowledged, ${uploads.sentAgain} sent more than once`,
    `             without an answer: ${uploads.thereWithoutAnswer} there, ${uploads.notThereWithoutAnswer} not`,
    `deletions    ${deletions.asked} asked for, ${deletions.acknowledged} acknowledged`,
    `events       ${events.committed} committed, ${events.published} published, ${events.repeated} of them again`,
    `at the end   ${report.rows} rows, ${report.blobs} blobs, ${report.rowsWithSharedBytes} rows with the bytes of another`,
    ...report.checks.map(({ promise, looked, violations }) => `${violations === 0 ? 'holds   ' : 'BROKEN  '} ${promise} (${looked} looked at${violations === 0 ? '' : `, ${violations} broken`})`),
    ...report.violations,
  ];
}
