/**
 * The store of the one-process program: bounded by owners and bytes, least recently used owners go first.
 * Every method runs without yielding, so each is atomic by itself.
 */
import { LRUCache } from 'lru-cache';
import { performance } from 'node:perf_hooks';
import {
  maxCollectionsPerOwner,
  type CacheStore,
  type EntryKey,
  type Fill,
  type LeaseRequest,
  type Lookup,
  type StoreState,
} from './cache-store.js';

interface Field {
  payload: string | undefined;
  filled: number;
  payloadExpires: number;
  token: string | undefined;
  leaseExpires: number;
}

export interface MemoryStoreOptions {
  /** How long a lease lasts. */
  leaseMs: number;
  /** Default 67,108,864. Bytes of payload that are kept at most, keys and overhead estimated. */
  maxBytes?: number;
  /** Default `performance.now`. Milliseconds of a monotonic clock. */
  now?: () => number;
}

const fieldOverheadBytes = 200;

export class MemoryStore implements CacheStore {
  readonly state: StoreState = 'ready';
  readonly #owners: LRUCache<string, Map<string, Field>>;
  readonly #leaseMs: number;
  readonly #now: () => number;

  constructor({ leaseMs, maxBytes = 67_108_864, now = () => performance.now() }: MemoryStoreOptions) {
    this.#leaseMs = leaseMs;
    this.#now = now;
    this.#owners = new LRUCache({ maxSize: maxBytes, sizeCalculation: sizeOf });
  }

  readOrLease(requests: readonly LeaseRequest[], maxAgeMs: number): Promise<Lookup[]> {
    return Promise.resolve(requests.map((request) => this.#readOrLease(request, maxAgeMs)));
  }

  fill(fills: readonly Fill[]): Promise<boolean[]> {
    return Promise.resolve(fills.map((fill) => this.#fill(fill)));
  }

  release(requests: readonly LeaseRequest[]): Promise<void> {
    for (const request of requests) {
      const field = this.#field(request);
      if (field?.token === request.token) field.token = undefined;
    }
    return Promise.resolve();
  }

  invalidate(owner: string, collection: string | undefined): Promise<void> {
    const fields = new Map(this.#owners.peek(owner));
    if (collection === undefined) {
      fields.clear();
    } else {
      fields.delete(collection);
      fields.delete('');
    }
    this.#keep(owner, fields);
    return Promise.resolve();
  }

  #readOrLease({ owner, collection, token }: LeaseRequest, maxAgeMs: number): Lookup {
    const now = this.#now();
    const field = this.#field({ owner, collection });
    const live = field && field.payloadExpires > now && now - field.filled <= maxAgeMs;
    if (live && field.payload !== undefined) return { kind: 'hit', payload: field.payload };
    if (field?.token !== undefined && field.leaseExpires > now) return { kind: 'wait', leaseMs: field.leaseExpires - now };
    const fields = new Map(this.#owners.get(owner));
    if (!field && fields.size >= maxCollectionsPerOwner) fields.clear();
    this.#keep(owner, fields.set(collection, { payload: undefined, filled: 0, payloadExpires: 0, token, leaseExpires: now + this.#leaseMs }));
    return { kind: 'leased' };
  }

  #fill({ owner, collection, token, payload, ttlMs }: Fill): boolean {
    if (this.#field({ owner, collection })?.token !== token) return false;
    const now = this.#now();
    const field = { payload, filled: now, payloadExpires: now + ttlMs, token: undefined, leaseExpires: 0 };
    this.#keep(owner, new Map(this.#owners.get(owner)).set(collection, field));
    return this.#owners.has(owner);
  }

  /** `fields` must be a new map: setting the one that is kept would not weigh it again. */
  #keep(owner: string, fields: Map<string, Field>): void {
    if (fields.size === 0) this.#owners.delete(owner);
    else this.#owners.set(owner, fields);
  }

  #field({ owner, collection }: EntryKey): Field | undefined {
    return this.#owners.get(owner)?.get(collection);
  }
}

/** Bytes of an owner's entries; a string of Latin characters takes a byte each, others two. */
function sizeOf(fields: Map<string, Field>, owner: string): number {
  let bytes = owner.length * 2;
  for (const [collection, { payload }] of fields) bytes += fieldOverheadBytes + (collection.length + (payload?.length ?? 0)) * 2;
  return bytes;
}
