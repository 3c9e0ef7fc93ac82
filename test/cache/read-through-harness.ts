/**
 * What the tests of the read-through core hold in their hands: an origin whose answers wait until they are let go, a store with some of its
 * methods replaced, and a clock that goes only when it is told to.
 */
import { setImmediate } from 'node:timers/promises';
import type { CacheEvent } from '../../src/cache/cache-events.js';
import type { CacheStore, EntryKey } from '../../src/cache/cache-store.js';
import { MemoryStore } from '../../src/cache/memory-store.js';
import type { ReadThroughOptions } from '../../src/cache/read-through-options.js';
import { ReadThrough } from '../../src/cache/read-through.js';
import type { Time } from '../../src/cache/time.js';
import { waitFor } from '../support/wait.js';

export const avatar: EntryKey = { owner: 'User:1', collection: 'avatars' };

/** An origin with one version of everything, whose answers are held back until the test lets them go. */
export class Origin {
  version = 1;
  readonly calls: (readonly EntryKey[])[] = [];
  failure: Error | undefined;
  held: (() => void)[] = [];
  holding = false;

  readonly load = async (keys: readonly EntryKey[]): Promise<(string | Error)[]> => {
    this.calls.push(keys);
    const answer = keys.map(({ owner, collection }) => this.failure ?? `${owner} ${collection} version ${this.version}`);
    if (this.holding) await new Promise<void>((resolve) => void this.held.push(resolve));
    return answer;
  };

  release(): void {
    for (const letGo of this.held.splice(0)) letGo();
  }

  /** Lets go, and answers at once from now on. */
  letAllGo(): void {
    this.holding = false;
    this.release();
  }
}

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

/** A clock that goes only when the test says so, with loaded dice. */
export class Clock implements Time {
  /** What the dice show. */
  chance = 0;
  #now = 1_000_000;
  readonly #sleepers = new Set<Sleeper>();

  now(): number {
    return this.#now;
  }

  random(): number {
    return this.chance;
  }

  /** How many sleep. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<unknown> {
    return new Promise<void>((resolve) => {
      const sleeper = { until: this.#now + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', () => this.#wake(sleeper), { once: true });
    });
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const sleeper of this.#sleepers) if (sleeper.until <= this.#now) this.#wake(sleeper);
  }

  /** Lets time go by until `work` has ended. Resolves with how many milliseconds that took. */
  async runUntil(work: Promise<unknown>): Promise<number> {
    const start = this.#now;
    let ended = false;
    const end = (): void => void (ended = true);
    void work.then(end, end);
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- one step of time after the other
      await setImmediate();
      if (ended) return this.#now - start;
      this.advance(1);
    }
  }

  #wake(sleeper: Sleeper): void {
    this.#sleepers.delete(sleeper);
    sleeper.wake();
  }
}

export interface TextCacheOptions extends Partial<Omit<ReadThroughOptions<string>, 'store' | 'codec' | 'load' | 'observe'>> {
  store: CacheStore;
  origin: Origin;
  /** What is reported is added here. */
  events: CacheEvent[];
}

/** A cache of the origin's texts, kept for a minute. */
export function textCache({ store, origin, events, ...options }: TextCacheOptions): ReadThrough<string> {
  return new ReadThrough({
    store,
    codec: { encode: (value) => `text:${value}`, decode: decodeText },
    load: origin.load,
    ttlMs: 60_000,
    negativeTtlMs: 60_000,
    isNegative: () => false,
    maxWaitMs: 60_000,
    observe: (event) => void events.push(event),
    ...options,
  });
}

/** One of each, put together, for one test. */
export class Bench {
  readonly origin = new Origin();
  readonly clock = new Clock();
  readonly leaseMs = 5_000;
  readonly store = new MemoryStore({ leaseMs: this.leaseMs, now: () => this.clock.now() });
  readonly events: CacheEvent[] = [];

  cache(options: Partial<TextCacheOptions> = {}): ReadThrough<string> {
    return textCache({ store: this.store, origin: this.origin, events: this.events, time: this.clock, ...options });
  }

  /** Where the answers came from. */
  sources(): string[] {
    return this.events.flatMap((event) => (event.type === 'answered' ? event.source : []));
  }

  /** Resolves when the origin holds so many calls back. */
  held(calls = 1): Promise<unknown> {
    return waitFor(() => this.origin.held.length === calls, { what: `${calls} loads to be under way` });
  }
}

function decodeText(payload: string): string {
  if (!payload.startsWith('text:')) throw new Error('not ours');
  return payload.slice('text:'.length);
}

/** `store` with some of its methods replaced. */
export function withMethods(store: CacheStore, replaced: Partial<CacheStore>): CacheStore {
  return {
    tier: store.tier,
    state: store.state,
    readOrLease: (requests, maxAgeMs) => store.readOrLease(requests, maxAgeMs),
    confirm: (values) => store.confirm(values),
    fill: (fills) => store.fill(fills),
    release: (requests) => store.release(requests),
    invalidate: (owner, collection, cause) => store.invalidate(owner, collection, cause),
    purge: (ownerPrefix) => store.purge(ownerPrefix),
    watch: (watcher) => store.watch(watcher),
    isCoherent: (owner) => store.isCoherent(owner),
    settledMs: store.settledMs,
    putMark: (name, text, ttlMs) => store.putMark(name, text, ttlMs),
    getMark: (name) => store.getMark(name),
    ...replaced,
  };
}
