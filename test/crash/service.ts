/**
 * The media service that is killed: one process after the other, on the same addresses and the same data.
 * Invariant: the next process starts only when the one before is gone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { startProcess, type RunningProcess } from '../support/processes.js';
import { freePort, waitFor } from '../support/wait.js';

export interface ServiceRecipe {
  /** `…/media/main.js`. */
  script: string;
  env: Readonly<Record<string, string>>;
}

/** Not started yet. */
export async function mediaService(recipe: ServiceRecipe): Promise<KilledService> {
  return new KilledService(recipe, { grpc: await freePort(), http: await freePort() });
}

export class KilledService {
  readonly grpcAddress: string;
  readonly url: string;
  readonly #recipe: ServiceRecipe;
  #process: RunningProcess | undefined;

  constructor(recipe: ServiceRecipe, { grpc, http }: { grpc: number; http: number }) {
    this.#recipe = recipe;
    this.grpcAddress = `127.0.0.1:${grpc}`;
    this.url = `http://127.0.0.1:${http}`;
  }

  /** Resolves when the process runs; it may not answer yet. */
  async launch(): Promise<void> {
    this.#process = await startProcess({
      command: process.execPath,
      args: [this.#recipe.script],
      env: { LOG_LEVEL: 'warn', ...this.#recipe.env, MEDIA_GRPC_ADDR: this.grpcAddress, MEDIA_HTTP_ADDR: this.url.slice('http://'.length) },
    });
  }

  /** Resolves once calls are answered. @throws Error with the last lines of a process that has ended, or does not get ready. */
  async ready(): Promise<void> {
    const ended = new AbortController();
    void this.gone().then(() => ended.abort(new Error(`the media service has ended:\n${this.logs()}`)));
    const answers = async (): Promise<boolean> => (await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(1_000) })).ok;
    await waitFor(answers, { what: 'the media service to be ready', timeoutMs: 30_000, signal: ended.signal });
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#process?.signal('SIGKILL');
    await this.gone();
  }

  /** Starts it and kills it, so many times, at a random moment of at most `longestLifeMs` after it is ready; then starts it for good. */
  async killAgainAndAgain(kills: number, longestLifeMs = 700): Promise<void> {
    for (let killed = 0; killed < kills; killed += 1) {
      // One life after the other.
      // oxlint-disable no-await-in-loop
      await this.launch();
      await this.ready();
      await sleep(Math.random() * longestLifeMs);
      await this.kill();
      // oxlint-enable no-await-in-loop
    }
    await this.launch();
    await this.ready();
  }

  /** Resolves when the process has ended. */
  async gone(): Promise<void> {
    await this.#process?.exited;
  }

  /** The last lines of the process. */
  logs(): string {
    return this.#process?.logs() ?? '';
  }

  /** Ends it as an operator does. Idempotent. */
  async stop(): Promise<void> {
    await this.#process?.stop();
  }
}
