/**
 * Loads under a lease: from the origin, into the store, and to the readers of this process that wait for them.
 * Invariant: a waiting reader is given the result only if it came before the fill was *sent* and the fill was accepted. That proves that no
 * invalidation came between; otherwise the reader starts over.
 */
import { asError } from '../runtime/as-error.js';
import type { CacheEvent } from './cache-events.js';
import type { CacheStore, EntryKey, Fill, Filled, LeaseRequest, Stored } from './cache-store.js';
import { KeptLoads, type LoadKeeper } from './kept-loads.js';
import type { Time } from './time.js';

/** How values are kept as text. `decode` throws on anything it does not know; the entry is then a miss. */
export interface Codec<V> {
  encode(value: V): string;
  decode(payload: string): V;
}

export interface FlightsOptions<V> {
  store: Pick<CacheStore, 'fill' | 'release' | 'watch'>;
  codec: Codec<V>;
  /** Undefined where no copies are kept, or none may be believed now. */
  local: () => LoadKeeper<V> | undefined;
  /** One call to the origin; answers in the order of the keys. Never rejects. */
  load: (keys: readonly EntryKey[]) => Promise<readonly (V | Error)[]>;
  /** Milliseconds that a value may be served for, without jitter. */
  ttlMs: (value: V) => number;
  observe: (event: CacheEvent) => void;
  time: Pick<Time, 'now' | 'random'>;
}

/** An entry to load, with the lease on it. */
export interface Leased {
  readonly id: string;
  readonly key: EntryKey;
  readonly request: LeaseRequest;
  /** What to fall back on when the origin fails; of an entry that is loaded anew ahead of its end, itself. */
  readonly stale: Stored | undefined;
}

/** How a load ended. */
export type Landing<V> =
  /** Loaded and stored: proven. `stale`: the origin failed, and the expired value was stored again for a while. */
  | { readonly kind: 'stored'; readonly value: V; readonly stale: Stored | undefined }
  /** Loaded, but not stored: it proves nothing to those who waited. */
  | { readonly kind: 'refused'; readonly value: V }
  | { readonly kind: 'failed'; readonly error: Error };

/** How each of several loads ended, by its place among them. Made when somebody asks, which seldom happens. */
export type Landings<V> = (index: number) => Landing<V>;

export interface Flight<V> {
  /** What the origin has answered: new enough for those who had it asked. */
  readonly loaded: Promise<readonly (V | Error)[]>;
  /** When the fills are through. */
  readonly landed: Promise<Landings<V>>;
}

/** Loads that land together, and can still be joined. */
interface Open<V> {
  readonly leased: readonly Leased[];
  readonly landed: Promise<Landings<V>>;
  /** Whether somebody has joined one of them. */
  readonly joined: { is: boolean };
}

/** For what cannot be. */
export const noLanding = { kind: 'failed', error: new Error('the load ended without a result') } as const;

const nobodyAsks = (): (() => typeof noLanding) => () => noLanding;

/** Of its time to live, the share after which a value is loaded anew. */
const freshShare = 0.9;
/** When the origin has failed, what there is is served so long before it is tried again. */
const staleRetryMs = 1_000;

export class Flights<V> {
  readonly #options: FlightsOptions<V>;
  readonly #open = new Map<string, Open<V>>();
  /** How often the store was lost. An event may have been held back meanwhile, so what was loaded before is not stored after. */
  #losses = 0;

