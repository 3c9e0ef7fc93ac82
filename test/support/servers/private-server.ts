/**
 * A real server of a test's own: a child process on a free port with a directory of its own, which a test may stop,
 * freeze and start again. Invariant: address and data stay the same from the first start to `stop()`.
 * What is run, and when it answers, is left to redis.ts, rabbitmq.ts and postgres.ts.
 */
import { connect } from 'node:net';
import type { RunningProcess } from '../processes.js';
import type { TempDir } from '../wait.js';

export interface ServerRecipe {
  name: string;
  url: string;
  port: number;
  dir: TempDir;
  /** Starts the process and resolves when it answers. */
  launch(): Promise<RunningProcess>;
  /** Default SIGTERM. Asks the server to shut down properly, for `restart()`. */
  gracefulSignal?: NodeJS.Signals;
  /** Default SIGKILL. Ends it when its data is thrown away. */
  finalSignal?: NodeJS.Signals;
  /** Ends what the server needs beside itself. */
  release?(): Promise<unknown>;
}

/** @throws Error with the server's last lines when it does not start; nothing stays behind then. */
export async function startServer(recipe: ServerRecipe): Promise<PrivateServer> {
  const server = new PrivateServer(recipe);
  try {
    await server.start();
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

export class PrivateServer {
  readonly host = '127.0.0.1';
  readonly #recipe: ServerRecipe;
  #running: Promise<RunningProcess> | undefined;
  #pid: number | undefined;
  #stopping: Promise<void> | undefined;

  constructor(recipe: ServerRecipe) {
    this.#recipe = recipe;
  }

  get url(): string {
    return this.#recipe.url;
  }

  get port(): number {
    return this.#recipe.port;
  }

  /** @throws Error while the server is down. */
  get pid(): number {
    if (this.#pid === undefined) throw new Error(`${this.#recipe.name} is down`);
    return this.#pid;
  }

  /**
   * Starts the server, again after `kill()`, on the same port and data; resolves when it answers. Idempotent.
   * @throws Error with the server's last lines; after `stop()`, which has removed the data.
   */
  async start(): Promise<void> {
    if (this.#stopping) throw new Error(`${this.#recipe.name} was stopped for good; take kill() and start() for an outage`);
    this.#running ??= this.#launch();
    await this.#running;
  }

  /** Ends the process and waits until it is gone; the data is kept for `start()`. Idempotent. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const running = await this.#running?.catch(() => undefined);
    running?.signal(signal);
    await running?.stop();
    this.#running = undefined;
    this.#pid = undefined;
  }

  /** Shuts the server down properly and starts it again. */
  async restart(): Promise<void> {
    await this.kill(this.#recipe.gracefulSignal ?? 'SIGTERM');
    await this.start();
  }

  /** Freezes the process (SIGSTOP): its sockets stay open, and nothing answers. */
  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** The server's last lines of output since its start. */
  async logs(): Promise<string> {
    return (await this.#running)?.logs() ?? '';
  }

  /** Ends the server for good and removes its data. Idempotent, and safe when it is down or frozen. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  async #launch(): Promise<RunningProcess> {
    try {
      const running = await this.#recipe.launch();
      this.#pid = running.pid;
      return running;
    } catch (error) {
      this.#running = undefined;
      throw error;
    }
  }

  async #stop(): Promise<void> {
    await this.kill(this.#recipe.finalSignal);
    await this.#recipe.release?.();
    await this.#recipe.dir.remove();
  }
}

/**
 * Sends `bytes` to a local port, and resolves with the first bytes that come back. @throws Error when the port is closed
 * or silent for a second.
 */
export function exchange(port: number, bytes: Uint8Array | string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.setTimeout(1_000, () => socket.destroy(new Error(`port ${port} is silent`)));
    socket.once('connect', () => socket.write(bytes));
    socket.once('data', (answer) => {
      resolve(answer);
      socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`port ${port} closed the connection`)));
  });
}
