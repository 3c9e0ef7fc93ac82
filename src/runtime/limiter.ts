/** A bound on how many tasks run at once, with a bounded queue in which none waits longer than its deadline. */

export interface LimiterOptions {
  max: number;
  /** Default 10,000. Tasks that may wait; a further one is refused. */
  maxQueued?: number;
  /** Default 2,000. Milliseconds that a task may wait. */
  maxWaitMs?: number;
}

/** The task was not started: too many others run and wait. */
export class Overloaded extends Error {
  override readonly name = 'Overloaded';
}

export class Limiter {
  readonly #max: number;
  readonly #maxQueued: number;
  readonly #maxWaitMs: number;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor({ max, maxQueued = 10_000, maxWaitMs = 2_000 }: LimiterOptions) {
    this.#max = max;
    this.#maxQueued = maxQueued;
    this.#maxWaitMs = maxWaitMs;
  }

  get running(): number {
    return this.#running;
  }

  /** Runs `task` as soon as there is room, first come first served. @throws Overloaded */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running < this.#max) this.#running += 1;
    else await this.#queue();
    try {
      return await task();
    } finally {
      const [next] = this.#waiting;
      // The place is handed over, not given back: `running` stays as it is.
      if (next) next();
      else this.#running -= 1;
    }
  }

  #queue(): Promise<void> {
    if (this.#waiting.size >= this.#maxQueued) return Promise.reject(new Overloaded('too many tasks wait'));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(start);
        reject(new Overloaded(`no room within ${this.#maxWaitMs} ms`));
      }, this.#maxWaitMs);
      const start = (): void => {
        this.#waiting.delete(start);
        clearTimeout(timer);
        resolve();
      };
      this.#waiting.add(start);
    });
  }
}
