/**
 * The read-through core. A read asks the store for a value *or the lease on loading it* in one step; the holder of the lease loads
 * from the origin and fills by compare-and-set on its lease. An invalidation drops value and lease together, so a value that was
 * loaded before it can never be stored after it.
 *
 * Readers that find the lease taken wait: on the load itself when it is under way in this process, else by asking the store again.
 * A load's result is shared with those waiters only if they came before its fill was sent and the fill was accepted, because that proves
 * that no invalidation came between; otherwise they start over. When the store is out of reach there is no such proof, and every reader loads for itself.
 */
import { randomUUID } from 'node:crypto';
import { pause } from '../runtime/backoff.js';
import type { CacheObserver } from './cache-events.js';
import type { CacheStore, EntryKey, LeaseRequest, Lookup } from './cache-store.js';
import { Unconfirmed } from './unconfirmed.js';

/** How values are kept as text. `decode` throws on anything it does not know; the entry is then a miss. */
export interface Codec<V> {
  encode(value: V): string;
  decode(payload: string): V;
}

export interface ReadThroughOptions<V> {
  store: CacheStore;
  codec: Codec<V>;
  /** Loads values from the origin, in the order of the keys; one that failed is an Error. May reject when all failed. Has a deadline of its own. */
  load: (keys: readonly EntryKey[]) => Promise<readonly (V | Error)[]>;
  /** Milliseconds that a value may be served for; up to a tenth less is used, so that entries made together do not end together. */
  ttlMs: (value: V) => number;
  /** Default: any. Asked at each read: milliseconds that an entry may have been stored for, its TTL aside; for times when events may be missing. */
  maxAgeMs?: () => number;
  /** Milliseconds after which a waiting reader loads for itself: the lease plus one origin call. */
  maxWaitMs: number;
  observe: CacheObserver;
  /** Default: the process's monotonic clock and its timers. A proof puts its own time here. */
  time?: Time;
}

export interface Time {
  /** Milliseconds, never going back. */
  now(): number;
  sleep(ms: number): Promise<unknown>;
}

const processTime: Time = { now: () => performance.now(), sleep: pause };

/** How a load ended, for those who waited on it. `refused`: its fill was not accepted, so it proves nothing to them. */
type Landing<V> = { kind: 'accepted'; value: V } | { kind: 'refused' } | { kind: 'failed'; error: Error };

interface Read {
  readonly key: EntryKey;
  readonly id: string;
}

/** Grows from the first to the last value; a load of a few milliseconds is not worth a longer first wait. */
const pollMs = { first: 4, last: 50 };

export class ReadThrough<V> {
  readonly #options: ReadThroughOptions<V>;
  /** Loads under way in this process under a lease of this process, by entry. */
  readonly #flights = new Map<string, Promise<Landing<V>>>();
  readonly #time: Time;
  readonly #unconfirmed: Unconfirmed;
  readonly #tokenPrefix = randomUUID();
  #tokens = 0;

  constructor(options: ReadThroughOptions<V>) {
    this.#options = options;
    this.#time = options.time ?? processTime;
    this.#unconfirmed = new Unconfirmed({ store: options.store });
  }

