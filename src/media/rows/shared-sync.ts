/**
 * Brings one file to disk for all who have written to it: those that come while a sync goes on share the next one (group commit).
 * Invariant: what a failed sync has lost, no later one brings to disk (https://lwn.net/Articles/752063): after one that failed, all do.
 */
import { close, fdatasync, open } from 'node:fs';
import { promisify } from 'node:util';

const toDisk = promisify(fdatasync);

export class SharedSync {
  readonly #file: number;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  private constructor(file: number) {
    this.#file = file;
  }

  /** @throws Error when there is no such file. */
  static async open(path: string): Promise<SharedSync> {
    return new SharedSync(await promisify(open)(path, 'r+'));
  }

  /** Something was written; `synced` waits for it from now on. */
  written(): void {
    if (this.#running) this.#next ??= this.#running.then(() => this.#begin());
    else void this.#begin();
    // Whoever waits hears of a failure; there may be nobody.
    this.synced().catch(() => undefined);
  }

  /** Resolves when all that was written is on disk, at once when it is. @throws Error when the disk has failed. */
  async synced(): Promise<void> {
    await (this.#next ?? this.#running);
  }

  /** After the last sync. Never rejects. */
  async close(): Promise<void> {
    await this.synced().catch(() => undefined);
    await promisify(close)(this.#file).catch(() => undefined);
  }

  async #sync(): Promise<void> {
    await toDisk(this.#file);
    this.#running = undefined;
  }

  #begin(): Promise<void> {
    this.#next = undefined;
    this.#running = this.#sync();
    return this.#running;
  }
}