  constructor(options: FlightsOptions<V>) {
    this.#options = options;
    options.store.watch({ invalidated: () => undefined, lost: () => (this.#losses += 1) });
  }

  /** The load of this entry that can still be joined. Never rejects. */
  open(id: string): Promise<Landing<V>> | undefined {
    const open = this.#open.get(id);
    if (!open) return undefined;
    open.joined.is = true;
    return open.landed.then((landingAt) => landingAt(open.leased.findIndex((item) => item.id === id)));
  }

  /** One origin call for all; both in the order of `leased`. Never rejects. */
  load(leased: readonly Leased[]): Flight<V> {
    const startedAt = this.#options.time.now();
    const losses = this.#losses;
    const loaded = this.#options.load(leased.map(({ key }) => key)).then((values) => leased.map((_, index) => values[index] ?? new Error('the origin answered fewer values than keys')));
    const joined = { is: false };
    const landed = loaded.then((values) => {
      // Closed to new joiners before the fill is sent: one that arrives later could have seen an invalidation which the accepted fill did not.
      for (const { id } of leased) this.#open.delete(id);
      const isAwaited = joined.is || values.some((value) => value instanceof Error);
      return losses === this.#losses ? this.#land(leased, values, { startedAt, isAwaited }) : this.#abandon(leased, values);
    });
    const open = { leased, landed, joined };
    for (const { id } of leased) this.#open.set(id, open);
    return { loaded, landed };
  }

  /** What was loaded is not held until it is stored, unless somebody waits for that or it becomes a copy: so neither `await` nor a function here may hold it. */
  #land(leased: readonly Leased[], values: readonly (V | Error)[], { startedAt, isAwaited }: { startedAt: number; isAwaited: boolean }): Promise<Landings<V>> {
    const { store, local, time } = this.#options;
    const now = time.now();
    const sent: Fill[] = [];
    const kept = new KeptLoads(local(), now);
    const places: number[] = [];
    const released: LeaseRequest[] = [];
    for (const [index, item] of leased.entries()) {
      const value = values[index] ?? noLanding.error;
      const fill = this.#fill(item, value, now - startedAt);
      if (fill) {
        kept.begin(sent.length, fill, value);
        places.push(index);
        sent.push(fill);
      } else released.push(item.request);
    }
    const filling = sent.length > 0 ? store.fill(sent) : [];
    const releasing = released.length > 0 ? store.release(released) : undefined;
    const landings = isAwaited ? this.#landings(leased, values) : nobodyAsks;
    return Promise.all([filling, releasing]).then(([accepted]) => {
      kept.end(accepted);
      return landings(this.#stored(leased, places, accepted));
    });
  }

  /** The places of those that were accepted, among them all. */
  #stored(leased: readonly Leased[], places: readonly number[], accepted: readonly (Filled | undefined)[]): ReadonlySet<number> {
    const stored = new Set<number>();
    for (const [nth, index] of places.entries()) {
      const item = leased[index];
      if (accepted[nth]) stored.add(index);
      else if (item) this.#options.observe({ type: 'fill-refused', key: item.key });
    }
    return stored;
  }

  #landings(leased: readonly Leased[], values: readonly (V | Error)[]): (stored: ReadonlySet<number>) => Landings<V> {
    return (stored) => (index) => this.#landing(values[index] ?? noLanding.error, stored.has(index) ? 'stored' : 'refused', leased[index]?.stale);
  }

  /** Nothing is stored. */
  async #abandon(leased: readonly Leased[], values: readonly (V | Error)[]): Promise<Landings<V>> {
    await this.#options.store.release(leased.map(({ request }) => request));
    return (index) => this.#landing(values[index] ?? noLanding.error, 'refused', undefined);
  }

  #landing(value: V | Error, kind: 'stored' | 'refused', stale: Stored | undefined): Landing<V> {
    if (!(value instanceof Error)) return kind === 'stored' ? { kind, value, stale: undefined } : { kind, value };
    // Served only on proof that it was not invalidated since.
    return kind === 'stored' && stale ? { kind, value: this.#options.codec.decode(stale.payload), stale } : { kind: 'failed', error: value };
  }

  /** What to send to the store; undefined: nothing, the lease goes back. */
  #fill({ request, stale }: Leased, value: V | Error, waitedMs: number): Fill | undefined {
    const { codec, ttlMs, time } = this.#options;
    if (!(value instanceof Error)) {
      // Jitter: entries that were made together do not end together.
      const ttl = ttlMs(value) * (1 - time.random() / 10);
      const { owner, collection, token } = request;
      return { owner, collection, token, payload: codec.encode(value), ttlMs: ttl, freshMs: ttl * freshShare, ageMs: waitedMs };
    }
    if (!stale || stale.endMs <= waitedMs || !canDecode(codec, stale.payload)) return undefined;
    return { ...request, payload: stale.payload, ...prolonged(stale, waitedMs) };
  }
}

function canDecode(codec: Codec<unknown>, payload: string): boolean {
  try {
    codec.decode(payload);
    return true;
  } catch {
    return false;
  }
}

/** `load`, with its rejection as the answer to each key. */
export function neverRejecting<V>(load: (keys: readonly EntryKey[]) => Promise<readonly (V | Error)[]>): (keys: readonly EntryKey[]) => Promise<readonly (V | Error)[]> {
  return async (keys) => {
    try {
      return await load(keys);
    } catch (error) {
      const failure = asError(error);
      return keys.map(() => failure);
    }
  };
}

/** Times of a value that is stored once more because no newer one can be had: its end stays where it was. */
function prolonged({ ageMs, ttlMs, endMs }: Stored, waitedMs: number): Required<Pick<Fill, 'ttlMs' | 'freshMs' | 'ageMs' | 'endMs'>> {
  const end = endMs - waitedMs;
  const ttl = Math.min(end, Math.max(staleRetryMs, ttlMs - waitedMs));
  return { ttlMs: ttl, freshMs: Math.min(ttl, staleRetryMs), ageMs: ageMs + waitedMs, endMs: end };
}
