/**
 * Threads that explore scenarios: the searches wait for one that is free, in the order in which they were asked for.
 * The first thread that dies takes all searches with it.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Result, Task } from './search-worker.js';

export class Searchers {
  readonly #workers: readonly Worker[];
  readonly #free: Worker[];
  readonly #waiting: ((worker: Worker) => void)[] = [];
  readonly #death: Promise<never>;

  constructor(module: string, threads: number) {
    this.#workers = Array.from({ length: threads }, () => new Worker(module));
    this.#free = [...this.#workers];
    this.#death = Promise.race(
      this.#workers.map(async (worker): Promise<never> => {
        const [error]: unknown[] = await once(worker, 'error');
        throw error;
      }),
    );
    this.#death.catch(() => undefined);
  }

  /** Rejects when a thread dies. */
  search(task: Task): Promise<Result> {
    return Promise.race([this.#search(task), this.#death]);
  }

  /** Ends also a thread that is caught in an endless loop. Searches that are under way never end then. */
  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  async #search(task: Task): Promise<Result> {
    const worker = this.#free.pop() ?? (await new Promise<Worker>((resolve) => this.#waiting.push(resolve)));
    const result = await new Promise<Result>((resolve) => {
      worker.once('message', resolve);
      // oxlint-disable-next-line require-post-message-target-origin -- of threads, not of windows
      worker.postMessage(task);
    });
    const next = this.#waiting.shift();
    if (next) next(worker);
    else this.#free.push(worker);
    return result;
  }
}
