/**
 * The world of a scenario: processes with the real read-through core, one store that they share, one origin, and a clerk who notes
 * what must not be unlearned. Store, origin and time are operations of the schedule.
 */
import type { CacheStore, EntryKey } from '../../../src/cache/cache-store.js';
import type { MemoryStore as MemoryStoreClass } from '../../../src/cache/memory-store.js';
import type { ReadThrough as ReadThroughClass } from '../../../src/cache/read-through.js';
import type { Schedule } from './explorer.js';

/** The modules under test: the product's, or mutants of them. */
export interface Subject {
  ReadThrough: typeof ReadThroughClass;
  MemoryStore: typeof MemoryStoreClass;
}

export const avatar: EntryKey = { owner: 'User:1', collection: 'avatars' };

const leaseMs = 1_000;

/** Narrows a scenario to where it is interesting: the actor begins only after the schedule has picked what has this label. */
interface Order {
  after?: string;
}

export class World {
  readonly #schedule: Schedule;
  readonly #subject: Subject;
  readonly #store: MemoryStoreClass;
  #now = 0;
  /** Of the origin. */
  #version = 1;
  /** The highest version whose event has been applied. */
  #applied = 1;
  /** Counts what changes the store: a poll is made only when something has, or a run would never end. */
  #changes = 0;
  /** Calls to the origin, in total. */
  originCalls = 0;

  constructor(schedule: Schedule, subject: Subject) {
    this.#schedule = schedule;
    this.#subject = subject;
    this.#store = new subject.MemoryStore({ leaseMs, now: () => this.#now });
  }

  /** A gateway process of its own: its own core on the common store. */
  process(name: string): ReadThroughClass<number> {
    let seen = 0;
    const sleep = (): Promise<void> => this.#schedule.moment(`${name}: poll`, () => undefined, () => this.#changes > seen);
    return new this.#subject.ReadThrough({
      store: this.#remoteStore(name, () => (seen = this.#changes)),
      codec: { encode: String, decode: Number },
      load: (keys) =>
        this.#schedule.call(`${name}: load`, () => {
          this.originCalls += 1;
          return keys.map(() => this.#version);
        }),
      ttlMs: () => 1_000_000,
      maxWaitMs: 1_000_000,
      observe: () => undefined,
      time: { now: () => this.#now, sleep },
    });
  }

  /** Reads, at any time; what it gets must be as new as every event that was applied before it asked. */
  reader(name: string, process: ReadThroughClass<number>, { times = 1, after }: { times?: number } & Order = {}): void {
    this.#schedule.start(async () => {
      let seen = 0;
      for (let time = 1; time <= times; time += 1) {
        await this.#schedule.moment(`${name} asks`, () => undefined, this.#afterwards(after));
        const known = Math.max(this.#applied, seen);
        const [value] = await process.readMany([avatar]);
        if (typeof value !== 'number') throw new Error(`${name} got ${String(value)}`);
        if (value < known) throw new Error(`${name} read version ${value} after version ${known} was known`);
        seen = value;
      }
    });
  }

  /** Changes the origin, then has the event applied through `process`, at any time. Without a collection the whole owner is invalidated. */
  writer(name: string, process: ReadThroughClass<number>, { collection, after }: { collection?: 'unnamed' } & Order = {}): void {
    this.#schedule.start(async () => {
      const version = await this.#schedule.moment(`${name} commits`, () => (this.#version += 1), this.#afterwards(after));
      await process.invalidate(avatar.owner, collection ? undefined : avatar.collection);
      this.#applied = Math.max(this.#applied, version);
    });
  }

  /** Something that happens once, at any time. */
  incident(label: string, effect: () => void): void {
    this.#schedule.start(() => this.#schedule.moment(label, () => this.#change(effect)));
  }

  /** A process that died with the lease; the lease expires at any time. */
  leaseOfTheDead(): void {
    void this.#store.readOrLease([{ ...avatar, token: 'dead' }], Infinity);
    this.incident('the lease expires', () => (this.#now += leaseMs + 1));
  }

  /** Everything in the store is gone, leases too: eviction, FLUSHALL, a restart. */
  flush(): void {
    void this.#store.invalidate(avatar.owner, undefined);
  }

  /** The store as one process reaches it: each call is on its way, happens, and is answered. */
  #remoteStore(name: string, onRead: () => void): CacheStore {
    const change = <T>(label: string, effect: () => Promise<T>): Promise<T> => this.#schedule.call(`${name}: ${label}`, () => this.#change(effect));
    return {
      state: 'ready',
      readOrLease: (requests, maxAgeMs) =>
        this.#schedule.call(`${name}: read`, () => {
          const lookups = this.#store.readOrLease(requests, maxAgeMs);
          onRead();
          return lookups;
        }),
      fill: (fills) => change('fill', () => this.#store.fill(fills)),
      release: (requests) => change('release', () => this.#store.release(requests)),
      invalidate: (owner, collection) => change('invalidate', () => this.#store.invalidate(owner, collection)),
    };
  }

  #afterwards(label: string | undefined): () => boolean {
    return () => label === undefined || this.#schedule.trace.includes(label);
  }

  #change<T>(effect: () => T): T {
    this.#changes += 1;
    return effect();
  }
}
