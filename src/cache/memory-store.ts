/**
 * The store of the one-process program: bounded by owners and bytes, least recently used owners go first.
 * Every method runs without yielding, so each is atomic by itself, and its watchers have heard before it answers.
 */
import { LRUCache } from 'lru-cache';
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import {
  maxCollectionsPerOwner,
  type CacheStore,
  type Cause,
  type EntryKey,
  type Fill,
  type Filled,
  type LeaseRequest,
  type Lookup,
  type Stored,
  type StoredValue,
  type StoreState,
  type StoreWatcher,
} from './cache-store.js';

interface Value {
  readonly payload: string;
  /** The token of its fill. */
  readonly version: string;
  readonly generation: string;
  readonly loaded: number;
  readonly freshUntil: number;
  readonly expires: number;
  readonly end: number;
}

interface Lease {
  readonly token: string;
  readonly generation: string;
  readonly expires: number;
}

/** What is kept of an entry. */
interface Field {
  readonly value?: Value | undefined;
  readonly lease?: Lease | undefined;
}

interface Owner {
  readonly fields: ReadonlyMap<string, Field>;
  readonly lastEventId: string | undefined;
}

export interface MemoryStoreOptions {
  /** How long a lease lasts. */
  leaseMs: number;
  /** Default 3,600,000. Milliseconds that an expired value is kept for the case that no newer one can be loaded. */
  staleMs?: number;
  /** Default 67,108,864. Bytes of payload that are kept at most, keys and overhead estimated. */
  maxBytes?: number;
  /** Default `performance.now`. Milliseconds of a monotonic clock. */
  now?: () => number;
  /** Default one for the life of the store. Names the data set; what was stored or leased under another name counts as absent. */
  generation?: () => string;
}

const fieldOverheadBytes = 200;
const maxMarks = 1_000;

export class MemoryStore implements CacheStore {
  readonly tier = 'in-process';
  readonly state: StoreState = 'ready';
  readonly settledMs = 0;
  readonly #owners: LRUCache<string, Owner>;
  readonly #marks: LRUCache<string, { text: string; expires: number }>;
  readonly #leaseMs: number;
  readonly #staleMs: number;
  readonly #now: () => number;
  readonly #generation: () => string;
  readonly #watchers: StoreWatcher[] = [];

  constructor({ leaseMs, staleMs = 3_600_000, maxBytes = 67_108_864, now = () => performance.now(), generation }: MemoryStoreOptions) {
    const own = randomUUID().slice(0, 8);
    this.#leaseMs = leaseMs;
    this.#staleMs = staleMs;
    this.#now = now;
    this.#generation = generation ?? (() => own);
    this.#owners = new LRUCache({ maxSize: maxBytes, sizeCalculation: sizeOf });
    // Bounded by size: a bound by number has lists of that length made at once.
    this.#marks = new LRUCache({ maxSize: maxMarks, sizeCalculation: () => 1 });
  }

