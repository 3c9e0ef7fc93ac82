/**
 * Load and what it measures: many clients at once or one again and again, percentiles of durations, a line of figures.
 * Invariant: nothing here knows a bound; figures are compared with others of the same run.
 */
import { pause } from '../../src/runtime/backoff.js';

/** Runs `task` with each number below `count`, `clients` of them at a time; each takes the next number once it is free. Rejects with the first failure. */
export async function inParallel({ clients, count }: { clients: number; count: number }, task: (index: number) => Promise<void>): Promise<void> {
  const indices = Array.from({ length: count }).keys();
  const client = async (): Promise<void> => {
    // One after the other: this loop is one of the clients that share the numbers.
    // oxlint-disable-next-line no-await-in-loop
    for (const index of indices) await task(index);
  };
  await Promise.all(Array.from({ length: clients }, client));
}

export interface Repetition {
  /** Resolves when the last run has ended; rejects with the failure that ended it early. Idempotent. */
  stop(): Promise<void>;
}

/** Runs `work` again and again, with a pause in between, until it is stopped or fails. */
export function repeat(work: () => Promise<unknown>, { pauseMs }: { pauseMs: number }): Repetition {
  const stopping = new AbortController();
  const running = (async () => {
    // One after the other: each run is to see what the one before has done.
    // oxlint-disable-next-line no-await-in-loop
    do await work();
    while (await pause(pauseMs, stopping.signal));
  })();
  // Told to whoever stops it.
  running.catch(() => undefined);
  return {
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}

/** What `work` gives; its duration in milliseconds is added to `durations`. One that rejects is not counted. */
export async function timed<T>(durations: number[], work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  durations.push(performance.now() - start);
  return result;
}

/** The value that `percent` of all values do not exceed; of the values themselves, never between two. @throws Error without values. */
export function percentile(values: readonly number[], percent: number): number {
  const value = values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil((values.length * percent) / 100) - 1)];
  if (value === undefined) throw new Error('there is no percentile of nothing');
  return value;
}

/** Milliseconds in a few words: `p50 1.0, p99 2.5, max 3.0 ms of 400`. */
export function figures(durations: readonly number[]): string {
  const [p50, p99, max] = [50, 99, 100].map((percent) => percentile(durations, percent).toFixed(1));
  return `p50 ${p50}, p99 ${p99}, max ${max} ms of ${durations.length}`;
}

/** One line for whoever reads the run; jest would add a stack to `console`. */
export function report(line: string): void {
  process.stderr.write(`${line}\n`);
}
