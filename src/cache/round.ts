/** One `readMany`: what has been found so far for each of its keys, and who is told. Every key ends with one result. */
import type { Answered, CacheEvent, CacheObserver, Source } from './cache-events.js';
import { entryId, type EntryKey, type Hit, type Stored, type StoredValue } from './cache-store.js';
import { noLanding, type Landing } from './flights.js';
import type { Copy } from './local-tier.js';
import type { Receipt } from './receipts.js';
import type { Stamp } from './stamps.js';

export interface Read {
  readonly key: EntryKey;
  /** Of the key, the same for equal ones. */
  readonly id: string;
}

export function readOf(key: EntryKey): Read {
  return { key, id: entryId(key) };
}

/** Each entry once. */
export function unique(reads: readonly Read[]): readonly Read[] {
  if (reads.length < 2) return reads;
  const byId = new Map<string, Read>();
  for (const read of reads) byId.set(read.id, read);
  return byId.size === reads.length ? reads : [...byId.values()];
}

/** A value and where it came from, or why there is none. */
export type Result<V> = { readonly value: V; readonly answered: Answered } | { readonly error: Error };

/** A value that the store has answered, now or when a copy was made of it. */
interface Proven {
  readonly value: StoredValue;
  readonly stamp: Stamp | undefined;
  /** Milliseconds of the cache's clock. */
  readonly freshUntil: number;
  readonly isNegative: boolean;
}

export interface RoundOptions<V> {
  observers: readonly (CacheObserver | undefined)[];
  isNegative: (value: V) => boolean;
  /** When the readers who wait load for themselves. */
  giveUpAt: number;
  /** Of the receipt that somebody will ask for. */
  proof?: 'stamps' | 'values' | undefined;
}

export interface Found<V> {
  value: V;
  source: Source;
  stored?: Pick<Stored, 'ageMs' | 'ttlMs' | 'generation' | 'lastEventId'>;
  shared?: boolean;
}

/** What is said of a value that was found. */
export function answered<V>(key: EntryKey, { source, stored, shared = false }: Found<V>, negative: boolean): Answered {
  if (!stored) return { type: 'answered', key, source, shared, negative };
  const { ageMs, ttlMs, generation, lastEventId } = stored;
  return { type: 'answered', key, source, shared, negative, ageMs, ttlMs, generation, lastEventId };
}

function foundInCopy<V>(copy: Copy<V>, now: number): Found<V> {
  const { value, loaded, expires, generation, lastEventId } = copy;
  return { value, source: 'local', stored: { ageMs: now - loaded, ttlMs: expires - now, generation, lastEventId } };
}

export class Round<V> {
  readonly giveUpAt: number;
  readonly results: ReadonlyMap<string, Result<V>>;
  readonly #results = new Map<string, Result<V>>();
  /** By ids. */
  readonly #proven = new Map<string, Proven>();
  readonly #options: RoundOptions<V>;

  constructor(options: RoundOptions<V>) {
    this.#options = options;
    this.giveUpAt = options.giveUpAt;
    this.results = this.#results;
  }

  observe(event: CacheEvent): void {
    for (const observer of this.#options.observers) observer?.(event);
  }

  valueOf(id: string): V | Error {
    const result = this.#results.get(id) ?? noLanding;
    return 'value' in result ? result.value : result.error;
  }

  /** Of all that was read; undefined unless all of it was stored, is fresh, and can be proven again in the way that is wanted. */
  receipt(): Receipt | undefined {
    const proven = [...this.#proven.values()];
    if (proven.length === 0 || proven.length < this.#results.size) return undefined;
    const stamps = proven.flatMap(({ stamp }) => stamp ?? []);
    if (this.#options.proof === 'stamps' && stamps.length < proven.length) return undefined;
    const values = proven.map(({ value }) => value);
    const negatives = proven.filter(({ isNegative }) => isNegative).length;
    const freshUntil = Math.min(...proven.map((one) => one.freshUntil));
    return { keys: values, negatives, freshUntil, proof: this.#options.proof === 'stamps' ? { stamps } : { values } };
  }

  /** A copy in this process that is good. */
  copy({ key, id }: Read, copy: Copy<V>, now: number): void {
    this.#prove({ key, id }, copy.value, copy);
    this.answer({ key, id }, foundInCopy(copy, now));
  }

  /** The store has answered with a value; `askedAt`: milliseconds of the cache's clock. */
  hit({ key, id }: Read, value: V, { hit, stamp, askedAt }: { hit: Hit; stamp: Stamp | undefined; askedAt: number }): void {
    this.#prove({ key, id }, value, { version: hit.version, stamp, freshUntil: askedAt + hit.freshMs });
    this.answer({ key, id }, { value, source: 'store', stored: hit });
  }

  /** The store has answered that a copy in this process is what it has. */
  same({ key, id }: Read, copy: Copy<V>, { stamp, now }: { stamp: Stamp | undefined; now: number }): void {
    this.#prove({ key, id }, copy.value, { ...copy, stamp });
    this.answer({ key, id }, { ...foundInCopy(copy, now), source: 'store' });
  }

  #prove({ key, id }: Read, value: V, { version, stamp, freshUntil }: { version: string; stamp: Stamp | undefined; freshUntil: number }): void {
    const { proof, isNegative } = this.#options;
    if (proof) this.#proven.set(id, { value: { owner: key.owner, collection: key.collection, version }, stamp, freshUntil, isNegative: isNegative(value) });
  }

  answer({ key, id }: Read, found: Found<V>): void {
    const event = answered(key, found, this.#options.isNegative(found.value));
    this.#results.set(id, { value: found.value, answered: event });
    this.observe(event);
  }

  fail({ id }: Read, error: Error): void {
    this.#results.set(id, { error });
  }

  /** Takes what another read of this process has found. */
  share({ id }: Read, result: Result<V>): void {
    this.#results.set(id, result);
    if ('answered' in result) this.observe({ ...result.answered, shared: true });
  }

  /** Takes how a load ended. `shared`: it was another reader's. */
  land(read: Read, landing: Landing<V>, shared: boolean): void {
    if (landing.kind === 'failed') this.fail(read, landing.error);
    else if (landing.kind === 'stored' && landing.stale) this.answer(read, { value: landing.value, source: 'stale', stored: landing.stale, shared });
    else this.answer(read, { value: landing.value, source: 'origin', shared });
  }

  /** Takes what the origin has answered to this read's own question. */
  loaded(read: Read, value: V | Error): void {
    if (value instanceof Error) this.fail(read, value);
    else this.answer(read, { value, source: 'origin' });
  }
}
