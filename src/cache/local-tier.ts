/**
 * Copies of stored values in this process, decoded and frozen: bounded, least recently used owners go first. Where they are not to be believed,
 * they spare the store the sending, and this process the decoding, of what is still the same.
 * Invariants: a copy is made only of what was *read* from the store, and only if nothing was announced about it since before that read was
 * sent (the pending tickets); it is served only while the store is certain that all announcements have been heard (store.isCoherent).
 */
import { LRUCache } from 'lru-cache';
import { Sightings } from '../runtime/sightings.js';
import type { CacheStore, EntryKey, Hit, StoreWatcher } from './cache-store.js';

export interface LocalTierOptions {
  store: Pick<CacheStore, 'watch' | 'isCoherent'>;
  /** Default 128,000,000. Estimated from the length of the stored text. */
  maxBytes?: number | undefined;
  /** Milliseconds of a monotonic clock. */
  now: () => number;
}

/** Of a copy, held by who made something of it: it does not keep the value. */
export interface Life {
  /** False once the copy was invalidated, replaced or dropped: who spared himself the next look must look again. */
  isKept: boolean;
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
  readonly life: Life;
}

type Copies<V> = ReadonlyMap<string, Copy<V>>;

/** Says that a read is on its way; void as soon as something is announced that may concern it. */
export interface Ticket {
  readonly key: EntryKey;
  isVoid: boolean;
}

const copyOverheadBytes = 300;

export class LocalTier<V> implements StoreWatcher {
  readonly #store: LocalTierOptions['store'];
  readonly #now: () => number;
  readonly #owners: LRUCache<string, Copies<V>>;
  readonly #reads = new Sightings();
  /** By owner; nearly always one. */
  readonly #pending = new Map<string, Ticket | Set<Ticket>>();

  constructor({ store, maxBytes = 128_000_000, now }: LocalTierOptions) {
    this.#store = store;
    this.#now = now;
    this.#owners = new LRUCache<string, Copies<V>>({ maxSize: maxBytes, sizeCalculation: sizeOf, disposeAfter: (copies, owner) => this.#dropped(copies, owner) });
    store.watch(this);
  }

  /** The live copy, if there is one that may be believed. */
  get(owner: string, collection: string, now = this.#now()): Copy<V> | undefined {
    const copy = this.known(owner, collection);
    return copy && this.#isGood(copy, owner, now) ? copy : undefined;
  }

  /** A copy that may be old: the store can tell, by its version. */
  known(owner: string, collection: string): Copy<V> | undefined {
    return this.#owners.get(owner)?.get(collection);
  }

  /** Whether `get` would still give this copy, which it gave before. Does not count as a use. */
  holds(copy: Copy<V>, owner: string, now: number): boolean {
    return copy.life.isKept && this.#isGood(copy, owner, now);
  }

  /** The same of many, of which no `freshUntil` has passed. */
  holdsAll(copies: readonly Life[]): boolean {
    if (!this.#store.isCoherent()) return false;
    for (const { isKept } of copies) if (!isKept) return false;
    return true;
  }

  /** Before a read is sent to the store; each ticket must be given to `end`. Undefined: its answer cannot be kept. */
  begin(key: EntryKey): Ticket | undefined {
    if (!this.#store.isCoherent(key.owner)) return undefined;
    const ticket: Ticket = { key, isVoid: false };
    const tickets = this.#pending.get(key.owner);
    if (tickets instanceof Set) tickets.add(ticket);
    else this.#pending.set(key.owner, tickets ? new Set([tickets, ticket]) : ticket);
    return ticket;
  }

  /** Keeps what the read has found, unless the ticket is void. */
  admit({ key, isVoid }: Ticket, value: V, hit: Hit): void {
    if (!isVoid) this.#keep(key, value, hit);
  }

  /**
   * The same without a ticket: only for who asks the store again before each use, by `known`. Not before the third read: what is seldom read is not worth
   * its place, and who asks for the same again and again has kept what was made of it.
   */
  keepReread(key: EntryKey, value: V, hit: Hit): void {
    if (this.#reads.see(key.owner) > 1) this.#keep(key, value, hit);
  }

  #keep(key: EntryKey, value: V, { version, payload, ageMs, ttlMs, freshMs, generation, lastEventId }: Hit): void {
    if (freshMs <= 0) return;
    const now = this.#now();
    const copy: Copy<V> = {
      value: deepFreeze(value),
      version,
      loaded: now - ageMs,
      freshUntil: now + freshMs,
      expires: now + ttlMs,
      generation,
      lastEventId,
      bytes: payload.length * 2 + copyOverheadBytes,
      life: { isKept: true },
    };
    this.#owners.set(key.owner, new Map(this.#owners.peek(key.owner)).set(key.collection, copy));
  }

  /** The read has ended. */
  end(ticket: Ticket): void {
    const { owner } = ticket.key;
    const tickets = this.#pending.get(owner);
    if (tickets instanceof Set) tickets.delete(ticket);
    if (tickets === ticket || (tickets instanceof Set && tickets.size === 0)) this.#pending.delete(owner);
  }

  invalidated(owner: string, collection: string | undefined): void {
    const concerns = (candidate: string): boolean => collection === undefined || candidate === collection || candidate === '';
    for (const ticket of ticketsOf(this.#pending.get(owner))) ticket.isVoid ||= concerns(ticket.key.collection);
    const copies = this.#owners.peek(owner);
    if (!copies) return;
    // An event may have been the cause, and it is not said which.
    const kept = new Map([...copies].filter(([candidate]) => !concerns(candidate)).map(([candidate, copy]) => [candidate, { ...copy, lastEventId: undefined, life: { isKept: true } }]));
    if (kept.size > 0) this.#owners.set(owner, kept);
    else this.#owners.delete(owner);
  }

  lost(): void {
    for (const tickets of this.#pending.values()) for (const ticket of ticketsOf(tickets)) ticket.isVoid = true;
    this.#owners.clear();
  }

  #isGood({ freshUntil }: Copy<V>, owner: string, now: number): boolean {
    return freshUntil > now && this.#store.isCoherent(owner);
  }

  #dropped(copies: Copies<V>, owner: string): void {
    const now = this.#owners.peek(owner);
    for (const [collection, copy] of copies) if (now?.get(collection) !== copy) copy.life.isKept = false;
  }
}

function ticketsOf(tickets: Ticket | Set<Ticket> | undefined): Iterable<Ticket> {
  if (!tickets) return [];
  return tickets instanceof Set ? tickets : [tickets];
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
