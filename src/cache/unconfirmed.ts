/**
 * Invalidations that the store has not confirmed, of writes that this process has taken: kept until it does.
 * Invariant: while an owner is here, this process does not serve it from the store, so its clients read their own writes.
 */
import { backoffMs } from '../runtime/backoff.js';
import type { Time } from './time.js';

export interface UnconfirmedOptions {
  /** Rejects when it was not confirmed. */
  invalidate: (owner: string, collection: string | undefined) => Promise<void>;
  time: Pick<Time, 'sleep'>;
  /** Default 100,000. Owners that are remembered; once there were more, this process serves nothing from the store until it is started again. */
  maxOwners?: number;
}

export class Unconfirmed {
  readonly #invalidate: UnconfirmedOptions['invalidate'];
  readonly #time: UnconfirmedOptions['time'];
  readonly #maxOwners: number;
  readonly #owners = new Set<string>();
  readonly #stopping = new AbortController();
  #overflowed = false;
  #retrying: Promise<void> | undefined;

  constructor({ invalidate, time, maxOwners = 100_000 }: UnconfirmedOptions) {
    this.#invalidate = invalidate;
    this.#time = time;
    this.#maxOwners = maxOwners;
  }

  /** True while the store may hold something of this owner that is older than a write. */
  covers(owner: string): boolean {
    return this.#overflowed || this.#owners.has(owner);
  }

  /** Invalidates the owner's collection, now if the store is there; else the whole owner as soon as it is. Resolves after the first try; never rejects. */
  async invalidate(owner: string, collection: string | undefined): Promise<void> {
    // Before the try: a read that comes during it must not be served from the store.
    const pending = this.#owners.has(owner);
    this.#add(owner);
    try {
      await this.#invalidate(owner, collection);
      // What an earlier write left unconfirmed is the retry's: that one may have been in another collection.
      if (!pending) this.#owners.delete(owner);
    } catch {
      this.#add(owner);
      this.#retrying ??= this.#retry();
    }
  }

  /** Gives up what is unconfirmed. Idempotent, never rejects. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#retrying;
  }

  #add(owner: string): void {
    if (this.#owners.size < this.#maxOwners) this.#owners.add(owner);
    else this.#overflowed = true;
  }

  async #retry(): Promise<void> {
    for (let failures = 0; this.#owners.size > 0 && !this.#stopping.signal.aborted; ) {
      const [owner = ''] = this.#owners;
      try {
        // One after the other: the first that fails says that the store is still away.
        // oxlint-disable-next-line no-await-in-loop
        await this.#invalidate(owner, undefined);
        this.#owners.delete(owner);
        failures = 0;
      } catch {
        failures += 1;
        // oxlint-disable-next-line no-await-in-loop
        await this.#time.sleep(backoffMs(failures, { maxMs: 500 }), this.#stopping.signal);
      }
    }
    this.#retrying = undefined;
  }
}
