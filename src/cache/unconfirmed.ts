/**
 * Invalidations that the store has not confirmed, of writes that this process has taken: kept until it does.
 * Invariant: while an owner is here, this process does not serve it from the store, so its clients read their own writes.
 */
import { backoffMs } from '../runtime/backoff.js';
import type { EntryKey } from './cache-store.js';
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
  /** With the number of the last write that is not known to be confirmed. */
  readonly #owners = new Map<string, number>();
  readonly #stopping = new AbortController();
  #writes = 0;
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

  /** True while it covers no owner at all, as nearly always. */
  get isEmpty(): boolean {
    return !this.#overflowed && this.#owners.size === 0;
  }

  /** The same of any of these. */
  coversAny(keys: readonly EntryKey[]): boolean {
    return !this.isEmpty && keys.some(({ owner }) => this.covers(owner));
  }

  /** Invalidates the owner's collection, now if the store is there; else the whole owner as soon as it is. Resolves after the first try; never rejects. */
  async invalidate(owner: string, collection: string | undefined): Promise<void> {
    const isAlone = !this.#owners.has(owner);
    // Before the try: a read that comes during it must not be served from the store.
    const write = this.#add(owner);
    try {
      await this.#invalidate(owner, collection);
      if (isAlone && this.#confirm(owner, write)) return;
      // Another write came before or meanwhile, and may have been in another collection or later than what was confirmed: the retry's.
    } catch {
      // The retry's.
    }
    // One that has nothing to do would be over before it is known that it runs, and taken for one that does.
    if (this.#owners.size > 0) this.#retrying ??= this.#retry();
  }

  /** Gives up what is unconfirmed. Idempotent, never rejects. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#retrying;
  }

  #add(owner: string): number {
    this.#writes += 1;
    if (this.#owners.size < this.#maxOwners || this.#owners.has(owner)) this.#owners.set(owner, this.#writes);
    else this.#overflowed = true;
    return this.#writes;
  }

  /** An invalidation that was sent when `write` was the last one has been confirmed. False when there has been another since. */
  #confirm(owner: string, write: number): boolean {
    return this.#owners.get(owner) === write && this.#owners.delete(owner);
  }

  async #retry(): Promise<void> {
    for (let failures = 0; this.#owners.size > 0 && !this.#stopping.signal.aborted; ) {
      const [[owner, write] = ['', 0]] = this.#owners;
      try {
        // One after the other: the first that fails says that the store is still away.
        // oxlint-disable-next-line no-await-in-loop
        await this.#invalidate(owner, undefined);
        this.#confirm(owner, write);
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
