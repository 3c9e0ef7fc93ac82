/**
 * Invalidations that the store has not confirmed to this process, of writes that it or a sibling has taken: kept until it does.
 * Invariant: while an owner is here, this process does not serve it from the store. With siblings, each keeps what any of them has not had
 * confirmed, so that a client reads its own writes at all of them, whichever of them dies.
 */
import { backoffMs } from '../runtime/backoff.js';
import type { EntryKey } from './cache-store.js';
import type { Held, SiblingListener, Siblings, Write } from './siblings.js';
import type { Time } from './time.js';

export interface UnconfirmedOptions {
  /** Rejects when it was not confirmed. */
  invalidate: (owner: string, collection: string | undefined) => Promise<void>;
  /** Drops what this process has copied, and what it is about to copy. */
  drop: (owner: string, collection: string | undefined) => void;
  siblings: Siblings | undefined;
  time: Pick<Time, 'sleep'>;
  /** Default 100,000. Owners that are remembered; once there were more, this process serves nothing from the store until it is started again. */
  maxOwners?: number;
}

export class Unconfirmed implements SiblingListener {
  readonly #options: UnconfirmedOptions;
  readonly #maxOwners: number;
  /** With the number of the last write that is not known to be confirmed. */
  readonly #owners = new Map<string, number>();
  readonly #stopping = new AbortController();
  #writes = 0;
  #overflowed = false;
  #retrying: Promise<void> | undefined;

  constructor(options: UnconfirmedOptions) {
    this.#options = options;
    this.#maxOwners = options.maxOwners ?? 100_000;
    options.siblings?.listen(this);
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

  /**
   * Invalidates the owner's collection, now if the store is there; else the whole owner as soon as it is. Resolves after the first try, when the
   * siblings know; rejects only when one of them may not.
   */
  async invalidate(owner: string, collection: string | undefined): Promise<void> {
    const isAlone = !this.#owners.has(owner);
    // Before the try: a read that comes during it must not be served from the store.
    const write = this.#add(owner);
    let isConfirmed = false;
    try {
      await this.#options.invalidate(owner, collection);
      isConfirmed = true;
    } catch {
      // The retry's.
    }
    // Another write that came before or meanwhile may have been in another collection, or later than what was confirmed: the retry's, too.
    if (!isConfirmed || !isAlone || !this.#confirm(owner, write)) this.#beginRetry();
    await this.#options.siblings?.tell({ owner, collection, isConfirmed });
  }

  wrote({ owner, collection, isConfirmed }: Write): void {
    if (isConfirmed) this.#options.drop(owner, collection);
    else this.hold([owner]);
  }

  held(): Held {
    return this.#overflowed ? 'everything' : [...this.#owners.keys()];
  }

  hold(owners: Held): void {
    if (owners === 'everything') this.#overflowed = true;
    else for (const owner of owners) this.#add(owner);
    this.#beginRetry();
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

  #beginRetry(): void {
    // One that has nothing to do would be over before it is known that it runs, and taken for one that does.
    if (this.#owners.size > 0) this.#retrying ??= this.#retry();
  }

  async #retry(): Promise<void> {
    for (let failures = 0; this.#owners.size > 0 && !this.#stopping.signal.aborted; ) {
      const [[owner, write] = ['', 0]] = this.#owners;
      try {
        // One after the other: the first that fails says that the store is still away.
        // oxlint-disable-next-line no-await-in-loop
        await this.#options.invalidate(owner, undefined);
        this.#confirm(owner, write);
        failures = 0;
      } catch {
        failures += 1;
        // oxlint-disable-next-line no-await-in-loop
        await this.#options.time.sleep(backoffMs(failures, { maxMs: 500 }), this.#stopping.signal);
      }
    }
    this.#retrying = undefined;
  }
}
