/**
 * Runs a task at a time of the local clock, once a day or on one day of the week.
 * Invariant: once each such day, also on those of 23 or 25 hours; a time that a day does not have is the one just after the gap. A time at which
 * the process did not run is not made up for.
 */
import { pause } from '../../runtime/backoff.js';
import type { Logger } from '../../runtime/logger.js';

export interface ClockTime {
  hour: number;
  minute: number;
  /** Default every day. From 0, which is Sunday. */
  weekday?: number;
}

export interface ScheduleOptions {
  /** For the log. */
  name: string;
  at: ClockTime;
  /** What it rejects with is logged. The signal aborts when the task is to end. */
  task: (signal: AbortSignal) => Promise<unknown>;
  log: Logger;
  /** Default the machine's clock. */
  now?: () => Date;
}

/** A clock that is set, or a machine that slept, is noticed after this. */
const maxWaitMs = 60_000;

export class Schedule {
  readonly #options: Required<ScheduleOptions>;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;

  constructor({ now = () => new Date(), ...options }: ScheduleOptions) {
    this.#options = { ...options, now };
    this.#running = this.#run();
  }

  /** Aborts a task that runs, and waits for it. Idempotent, never rejects. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { at, now } = this.#options;
    const { signal } = this.#stopping;
    for (let next = nextTime(now(), at); !signal.aborted; ) {
      const waitMs = next.getTime() - now().getTime();
      // oxlint-disable-next-line no-await-in-loop
      if (waitMs > 0) await pause(Math.min(waitMs, maxWaitMs), signal);
      else {
        // oxlint-disable-next-line no-await-in-loop
        await this.#runTask();
        // After the time that was due: a clock that went back does not bring the same one again.
        next = nextTime(new Date(Math.max(now().getTime(), next.getTime())), at);
      }
    }
  }

  async #runTask(): Promise<void> {
    const { name, task, log } = this.#options;
    const { signal } = this.#stopping;
    try {
      await task(signal);
    } catch (error) {
      if (!signal.aborted) log.error({ err: error, task: name }, 'a scheduled task failed');
    }
  }
}

/** The first moment after `after` at which the local clock shows `at`. */
export function nextTime(after: Date, { hour, minute, weekday }: ClockTime): Date {
  const onDay = (days: number): Date => new Date(after.getFullYear(), after.getMonth(), after.getDate() + days, hour, minute);
  const isDue = (time: Date): boolean => time > after && (weekday === undefined || time.getDay() === weekday);
  // A week from now at the latest.
  for (let days = 0; ; days += 1) if (days === 7 || isDue(onDay(days))) return onDay(days);
}