  /**
   * The values of `keys`, in their order: at least as new as every invalidation that was applied before the call.
   * One store round trip, and one origin call for all that must be loaded. A key that could not be loaded is an Error. Never rejects.
   */
  async readMany(keys: readonly EntryKey[]): Promise<(V | Error)[]> {
    const reads = [...new Map(keys.map((key) => [entryId(key), { key, id: entryId(key) }])).values()];
    const results = new Map<string, V | Error>();
    const distrusted = reads.filter(({ key }) => this.#unconfirmed.covers(key.owner));
    const trusted = reads.filter(({ key }) => !this.#unconfirmed.covers(key.owner));
    const wait = { tries: 0, giveUpAt: this.#time.now() + this.#options.maxWaitMs };
    await Promise.all([this.#load([], distrusted, results), this.#read(trusted, results, wait)]);
    return keys.map((key) => results.get(entryId(key)) ?? new Error('the read ended without a result'));
  }

  /**
   * Drops what is cached for the owner's collection, and for all its collections together; without `collection`, all of the owner.
   * Idempotent. Once it has resolved, no later read returns what was loaded before the call. Rejects when the store did not confirm.
   */
  async invalidate(owner: string, collection: string | undefined): Promise<void> {
    await this.#options.store.invalidate(owner, collection);
  }

  /**
   * The same for a write that this process has taken, whose client must read it here at once. Never rejects: what the store does not
   * confirm is tried again until it does, and until then this process loads the owner anew for each read.
   */
  async invalidateAfterWrite(owner: string, collection: string | undefined): Promise<void> {
    await this.#unconfirmed.invalidate(owner, collection);
  }

  /** Idempotent, never rejects. */
  async stop(): Promise<void> {
    await this.#unconfirmed.stop();
  }

  async #read(reads: readonly Read[], results: Map<string, V | Error>, wait: { tries: number; giveUpAt: number }): Promise<void> {
    if (reads.length === 0) return;
    const requests = reads.map(({ key }): LeaseRequest => ({ ...key, token: this.#nextToken() }));
    const lookups = await this.#options.store.readOrLease(requests, this.#options.maxAgeMs?.() ?? Infinity);
    const leased: { read: Read; request: LeaseRequest }[] = [];
    const bypassed: Read[] = [];
    const poisoned: Read[] = [];
    const waiting: Read[] = [];
    for (const [index, read] of reads.entries()) {
      const request = requests[index];
      switch (this.#accept(read, lookups[index], results)) {
        case 'done':
          break;
        case 'lease':
          if (request) leased.push({ read, request });
          break;
        case 'drop':
          poisoned.push(read);
          break;
        case 'load':
          bypassed.push(read);
          break;
        case 'wait':
          waiting.push(read);
          break;
      }
    }
    await Promise.all([
      this.#load(leased, [...bypassed, ...poisoned], results),
      this.#wait(waiting, results, wait),
      ...poisoned.map((read) => this.#drop(read)),
    ]);
  }

  /** Makes room for a good entry; if the store is out of reach, the next reader tries again. */
  async #drop({ key }: Read): Promise<void> {
    await this.#options.store.invalidate(key.owner, key.collection).catch(() => undefined);
  }

  #accept(read: Read, lookup: Lookup | undefined, results: Map<string, V | Error>): 'done' | 'lease' | 'load' | 'drop' | 'wait' {
    const { codec, observe } = this.#options;
    switch (lookup?.kind) {
      case 'hit':
        try {
          results.set(read.id, codec.decode(lookup.payload));
          observe({ type: 'hit', key: read.key });
          return 'done';
        } catch {
          observe({ type: 'undecodable', key: read.key });
          return 'drop';
        }
      case 'leased':
        return 'lease';
      case 'wait':
        return 'wait';
      default:
        return 'load';
    }
  }

  /** One origin call for all; those with a lease are filled, and land for the readers that wait on them. */
  async #load(leased: readonly { read: Read; request: LeaseRequest }[], bypassed: readonly Read[], results: Map<string, V | Error>): Promise<void> {
    const { observe } = this.#options;
    for (const { read } of leased) observe({ type: 'miss', key: read.key, reason: 'leased' });
    for (const read of bypassed) observe({ type: 'miss', key: read.key, reason: 'bypass' });
    const reads = [...leased.map(({ read }) => read), ...bypassed];
    if (reads.length === 0) return;

    const loading = this.#callOrigin(reads);
    const landing = loading.then((values) => {
      // Closed to new joiners before the fill is sent: one that arrives later could have seen an invalidation which the accepted fill did not.
      for (const { read } of leased) this.#flights.delete(read.id);
      return this.#fill(leased, values);
    });
    for (const [index, { read }] of leased.entries()) {
      this.#flights.set(
        read.id,
        landing.then((landings): Landing<V> => landings[index] ?? { kind: 'refused' }),
      );
    }
    const values = await loading;
    for (const [index, read] of reads.entries()) results.set(read.id, values[index] ?? missing());
    await landing;
  }

  /** Never rejects. */
  async #callOrigin(reads: readonly Read[]): Promise<(V | Error)[]> {
    try {
      const values = await this.#options.load(reads.map(({ key }) => key));
      return reads.map((_, index) => values[index] ?? missing());
    } catch (error) {
      const failure = error instanceof Error ? error : new Error('the origin failed', { cause: error });
      return reads.map(() => failure);
    }
  }

  async #fill(leased: readonly { read: Read; request: LeaseRequest }[], values: readonly (V | Error)[]): Promise<Landing<V>[]> {
    const { store, codec, ttlMs, observe } = this.#options;
    const loaded = leased.map(({ read, request }, index) => ({ read, request, value: values[index] ?? missing() }));
    const failed = loaded.filter(({ value }) => value instanceof Error);
    const fills = loaded.flatMap(({ request, value }) =>
      value instanceof Error ? [] : [{ ...request, payload: codec.encode(value), ttlMs: ttlMs(value) * (1 - Math.random() / 10) }],
    );
    const [accepted] = await Promise.all([
      fills.length > 0 ? store.fill(fills) : [],
      failed.length > 0 ? store.release(failed.map(({ request }) => request)) : undefined,
    ]);
    let next = 0;
    return loaded.map(({ read, value }): Landing<V> => {
      if (value instanceof Error) return { kind: 'failed', error: value };
      if (accepted[next++]) return { kind: 'accepted', value };
      observe({ type: 'fill-refused', key: read.key });
      return { kind: 'refused' };
    });
  }

  /** Waits for loads of this process to land, and for those of others by reading again; at last loads without filling. */
  async #wait(reads: readonly Read[], results: Map<string, V | Error>, { tries, giveUpAt }: { tries: number; giveUpAt: number }): Promise<void> {
    if (reads.length === 0) return;
    const { observe } = this.#options;
    if (this.#time.now() >= giveUpAt) {
      await this.#load([], reads, results);
      return;
    }
    if (tries === 0) for (const { key } of reads) observe({ type: 'waited', key });
    const joined = reads.filter(({ id }) => this.#flights.has(id));
    const others = reads.filter(({ id }) => !this.#flights.has(id));
    const again = await Promise.all([
      ...joined.map((read) => this.#join(read, results)),
      others.length > 0 ? this.#time.sleep(jittered(tries)).then(() => others) : [],
    ]);
    await this.#read(again.flat(), results, { tries: tries + 1, giveUpAt });
  }

  /** Answers the reads that must start over. */
  async #join(read: Read, results: Map<string, V | Error>): Promise<Read[]> {
    const landing = await this.#flights.get(read.id);
    switch (landing?.kind) {
      case 'accepted':
        results.set(read.id, landing.value);
        this.#options.observe({ type: 'shared', key: read.key });
        return [];
      case 'failed':
        // An error is never stale: repeating it spares a failing origin one call per waiter.
        results.set(read.id, landing.error);
        return [];
      default:
        return [read];
    }
  }

  #nextToken(): string {
    this.#tokens += 1;
    return `${this.#tokenPrefix}-${this.#tokens}`;
  }
}

function missing(): Error {
  return new Error('the origin answered fewer values than keys');
}

function entryId({ owner, collection }: EntryKey): string {
  return JSON.stringify([owner, collection]);
}

function jittered(tries: number): number {
  const full = Math.min(pollMs.last, pollMs.first * 1.5 ** Math.min(tries, 20));
  return full / 2 + Math.random() * (full / 2);
}
