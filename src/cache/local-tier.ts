/**
 * Copies of stored values in this process, decoded and frozen: bounded, least recently used owners go first. Where they are not to be believed,
 * they spare the store the sending, and this process the decoding, of what is still the same.
 * Invariants: a copy is made only of what the store was asked for, or has accepted, with a stamp that was taken before that was sent; it is served, as is
 * whatever was made of it, only while nothing was announced since (the stamp is current), and only while the store is certain that all
 * announcements have been heard (store.isCoherent).
 */
import { LRUCache } from 'lru-cache';
import { Sightings } from '../runtime/sightings.js';
import { entryId, type CacheStore, type EntryKey, type Hit, type Lookup, type StoreWatcher } from './cache-store.js';
import { Stamps, voidStamp, type Stamp } from './stamps.js';

export interface LocalTierOptions {
  store: Pick<CacheStore, 'watch' | 'isCoherent' | 'settledMs'>;
  /** Default 128,000,000. Estimated from the length of the stored text. */
  maxBytes?: number | undefined;
  /** Milliseconds of a monotonic clock. */
  now: () => number;
}

export interface Copy<V> {
  readonly value: V;
  readonly version: string;
  readonly loaded: number;
  readonly freshUntil: number;
  readonly expires: number;
  readonly generation: string;
  readonly lastEventId: string | undefined;
  readonly bytes: number;
  readonly stamp: Stamp;
}

/** What a read has found, or a fill has stored. */
export interface FoundValue<V> {
  readonly value: V;
  readonly stored: Omit<Hit, 'kind' | 'refresh' | 'endMs'>;
  /** Milliseconds of the cache's clock. */
  readonly askedAt: number;
}

/** A read on its way to the store. */
export interface Reading<V> {
  readonly key: EntryKey;
  /** A copy that may be old, of which the store is told. */
  readonly copy: Copy<V> | undefined;
  /** Undefined: its answer cannot be kept to be believed. */
  readonly stamp: Stamp | undefined;
}

type Copies<V> = ReadonlyMap<string, Copy<V>>;

const copyOverheadBytes = 300;
const bytesPerPlace = 64;
const placesPerSighting = 4;
const [minPlaceBits, maxPlaceBits] = [10, 24];

export class LocalTier<V> implements StoreWatcher {
  readonly #store: LocalTierOptions['store'];
  readonly #now: () => number;
  readonly #owners: LRUCache<string, Copies<V>>;
  /** Of what is believed, that it was loaded here; else of owners, that they were read. */
  readonly #sightings: Sightings;
  readonly #stamps: Stamps;

  constructor({ store, maxBytes = 128_000_000, now }: LocalTierOptions) {
    this.#store = store;
    this.#now = now;
    const places = placesFor(maxBytes);
    this.#stamps = new Stamps(places);
    this.#sightings = new Sightings(places / placesPerSighting);
    this.#owners = new LRUCache<string, Copies<V>>({ maxSize: maxBytes, sizeCalculation: sizeOf });
    store.watch(this);
  }

  /** The live copy, if there is one that may be believed. */
  get(owner: string, collection: string, now = this.#now()): Copy<V> | undefined {
    const copy = this.known(owner, collection);
    return copy && this.holds(copy, owner, now) ? copy : undefined;
  }

  /** A copy that may be old: the store can tell, by its version. */
  known(owner: string, collection: string): Copy<V> | undefined {
    return this.#owners.get(owner)?.get(collection);
  }

  /** Whether a copy of an entry of this owner may be believed, kept or not. Does not count as a use. */
  holds({ freshUntil, stamp }: Copy<V>, owner: string, now: number): boolean {
    return freshUntil > now && this.#stamps.isCurrent(stamp) && this.#store.isCoherent(owner);
  }

