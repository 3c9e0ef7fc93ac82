/**
 * The world of a scenario: processes with the real read-through core, one store that they share (and its replica), one origin, and a clerk who
 * notes what must not be unlearned. Store, origin, announcements and time are operations of the schedule.
 */
import type { EntryKey } from '../../../src/cache/cache-store.js';
import type { Codec } from '../../../src/cache/flights.js';
import type { CacheEvent, Source } from '../../../src/cache/cache-events.js';
import type { Receipt } from '../../../src/cache/receipts.js';
import type { ReadThrough as ReadThroughClass } from '../../../src/cache/read-through.js';
import { checkVersion, Clerk, keyOf, owner, type Collection, type Expected } from './clerk.js';
import type { Schedule } from './explorer.js';
import { Family } from './family.js';
import { SharedStore, type StoreModules } from './shared-store.js';

/** The modules under test: the product's, or mutants of them. */
export interface Subject extends StoreModules {
  ReadThrough: typeof ReadThroughClass;
}

export type Process = ReadThroughClass<number>;

export interface ProcessOptions {
  /** Default false. With copies, and an ear for announcements. */
  local?: boolean;
  /** Default 10,000, room for all copies of a world. With 1 none is kept. */
  maxLocalBytes?: number;
  /** Default: never. Milliseconds after which a waiting reader loads for itself. */
  maxWaitMs?: number;
  /** Default 64. Calls to the origin at once that are not to be stored. */
  maxUnfilledCalls?: number;
  /** Default false. One of those that answer on one address; 'late': from `<name> is ready` on. */
  isSibling?: boolean | 'late';
}

/** Narrows a scenario to where it is interesting: the actor begins only after the schedule has picked what has this label. */
interface Order {
  after?: string;
}

interface Reader extends Order {
  times?: number;
  /** Default 'avatars'. */
  collection?: Collection;
  /** The origin fails in this scenario. */
  mayFail?: boolean;
}

interface Keeper extends Pick<Reader, 'times' | 'after'> {
  alsoReads?: boolean;
}

interface OwnWriter extends Order {
  times?: number;
  keeps?: boolean;
  readsAt?: Process;
  readsAfter?: string;
}

/** What somebody has made of what it read. */
interface Kept {
  readonly value: number;
  readonly receipt: Receipt;
}

const ttlMs = 1_000_000;
/** For which entries may be believed in times when events may be missing. */
const unprovenMaxAgeMs = 60;
const numbers: Codec<number> = {
  encode: String,
  decode: (payload) => {
    const number = Number(payload);
    if (Number.isNaN(number)) throw new TypeError(`"${payload}" is no number`);
    return number;
  },
};

export class World {
  readonly store: SharedStore;
  readonly family: Family;
  readonly #schedule: Schedule;
  readonly #subject: Subject;
  readonly #actors: Promise<void>[] = [];
  /** Of the origin. */
  #version = 1;
  readonly #clerk: Clerk;
  #originFails = false;
  /** Calls to the origin, in total. */
  #originCalls = 0;
  #originCallsNow = 0;
  /** The most that there were at once. */
  #originCallsAtOnce = 0;

  constructor(schedule: Schedule, subject: Subject) {
    this.#schedule = schedule;
    this.#subject = subject;
    this.store = new SharedStore(schedule, subject);
    this.#clerk = new Clerk({ now: () => this.store.now, coherenceMs: this.store.coherenceMs });
    this.family = new Family(schedule, this.store);
  }

  /** From now on the processes know while an event is held back: what was in the store before it was last lost is not believed then. */
  lagIsKnown(): void {
    this.#clerk.lagIsKnown();
  }

