/** The summary as text, for a terminal or a file. */
import { contenders } from '../contenders.js';
import type { Answer, Summary } from './summary.js';

const columns: readonly { head: string; cell: (summary: Summary, floor: Summary | undefined) => string }[] = [
  { head: 'req/s', cell: ({ throughput }) => whole(throughput) },
  { head: 'spread', cell: ({ lowest, highest, throughput }) => `${percent(lowest / throughput - 1)} ${percent(highest / throughput - 1)}` },
  { head: 'rounds', cell: ({ counted, rounds }) => (counted === rounds ? `${rounds}` : `${counted} of ${rounds}`) },
  { head: 'of floor', cell: ({ throughput }, floor) => (floor ? (throughput / floor.throughput).toFixed(2) : '') },
  { head: 'of first', cell: ({ ofFirst }) => (Number.isNaN(ofFirst) ? '' : ofFirst.toFixed(2)) },
  { head: 'p50 ms', cell: ({ p50 }) => p50.toFixed(2) },
  { head: 'p99 ms', cell: ({ p99 }) => p99.toFixed(2) },
  { head: 'CPU µs', cell: ({ cpuMicros }) => whole(cpuMicros) },
  { head: 'per CPU s', cell: ({ cpuMicros }) => whole(1e6 / cpuMicros) },
  { head: 'core', cell: ({ busy }) => `${Math.round(busy * 100)} %` },
  { head: 'others', cell: ({ disturbed }) => `${Math.round(disturbed * 100)} %` },
  { head: 'Redis cmds', cell: ({ redisCommands }) => redisCommands.toFixed(2) },
  { head: 'trips', cell: ({ redisTrips }) => redisTrips.toFixed(2) },
  { head: 'gRPC', cell: ({ grpcCalls }) => grpcCalls.toFixed(2) },
  { head: 'peak MB', cell: ({ peakMb }) => whole(peakMb) },
  { head: 'Redis MB', cell: ({ redisMb }) => whole(redisMb) },
];

export function titleOf(name: string): string {
  return contenders.find((contender) => contender.name === name)?.title ?? name;
}

/** The fastest first. */
export function tableOf({ question, contenders: summaries }: Answer): string {
  const floor = summaries.find(({ contender }) => contender === 'floor');
  const rows = summaries
    .toSorted((a, b) => b.throughput - a.throughput)
    .map((summary) => [titleOf(summary.contender), ...columns.map(({ cell }) => cell(summary, floor))]);
  const lines = [[question, ...columns.map(({ head }) => head)], ...rows];
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  return lines.map((line) => line.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')).join('\n');
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function percent(share: number): string {
  const rounded = Math.round(share * 100);
  return `${rounded < 0 ? '−' : '+'}${Math.abs(rounded)}%`;
}