  readOrLease(requests: readonly LeaseRequest[], maxAgeMs: number): Promise<Lookup[]> {
    return Promise.resolve(requests.map((request) => this.#readOrLease(request, maxAgeMs)));
  }

  confirm(values: readonly StoredValue[]): Promise<boolean> {
    const generation = this.#generation();
    return Promise.resolve(
      values.every(({ owner, collection, version }) => {
        // A use, as a read is.
        const value = this.#owners.get(owner)?.fields.get(collection)?.value;
        return value?.version === version && value.generation === generation;
      }),
    );
  }

  fill(fills: readonly Fill[]): Promise<(Filled | undefined)[]> {
    return Promise.resolve(fills.map((fill) => this.#fill(fill)));
  }

  release(requests: readonly LeaseRequest[]): Promise<void> {
    for (const request of requests) {
      const field = this.#field(request);
      if (field.lease?.token === request.token) this.#keep(request, { value: field.value });
    }
    return Promise.resolve();
  }

  invalidate(owner: string, collection: string | undefined, { eventId }: Cause = {}): Promise<void> {
    const fields = new Map(collection === undefined ? [] : this.#owners.peek(owner)?.fields);
    if (collection !== undefined) {
      fields.delete(collection);
      fields.delete('');
    }
    if (this.#owners.has(owner)) this.#keepFields(owner, fields, eventId);
    for (const watcher of this.#watchers) watcher.invalidated(owner, collection);
    return Promise.resolve();
  }

  purge(ownerPrefix: string): Promise<number> {
    const owners = [...this.#owners.keys()].filter((owner) => owner.startsWith(ownerPrefix));
    for (const owner of owners) this.#owners.delete(owner);
    for (const watcher of this.#watchers) watcher.lost();
    return Promise.resolve(owners.length);
  }

  watch(watcher: StoreWatcher): void {
    this.#watchers.push(watcher);
  }

  isCoherent(): boolean {
    return true;
  }

  putMark(name: string, text: string, ttlMs: number): Promise<void> {
    this.#marks.set(name, { text, expires: this.#now() + ttlMs });
    return Promise.resolve();
  }

  getMark(name: string): Promise<string | undefined> {
    const mark = this.#marks.get(name);
    return Promise.resolve(mark && mark.expires > this.#now() ? mark.text : undefined);
  }

  #readOrLease(request: LeaseRequest, maxAgeMs: number): Lookup {
    const now = this.#now();
    const generation = this.#generation();
    const { value, lease } = this.#field(request);
    const usable = value?.generation === generation && now - value.loaded <= maxAgeMs ? value : undefined;
    const ownLease = lease?.generation === generation ? lease : undefined;
    const held = ownLease !== undefined && ownLease.expires > now;
    if (usable && usable.expires > now) {
      if (usable.version === request.known && usable.freshUntil > now) return { kind: 'same' };
      const refresh = usable.freshUntil <= now && !held;
      if (refresh) this.#grant(request);
      return { kind: 'hit', ...this.#stored(request.owner, usable), freshMs: Math.max(0, usable.freshUntil - now), refresh };
    }
    if (held) return { kind: 'wait', leaseMs: ownLease.expires - now };
    this.#grant(request);
    const stale = usable && usable.end > now ? this.#stored(request.owner, usable) : undefined;
    return { kind: 'leased', takenOver: ownLease !== undefined, stale };
  }

  #fill({ owner, collection, token, payload, ttlMs, freshMs, ageMs = 0, endMs = ttlMs + this.#staleMs }: Fill): Filled | undefined {
    const generation = this.#generation();
    const { lease } = this.#field({ owner, collection });
    if (lease?.token !== token || lease.generation !== generation) return undefined;
    const now = this.#now();
    const value = { payload, version: token, generation, loaded: now - ageMs, freshUntil: now + freshMs, expires: now + ttlMs, end: now + endMs };
    this.#keep({ owner, collection }, { value });
    const kept = this.#owners.peek(owner);
    return kept && { version: token, generation, lastEventId: kept.lastEventId };
  }

  #grant({ owner, collection, token }: LeaseRequest): void {
    const fields = this.#owners.get(owner)?.fields;
    if (fields && !fields.has(collection) && fields.size >= maxCollectionsPerOwner) this.#owners.delete(owner);
    const lease = { token, generation: this.#generation(), expires: this.#now() + this.#leaseMs };
    this.#keep({ owner, collection }, { value: this.#field({ owner, collection }).value, lease });
  }

  #stored(owner: string, { payload, version, generation, loaded, expires, end }: Value): Stored {
    const now = this.#now();
    return { payload, version, ageMs: now - loaded, ttlMs: expires - now, endMs: end - now, generation, lastEventId: this.#owners.peek(owner)?.lastEventId };
  }

  #field({ owner, collection }: EntryKey): Field {
    return this.#owners.get(owner)?.fields.get(collection) ?? {};
  }

  #keep({ owner, collection }: EntryKey, field: Field): void {
    const fields = new Map(this.#owners.peek(owner)?.fields);
    if (field.value || field.lease) fields.set(collection, field);
    else fields.delete(collection);
    this.#keepFields(owner, fields);
  }

  /** `fields` must be a new map: setting the one that is kept would not weigh it again. */
  #keepFields(owner: string, fields: ReadonlyMap<string, Field>, eventId = this.#owners.peek(owner)?.lastEventId): void {
    if (fields.size === 0 && eventId === undefined) this.#owners.delete(owner);
    else this.#owners.set(owner, { fields, lastEventId: eventId });
  }
}

/** Bytes of an owner's entries; a string of Latin characters takes a byte each, others two. */
function sizeOf({ fields }: Owner, owner: string): number {
  let bytes = fieldOverheadBytes + owner.length * 2;
  for (const [collection, { value }] of fields) bytes += fieldOverheadBytes + (collection.length + (value?.payload.length ?? 0)) * 2;
  return bytes;
}