  /** A gateway process of its own: its own core on the common store. */
  process(name: string, { local = false, maxLocalBytes = 10_000, maxWaitMs = 10 * ttlMs, maxUnfilledCalls = 64, isSibling = false }: ProcessOptions = {}): Process {
    const { store, sleep } = this.store.reachedBy(name, { local });
    return new this.#subject.ReadThrough<number>({
      store,
      codec: numbers,
      load: (keys) => this.#load(name, keys),
      ttlMs,
      negativeTtlMs: ttlMs,
      isNegative: () => false,
      maxAgeMs: () => (this.#clerk.isLagging ? Math.min(unprovenMaxAgeMs, this.store.now - this.store.lostAt) : Infinity),
      maxWaitMs,
      maxUnfilledCalls,
      local,
      maxLocalBytes,
      siblings: isSibling ? this.family.member(name, { isLate: isSibling === 'late' }) : undefined,
      observe: () => undefined,
      time: { now: () => this.store.now, sleep, random: () => 0.5 },
    });
  }

  /** Reads, at any time; what it gets must be as new as every event that was applied before it asked: copies within δ. */
  reader(name: string, process: Process, { times = 1, collection = 'avatars', after, mayFail = false }: Reader = {}): void {
    this.#act(async () => {
      let seen = 0;
      for (let time = 1; time <= times; time += 1) {
        await this.#schedule.moment(`${name} asks`, () => undefined, this.#afterwards(after));
        const { value, past } = await this.#read(name, process, { collection, seen, mayFail });
        // What was loaded past the store is known to nobody else: the next answer may be older, as long as its event has not been applied.
        if (value !== undefined && !past) seen = value;
      }
    });
  }

  /** Reads, and reads again by the receipt of what it has kept as long as that is good. `alsoReads`: each second time it does without what it has kept. */
  keeper(name: string, process: Process, { times = 2, after, alsoReads = false }: Keeper = {}): void {
    this.#act(async () => {
      let kept: Kept | undefined;
      let seen = 0;
      for (let time = 1; time <= times; time += 1) {
        await this.#schedule.moment(`${name} asks`, () => undefined, this.#afterwards(after));
        if (alsoReads && time % 2 === 0) {
          const { value } = await this.#read(name, process, { collection: 'avatars', seen, mayFail: false });
          seen = Math.max(seen, value ?? 0);
          continue;
        }
        const known = this.#clerk.expected(seen);
        if (kept && !(await process.again(kept.receipt))) kept = undefined;
        if (kept) checkVersion(name, kept.value, 'stamps' in kept.receipt.proof ? known.withinDelta : known.atOnce);
        kept ??= await this.#readToKeep(name, process, known);
        seen = Math.max(seen, kept?.value ?? 0);
      }
    });
  }

  /** Changes the origin, then has the event applied through `process`, at any time. Without a collection the whole owner is invalidated. */
  writer(name: string, process: Process, { collection, after }: { collection?: 'unnamed' } & Order = {}): void {
    this.#act(async () => {
      const version = await this.#commit(name, after);
      await this.store.untilApplied(
        name,
        () => process.invalidate(owner, collection ? undefined : 'avatars'),
        () => this.#clerk.hold(version),
      );
      this.#clerk.apply(version);
    });
  }

  /**
   * A client that writes through `process`, and reads there or at a sibling what it has written, applied or not; `readsAfter` is as `after`.
   * `keeps`: unless what it kept before is still good.
   */
  ownWriter(name: string, process: Process, { times = 1, keeps = false, readsAt = process, after, readsAfter }: OwnWriter = {}): void {
    this.#act(async () => {
      const kept = keeps ? await this.#readToKeep(name, process, this.#clerk.expected(0)) : undefined;
      const version = await this.#commit(name, after);
      await process.invalidateAfterWrite(owner, 'avatars');
      for (let time = 1; time <= times; time += 1) {
        await this.#schedule.moment(`${name} asks`, () => undefined, this.#afterwards(readsAfter));
        if (kept && (await process.again(kept.receipt))) checkVersion(name, kept.value, version);
        else await this.#read(name, readsAt, { collection: 'avatars', seen: version, mayFail: false });
      }
    });
  }

  /** A change of the origin whose event is lost; the cache is emptied for it. */
  purger(name: string, { after }: Order = {}): void {
    this.#act(async () => {
      const version = await this.#commit(name, after);
      await this.#schedule.call(`${name} purges`, () => this.store.change(() => this.store.purge()));
      this.#clerk.apply(version);
    });
  }

  /** Something that happens once, at any time. */
  incident(label: string, effect: () => void, { after }: Order = {}): void {
    this.#act(() => this.#schedule.moment(label, () => this.store.change(effect), this.#afterwards(after)));
  }

  /** An entry as it is after somebody has read it before. */
  cached(collection: Collection = 'avatars'): void {
    this.store.preload(keyOf(collection), String(this.#version), ttlMs);
  }

  /** An entry that nobody can read. */
  cachedGarbage(): void {
    this.store.preload(keyOf('avatars'), 'garbage', ttlMs);
  }

  /** A process that is not of this world loads; `cached` is its fill. */
  leaseOfAnother(): void {
    this.store.leaseOfAnother(keyOf('avatars'));
  }

  /** A process that died with the lease; the lease expires at any time. */
  leaseOfTheDead(): void {
    this.leaseOfAnother();
    this.incident('the lease expires', () => this.store.leaseExpires());
  }

  /** The process asks once whether it has heard everything. */
  probe(name: string, { after }: Order = {}): void {
    this.store.probe(name, this.#afterwards(after));
  }

  timePasses(label: string, ms: number, order: Order = {}): void {
    this.incident(label, () => (this.store.now += ms), order);
  }

  /** Into the last tenth of what is cached. */
  endComesNear(order: Order = {}): void {
    this.timePasses('the end comes near', ttlMs * 0.95 * 0.95, order);
  }

  endIsOver(order: Order = {}): void {
    this.timePasses('what is cached expires', ttlMs, order);
  }

  originFails(order: Order = {}): void {
    this.incident('the origin fails', () => (this.#originFails = true), order);
  }

  /** Must hold when all is over. */
  #finally(check: () => string | undefined): void {
    const actors = Promise.all(this.#actors);
    this.#schedule.start(async () => {
      await actors;
      const complaint = check();
      if (complaint !== undefined) throw new Error(complaint);
    });
  }

  atMostOriginCalls(max: number): void {
    this.#finally(() => (this.#originCalls <= max ? undefined : `${this.#originCalls} origin calls, not ${max}`));
  }

  atMostOriginCallsAtOnce(max: number): void {
    this.#finally(() => (this.#originCallsAtOnce <= max ? undefined : `${this.#originCallsAtOnce} origin calls at once, not ${max}`));
  }

  #commit(name: string, after: string | undefined): Promise<number> {
    return this.#schedule.moment(`${name} commits`, () => (this.#version += 1), this.#afterwards(after));
  }

  async #load(name: string, keys: readonly EntryKey[]): Promise<number[]> {
    this.#originCalls += 1;
    this.#originCallsNow += 1;
    this.#originCallsAtOnce = Math.max(this.#originCallsAtOnce, this.#originCallsNow);
    try {
      return await this.#schedule.call(`${name}: load`, () => {
        if (this.#originFails) throw new Error('the origin fails');
        return keys.map(() => this.#version);
      });
    } finally {
      this.#originCallsNow -= 1;
    }
  }

  async #read(name: string, process: Process, { collection, seen, mayFail }: { collection: Collection; seen: number; mayFail: boolean }): Promise<{ value?: number; past: boolean }> {
    const known = this.#clerk.expected(seen);
    let source: Source | undefined;
    let past = false;
    const [value] = await process.readMany([keyOf(collection)], (event: CacheEvent) => {
      if (event.type === 'answered') source = event.source;
      if (event.type === 'load' && event.reason === 'bypass') past = true;
    });
    if (value instanceof Error && mayFail) return { past };
    checkVersion(name, value, source === 'local' ? known.withinDelta : known.atOnce);
    return { value, past };
  }

  async #readToKeep(name: string, process: Process, known: Expected): Promise<Kept | undefined> {
    const key = keyOf('avatars');
    const reads = process.readNow();
    const copy = reads?.find(key);
    if (reads && copy) {
      checkVersion(name, copy.value, known.withinDelta);
      return { value: copy.value, receipt: reads.receipt() };
    }
    const { values, receipt } = await process.readWithReceipt([key]);
    const [value] = values;
    // Of a process with copies, it may have been one.
    checkVersion(name, value, reads ? known.withinDelta : known.atOnce);
    return receipt && { value, receipt };
  }

  #act(actor: () => Promise<void>): void {
    this.#schedule.start(() => {
      const acting = actor();
      this.#actors.push(acting);
      return acting;
    });
  }

  #afterwards(label: string | undefined): (() => boolean) | undefined {
    return label === undefined ? undefined : () => this.#schedule.trace.includes(label);
  }
}
