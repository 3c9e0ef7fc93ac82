/**
 * Owns what a program has started and ends it.
 * Invariant: each step is ended once, in reverse order of start, and none can hold up the others beyond its deadline.
 */
import { endsWithin } from './deadline.js';
import type { Logger } from './logger.js';

interface Step {
  name: string;
  deadlineMs: number;
  stop: () => Promise<void> | void;
}

const defaultDeadlineMs = 2_000;

export class Lifecycle {
  readonly #log: Logger;
  readonly #steps: Step[] = [];
  #stopped: Promise<void> | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /**
   * Takes ownership of something that was started.
   * `deadlineMs`: Default 2,000. How long its end may take before the next step goes ahead; an exceeded one is logged.
   */
  own(name: string, stop: Step['stop'], deadlineMs = defaultDeadlineMs): void {
    this.#steps.push({ name, stop, deadlineMs });
  }

  /** Idempotent, also concurrently and after a half-finished start. Never rejects: what fails is logged. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stopAll());
  }

  async #stopAll(): Promise<void> {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      // One after the other: what stops first still uses what was started before it.
      // oxlint-disable-next-line no-await-in-loop
      await this.#stopOne(step);
    }
  }

  async #stopOne({ name, stop, deadlineMs }: Step): Promise<void> {
    const ending = async (): Promise<void> => {
      try {
        await stop();
      } catch (error) {
        this.#log.warn({ step: name, err: error }, 'stopping failed, going on');
      }
    };
    if (!(await endsWithin(deadlineMs, ending()))) this.#log.warn({ step: name, deadlineMs }, 'stopping takes too long, going on');
  }
}

/** Runs `build` with a lifecycle for what it starts; when it throws half-way, what was started is ended before the error is passed on. */
export async function startWith<T>(log: Logger, build: (lifecycle: Lifecycle) => Promise<T>): Promise<T> {
  const lifecycle = new Lifecycle(log);
  try {
    return await build(lifecycle);
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
}
