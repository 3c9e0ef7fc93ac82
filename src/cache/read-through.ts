/**
 * The read-through core. A read takes the copy in this process if that may be believed (local-tier.ts), else asks the store for a value *or the
 * lease on loading it* in one step; the holder of the lease loads from the origin and fills by compare-and-set on its lease (flights.ts).
 * An invalidation drops value, lease and copies together, so a value that was loaded before it can never be stored after it.
 *
 * Readers that find the lease taken wait: on the load itself when it is under way in this process, else by asking the store again, so that
 * one of them takes over from a holder that died. When the store is out of reach, readers load past it (unfilled-loads.ts).
 */
import { randomBytes } from 'node:crypto';
import type { CacheObserver } from './cache-events.js';
import type { Cause, EntryKey, Hit, LeaseRequest, Lookup } from './cache-store.js';
import { Flights, neverRejecting, noLanding, type Leased } from './flights.js';
import { LocalReads } from './local-reads.js';
import { LocalTier, type Reading } from './local-tier.js';
import type { ReadThroughOptions } from './read-through-options.js';
import { Receipts, type Receipt } from './receipts.js';
import { readOf, Round, unique, type Read, type Result } from './round.js';
import type { Stamp } from './stamps.js';
import { pollMs, processTime, type Time } from './time.js';
import { Unconfirmed } from './unconfirmed.js';
import { UnfilledLoads } from './unfilled-loads.js';

interface Waiting extends Read {
  /** What is left of the holder's lease. */
  readonly leaseMs: number;
}

interface Asked<V> extends Reading<V> {
  readonly id: string;
  readonly request: LeaseRequest;
}

export class ReadThrough<V> {
  readonly #options: ReadThroughOptions<V>;
  readonly #time: Time;
  readonly #flights: Flights<V>;
  readonly #unfilled: UnfilledLoads<V>;
  readonly #unconfirmed: Unconfirmed;
  readonly #receipts: Receipts;
  readonly #local: LocalTier<V>;
  /** What nobody waits for: fills, and loads ahead of an entry's end. */
  readonly #background = new Set<Promise<unknown>>();
  /** Per entry that another process loads: when it is asked for again, once for all who wait in this process. */
  readonly #polls = new Map<string, Promise<ReadonlyMap<string, Result<V>>>>();
  readonly #tokenPrefix = randomBytes(16).toString('base64url');
  #tokens = 0;

