/** One `readMany`: what has been found so far for each of its keys, and who is told. Every key ends with one result. */
import type { Answered, CacheEvent, CacheObserver, Source } from './cache-events.js';
import type { EntryKey, Stored } from './cache-store.js';
import { noLanding, type Landing } from './flights.js';

export interface Read {
  readonly key: EntryKey;
  /** Of the key, the same for equal ones. */
  readonly id: string;
}

/** A value and where it came from, or why there is none. */
export type Result<V> = { readonly value: V; readonly answered: Answered } | { readonly error: Error };

export interface RoundOptions<V> {
  observers: readonly (CacheObserver | undefined)[];
  isNegative: (value: V) => boolean;
  /** When the readers who wait load for themselves. */
  giveUpAt: number;
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

export class Round<V> {
  readonly giveUpAt: number;
  readonly results: ReadonlyMap<string, Result<V>>;
  readonly #results = new Map<string, Result<V>>();
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