  /** The same of many, by their stamps, of which no `freshUntil` has passed. */
  holdsAll(stamps: readonly Stamp[]): boolean {
    if (!this.#store.isCoherent()) return false;
    for (const stamp of stamps) if (!this.#stamps.isCurrent(stamp)) return false;
    return true;
  }

  /** Before the read is sent: what is announced from now on may be newer than its answer. */
  begin(key: EntryKey, mayBeKept: boolean): Reading<V> {
    const { owner, collection } = key;
    return { key, copy: this.known(owner, collection), stamp: mayBeKept && this.#store.isCoherent(owner) ? this.#stamps.take(key) : undefined };
  }

  /**
   * The stamp of what the read has found; undefined: it cannot be kept. That there is nothing, or another value than the one known here, or one so young
   * that what ended the value before it may still be on its way here, is news: nobody who has seen it is to see again what was made of that value.
   */
  found({ key, copy, stamp }: Reading<V>, lookup: Lookup): Stamp | undefined {
    const isCurrent = stamp !== undefined && this.#stamps.isCurrent(stamp);
    if (this.#isNews(key, lookup)) {
      this.#stamps.end(key);
      return isCurrent ? this.#stamps.take(key) : undefined;
    }
    if (lookup.kind === 'same' && copy && isCurrent && !this.#stamps.isCurrent(copy.stamp)) this.#set(key, { ...copy, stamp });
    return isCurrent ? stamp : undefined;
  }

  /**
   * Before what was loaded is sent to the store: an accepted fill says of its moment what a read would. Undefined: it is not to be kept. That is what is
   * loaded here for the first time of late, which may never be asked for again, and would be held, for the garbage collector, until it is stored.
   */
  beginFill(key: EntryKey): Stamp | undefined {
    return this.#sightings.see(entryId(key)) > 0 && this.#store.isCoherent(key.owner) ? this.#stamps.take(key) : undefined;
  }

  /**
   * Keeps what the store has accepted, unless something was announced since the stamp was taken. Who read meanwhile may have found an older value, which
   * was too old to be believed when the load began, and is not any more: what was made of that ends.
   */
  admitFilled(key: EntryKey, stamp: Stamp, found: FoundValue<V>): void {
    if (!this.#stamps.isCurrent(stamp)) return;
    this.#stamps.end(key);
    this.#keep(key, this.#stamps.take(key), found);
  }

  /** Keeps what a read has found, unless something was announced meanwhile. */
  admit(key: EntryKey, stamp: Stamp, found: FoundValue<V>): void {
    if (this.#stamps.isCurrent(stamp)) this.#keep(key, stamp, found);
  }

  /**
   * The same of what is not to be believed: only for who asks the store again before each use. Not before the third read: what is seldom read is not
   * worth its place, and who asks for the same again and again has kept what was made of it.
   */
  keepReread(key: EntryKey, found: FoundValue<V>): void {
    if (this.#sightings.see(key.owner) > 1) this.#keep(key, voidStamp, found);
  }

  #keep(key: EntryKey, stamp: Stamp, { value, stored, askedAt }: FoundValue<V>): void {
    const { version, payload, ageMs, ttlMs, freshMs, generation, lastEventId } = stored;
    if (freshMs <= 0) return;
    // From when it was asked for: its times run in the store since some moment after that.
    this.#set(key, {
      value: deepFreeze(value),
      version,
      loaded: askedAt - ageMs,
      freshUntil: askedAt + freshMs,
      expires: askedAt + ttlMs,
      generation,
      lastEventId,
      bytes: payload.length * 2 + copyOverheadBytes,
      stamp,
    });
  }

  #set({ owner, collection }: EntryKey, copy: Copy<V>): void {
    this.#owners.set(owner, new Map(this.#owners.peek(owner)).set(collection, copy));
  }

  /** Nothing is believed that was read before; what it was made of goes, to make room. */
  invalidated(owner: string, collection: string | undefined): void {
    this.#stamps.invalidated(owner, collection);
    const copies = this.#owners.peek(owner);
    if (!copies) return;
    const concerns = (candidate: string): boolean => collection === undefined || candidate === collection || candidate === '';
    // An event may have been the cause, and it is not said which.
    const kept = new Map([...copies].filter(([candidate]) => !concerns(candidate)).map(([candidate, copy]) => [candidate, { ...copy, lastEventId: undefined }]));
    if (kept.size > 0) this.#owners.set(owner, kept);
    else this.#owners.delete(owner);
  }

  lost(): void {
    this.#stamps.lost();
    this.#owners.clear();
  }

  #isNews({ owner, collection }: EntryKey, lookup: Lookup): boolean {
    if (lookup.kind === 'leased' || lookup.kind === 'wait') return true;
    if (lookup.kind !== 'hit') return false;
    const copy = this.known(owner, collection);
    if (copy && copy.version !== lookup.version) return true;
    return lookup.ageMs < this.#store.settledMs && !(copy && this.#stamps.isCurrent(copy.stamp));
  }
}

/** What is made of copies may take several times their bytes: one place for 64 of these is two for each short answer. */
function placesFor(maxBytes: number): number {
  return 2 ** Math.min(maxPlaceBits, Math.max(minPlaceBits, Math.ceil(Math.log2(maxBytes / bytesPerPlace))));
}

function sizeOf(copies: Copies<unknown>, owner: string): number {
  let bytes = owner.length * 2;
  for (const copy of copies.values()) bytes += copy.bytes;
  return bytes;
}

/** What is served to many must not be changed by one. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