  constructor(options: ReadThroughOptions<V>) {
    const { store, codec, time = processTime, observe, maxUnfilledCalls = 64, siblings } = options;
    this.#options = options;
    this.#time = time;
    const load = neverRejecting(options.load);
    this.#flights = new Flights({ store, codec, local: () => this.#believedLocal(), load, ttlMs: (value) => this.#ttlMs(value), observe, time });
    this.#unfilled = new UnfilledLoads({ load, maxCalls: maxUnfilledCalls });
    this.#local = new LocalTier({ store, maxBytes: options.maxLocalBytes, now: () => time.now() });
    const drop = (owner: string, collection: string | undefined): void => this.#local.invalidated(owner, collection);
    this.#unconfirmed = new Unconfirmed({ invalidate: (owner, collection) => this.invalidate(owner, collection), drop, siblings, time });
    this.#receipts = new Receipts({
      store,
      local: () => this.#believedLocal(),
      isStoreBelieved: () => this.#maxAgeMs() === Infinity,
      areDistrusted: (keys) => this.#unconfirmed.coversAny(keys),
      observe,
      now: () => time.now(),
    });
  }

  /**
   * The values of `keys`, in their order: at least as new as every invalidation that was applied before the call, copies in this process within δ.
   * One store round trip, and one origin call for all that must be loaded. A key that could not be loaded is an Error. Never rejects.
   * `explain` hears of this call what `observe` hears of all.
   */
  async readMany(keys: readonly EntryKey[], explain?: CacheObserver): Promise<(V | Error)[]> {
    const reads = keys.map(readOf);
    const round = this.#round({ explain });
    await this.#readAll(unique(reads), round);
    return reads.map(({ id }) => round.valueOf(id));
  }

  /** As `readMany`; with a receipt where all of it was in the store, or in this process. */
  async readWithReceipt(keys: readonly EntryKey[]): Promise<{ values: (V | Error)[]; receipt: Receipt | undefined }> {
    const reads = keys.map(readOf);
    const round = this.#round({ proof: this.#areCopiesBelieved ? 'stamps' : 'values' });
    await this.#readAll(unique(reads), round);
    return { values: reads.map(({ id }) => round.valueOf(id)), receipt: round.receipt() };
  }

  /** Whether all that the receipt is of would be read again; then these reads are counted. Without a promise where it is of copies in this process. */
  again(receipt: Receipt): boolean | Promise<boolean> {
    return this.#receipts.again(receipt);
  }

  #round({ explain, proof }: { explain?: CacheObserver | undefined; proof?: 'stamps' | 'values' }): Round<V> {
    const { observe, isNegative, maxWaitMs } = this.#options;
    return new Round<V>({ observers: [observe, explain], isNegative, giveUpAt: this.#time.now() + maxWaitMs, proof });
  }

  #readAll(reads: readonly Read[], round: Round<V>): Promise<unknown> {
    if (this.#unconfirmed.isEmpty) return this.#read(reads, round, 0);
    const distrusted = reads.filter(({ key }) => this.#unconfirmed.covers(key.owner));
    const trusted = reads.filter(({ key }) => !this.#unconfirmed.covers(key.owner));
    return Promise.all([this.#loadPast(distrusted, round), this.#read(trusted, round, 0)]);
  }

  /** Reads from copies in this process, without a promise; undefined while there are none, or none may be believed. */
  readNow(): LocalReads<V> | undefined {
    const local = this.#believedLocal();
    const { observe, isNegative } = this.#options;
    return local && new LocalReads({ local, isDistrusted: (owner) => this.#unconfirmed.covers(owner), observe, isNegative, now: this.#time.now() });
  }

  /**
   * Drops what is cached for the owner's collection, and for all its collections together; without `collection`, all of the owner.
   * Idempotent. Once it has resolved, no later read returns what was loaded before the call. Rejects when the store did not confirm.
   */
  async invalidate(owner: string, collection: string | undefined, cause?: Cause): Promise<void> {
    await this.#options.store.invalidate(owner, collection, cause);
    // The store announces it too, but may take its time: a client that has its answer reads its own write here at once.
    this.#local.invalidated(owner, collection);
  }

  /**
   * The same for a write that this process has taken, whose client must read it at once, here and at the siblings. What the store does not
   * confirm is tried again until it does, and until then they load the owner anew for each read. Rejects only when a sibling may not know.
   */
  async invalidateAfterWrite(owner: string, collection: string | undefined): Promise<void> {
    await this.#unconfirmed.invalidate(owner, collection);
  }

  /** Idempotent, never rejects. */
  async stop(): Promise<void> {
    await Promise.all([this.#unconfirmed.stop(), ...this.#background]);
  }

  async #read(reads: readonly Read[], round: Round<V>, tries: number): Promise<void> {
    const maxAgeMs = this.#maxAgeMs();
    const local = this.#believedLocal(maxAgeMs);
    const missing = reads.filter((read) => !this.#answerFromCopy(read, local, round));
    if (missing.length === 0) return;
    const token = this.#nextToken();
    const asked = missing.map((read) => this.#ask(read, token, local !== undefined));
    const askedAt = this.#time.now();
    const lookups = await this.#options.store.readOrLease(
      asked.map(({ request }) => request),
      maxAgeMs,
    );
    const leased: Leased[] = [];
    const refreshed: Leased[] = [];
    const waiting: Waiting[] = [];
    const past: Read[] = [];
    for (const [index, read] of asked.entries()) {
      const { key, id, request, copy } = read;
      const lookup: Lookup = lookups[index] ?? { kind: 'bypass' };
      const stamp = this.#local.found(read, lookup);
      if (lookup.kind === 'leased') {
        leased.push({ key, id, request, stale: lookup.stale });
        if (lookup.takenOver) round.observe({ type: 'lease-expired', key });
      } else if (lookup.kind === 'wait') waiting.push({ key, id, leaseMs: lookup.leaseMs });
      else if (lookup.kind === 'same' && copy) round.same(read, copy, { stamp, now: this.#time.now() });
      else if (lookup.kind !== 'hit' || !this.#answerFromStore(read, { hit: lookup, stamp, askedAt }, round)) past.push(read);
      else if (lookup.refresh) refreshed.push({ key, id, request, stale: lookup });
    }
    this.#refresh(refreshed, round);
    if (leased.length + waiting.length + past.length > 0) await Promise.all([this.#loadLeased(leased, round), this.#wait(waiting, round, tries), this.#loadPast(past, round)]);
  }

  #ask({ key, id }: Read, token: string, mayBeKept: boolean): Asked<V> {
    const { copy, stamp } = this.#local.begin(key, mayBeKept);
    return { key, id, copy, stamp, request: { owner: key.owner, collection: key.collection, token, known: copy?.version } };
  }

  /** While events may be missing there are no copies either: who applies them may be too old to announce it. */
  #believedLocal(maxAgeMs = this.#maxAgeMs()): LocalTier<V> | undefined {
    return this.#areCopiesBelieved && maxAgeMs === Infinity ? this.#local : undefined;
  }

  #answerFromCopy(read: Read, local: LocalTier<V> | undefined, round: Round<V>): boolean {
    const now = this.#time.now();
    const copy = local?.get(read.key.owner, read.key.collection, now);
    if (!copy) return false;
    round.copy(read, copy, now);
    return true;
  }

  /** False when the entry cannot be decoded: it is dropped, to make room for a good one. */
  #answerFromStore({ key, id }: Read, { hit, stamp, askedAt }: { hit: Hit; stamp: Stamp | undefined; askedAt: number }, round: Round<V>): boolean {
    try {
      const value = this.#options.codec.decode(hit.payload);
      round.hit({ key, id }, value, { hit, stamp, askedAt });
      if (stamp) this.#local.admit(key, stamp, { value, stored: hit, askedAt });
      else if (!this.#areCopiesBelieved) this.#local.keepReread(key, { value, stored: hit, askedAt });
      return true;
    } catch {
      round.observe({ type: 'undecodable', key });
      // If the store is out of reach, the next reader tries again.
      void this.invalidate(key.owner, key.collection).catch(() => undefined);
      return false;
    }
  }

  /** The fills go on behind the answers, which need not wait for them: only what has expired is served on their proof. */
  async #loadLeased(leased: readonly Leased[], round: Round<V>): Promise<void> {
    if (leased.length === 0) return;
    for (const { key } of leased) round.observe({ type: 'load', key, reason: 'leased' });
    const { loaded, landed } = this.#flights.load(leased);
    this.#keepUntilDone(landed);
    const values = await loaded;
    const landingAt = values.some((value) => value instanceof Error) ? await landed : undefined;
    for (const [index, read] of leased.entries()) {
      const value = values[index] ?? noLanding.error;
      if (value instanceof Error) round.land(read, landingAt?.(index) ?? noLanding, false);
      else round.loaded(read, value);
    }
  }

  /** Loads that nobody waits for: what they replace is still good. */
  #refresh(leased: readonly Leased[], round: Round<V>): void {
    if (leased.length === 0) return;
    for (const { key } of leased) round.observe({ type: 'load', key, reason: 'refresh' });
    this.#keepUntilDone(this.#flights.load(leased).landed);
  }

  #keepUntilDone(work: Promise<unknown>): void {
    const kept: Promise<unknown> = work.finally(() => this.#background.delete(kept));
    this.#background.add(kept);
  }

  /** Past the store. */
  async #loadPast(reads: readonly Read[], round: Round<V>): Promise<void> {
    if (reads.length === 0) return;
    for (const { key } of reads) round.observe({ type: 'load', key, reason: 'bypass' });
    const values = await this.#unfilled.load(reads);
    for (const read of reads) round.loaded(read, values.get(read.id) ?? noLanding.error);
  }

  /** Waits for loads of this process to land, and for those of others by reading again; at last loads without filling. */
  async #wait(reads: readonly Waiting[], round: Round<V>, tries: number): Promise<void> {
    if (reads.length === 0) return;
    if (this.#time.now() >= round.giveUpAt) {
      await this.#loadPast(reads, round);
      return;
    }
    if (tries === 0) for (const { key } of reads) round.observe({ type: 'waited', key });
    const others = reads.filter(({ id }) => !this.#flights.open(id));
    const unpolled = others.filter(({ id }) => !this.#polls.has(id));
    const poll = this.#poll(unpolled, round, tries);
    for (const { id } of unpolled) this.#polls.set(id, poll);
    const again = await Promise.all(reads.map((read) => this.#join(read, round)));
    await this.#read(again.flat(), round, tries + 1);
  }

  /** Who joins before the store is asked again may share the answer: it is as new as if they had asked themselves. */
  async #poll(reads: readonly Waiting[], round: Round<V>, tries: number): Promise<ReadonlyMap<string, Result<V>>> {
    if (reads.length === 0) return round.results;
    // Not beyond the lease: should its holder be dead, the next one is to begin at once.
    await this.#time.sleep(Math.min(pollMs(tries, this.#time.random()), ...reads.map(({ leaseMs }) => leaseMs + 1)));
    for (const { id } of reads) this.#polls.delete(id);
    await this.#read(reads, round, tries + 1);
    return round.results;
  }

  /** Answers the reads that must start over. */
  async #join(read: Read, round: Round<V>): Promise<Read[]> {
    const open = this.#flights.open(read.id);
    if (open) {
      const landing = await open;
      if (landing.kind === 'refused') return [read];
      // An error is never stale: repeating it spares a failing origin one call per waiter.
      round.land(read, landing, true);
      return [];
    }
    const result = (await this.#polls.get(read.id))?.get(read.id) ?? noLanding;
    // Who polls has its result in the round already.
    if (!round.results.has(read.id)) round.share(read, result);
    return [];
  }

  get #areCopiesBelieved(): boolean {
    return this.#options.local ?? true;
  }

  #maxAgeMs(): number {
    return this.#options.maxAgeMs?.() ?? Infinity;
  }

  #ttlMs(value: V): number {
    const { ttlMs, negativeTtlMs, isNegative } = this.#options;
    return isNegative(value) ? negativeTtlMs : ttlMs;
  }

  #nextToken(): string {
    this.#tokens += 1;
    return `${this.#tokenPrefix}-${this.#tokens}`;
  }
}
