import { afterEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { Schedule } from '../../../src/media/upkeep/schedule.js';
import { waitFor } from '../../support/wait.js';

const execute = promisify(execFile);
const built = fileURLToPath(new URL('../../../dist/media/upkeep/schedule.js', import.meta.url));

/** The runs of a month, in a process of its own: the time zone belongs to the process. */
async function runsIn(timeZone: string, from: string, at: { hour: number; minute: number }, count: number): Promise<string[]> {
  const script = `
    const { nextTime } = await import(${JSON.stringify(built)});
    let moment = new Date(${JSON.stringify(from)});
    const runs = [];
    for (let run = 0; run < ${count}; run += 1) runs.push((moment = nextTime(moment, ${JSON.stringify(at)})).toISOString());
    console.log(JSON.stringify(runs));`;
  const { stdout } = await execute(process.execPath, ['--input-type=module', '-e', script], { env: { ...process.env, TZ: timeZone } });
  const runs: unknown = JSON.parse(stdout);
  if (!Array.isArray(runs)) throw new Error('no list of runs');
  return runs.map(String);
}

describe('the time of a scheduled task', () => {
  it('is that of the local clock, also when the clocks change', async () => {
    expect(await runsIn('Europe/Berlin', '2024-03-29T12:00:00Z', { hour: 3, minute: 0 }, 3)).toEqual(['2024-03-30T02:00:00.000Z', '2024-03-31T01:00:00.000Z', '2024-04-01T01:00:00.000Z']);
    expect(await runsIn('Europe/Berlin', '2024-10-26T12:00:00Z', { hour: 3, minute: 0 }, 2)).toEqual(['2024-10-27T02:00:00.000Z', '2024-10-28T02:00:00.000Z']);
  });

  it('comes once on a day that has it not, or twice', async () => {
    // 02:30 does not exist on 31 March, and comes twice on 27 October.
    expect(await runsIn('Europe/Berlin', '2024-03-30T12:00:00Z', { hour: 2, minute: 30 }, 2)).toEqual(['2024-03-31T01:30:00.000Z', '2024-04-01T00:30:00.000Z']);
    expect(await runsIn('Europe/Berlin', '2024-10-26T12:00:00Z', { hour: 2, minute: 30 }, 2)).toEqual(['2024-10-27T00:30:00.000Z', '2024-10-28T01:30:00.000Z']);
    // Midnight is where Brazil's clocks were changed.
    const days = (await runsIn('America/Sao_Paulo', '2018-10-30T12:00:00Z', { hour: 0, minute: 0 }, 10)).map((run) => run.slice(0, 10));
    expect(new Set(days).size).toBe(10);
  });

  it('is tomorrow when it is now, and today when it is still to come', async () => {
    expect(await runsIn('UTC', '2024-02-28T03:00:00.000Z', { hour: 3, minute: 0 }, 3)).toEqual(['2024-02-29T03:00:00.000Z', '2024-03-01T03:00:00.000Z', '2024-03-02T03:00:00.000Z']);
    expect(await runsIn('UTC', '2024-12-31T02:59:59.999Z', { hour: 3, minute: 0 }, 2)).toEqual(['2024-12-31T03:00:00.000Z', '2025-01-01T03:00:00.000Z']);
  });
});

describe('a scheduled task', () => {
  const log = pino({ level: 'silent' });
  const schedules: Schedule[] = [];
  afterEach(() => Promise.all(schedules.splice(0).map((schedule) => schedule.stop())));

  const at = { hour: 3, minute: 0 };
  /** A clock that shows a local time, and goes on from there. */
  const clockAt = (...local: [number, number, number, number, number, number]): (() => Date) => {
    const [start, begun] = [new Date(...local).getTime(), Date.now()];
    return () => new Date(start + Date.now() - begun);
  };

  it('runs when its time comes, once, and not at the start', async () => {
    let runs = 0;
    let now = clockAt(2024, 5, 1, 2, 59, 59);
    const task = (): Promise<void> => {
      runs += 1;
      // The clock is put back a little: that day's time comes again.
      now = clockAt(2024, 5, 1, 2, 59, 59);
      return Promise.resolve();
    };
    const schedule = new Schedule({ name: 'test', at, log, now: () => now(), task });
    schedules.push(schedule);
    expect(runs).toBe(0);
    await waitFor(() => runs === 1, { what: 'the task' });
    await waitFor(() => now().getMinutes() === 0 && now().getSeconds() > 0, { what: 'the time to come again, and pass' });
    await schedule.stop();
    expect(runs).toBe(1);
  });

  it('runs on the next day after it failed', async () => {
    let runs = 0;
    let now = clockAt(2024, 5, 1, 2, 59, 59);
    const lines: string[] = [];
    const told = pino({}, { write: (line: string) => void lines.push(line) });
    const task = (): Promise<never> => {
      runs += 1;
      now = clockAt(2024, 5, 2, 2, 59, 59);
      return Promise.reject(new Error('the disk is full'));
    };
    schedules.push(new Schedule({ name: 'test', at, log: told, now: () => now(), task }));
    await waitFor(() => runs >= 2, { what: 'the second day' });
    expect(lines.join('')).toContain('the disk is full');
  });

  it('aborts its task when it is stopped, and waits for it', async () => {
    let ended = false;
    let begun = false;
    const task = (signal: AbortSignal): Promise<void> =>
      new Promise((resolve) => {
        begun = true;
        signal.addEventListener('abort', () => setImmediate(() => resolve(void (ended = true))));
      });
    const schedule = new Schedule({ name: 'test', at, log, now: clockAt(2024, 5, 1, 2, 59, 59), task });
    schedules.push(schedule);
    await waitFor(() => begun, { what: 'the task' });
    await schedule.stop();
    await schedule.stop();
    expect(ended).toBe(true);
  });
});
