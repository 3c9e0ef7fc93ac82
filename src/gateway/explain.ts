/**
 * What `x-cache-explain` shows: per media field of one request, where its value came from.
 * Invariant: only who knows `EXPLAIN_TOKEN` gets it, and without it nothing is collected.
 */
import type { Answered, CacheEvent, Source } from '../cache/cache-events.js';
import { entryId } from '../cache/cache-store.js';
import { isSameSecret } from '../runtime/same-secret.js';
import { entryKey, type MediaQuery } from './media-reader.js';

export const explainHeader = 'x-cache-explain';

/** One field; times are whole milliseconds, null where there is none. */
export interface Explanation {
  /** The response keys down to the field, joined by dots. */
  path: string;
  modelType: string;
  modelId: string;
  /** Empty: all collections. */
  collectionName: string;
  /** `none`: it could not be answered. */
  source: 'in-process' | 'redis' | 'media-service' | 'stale' | 'none';
  ageMs: number | null;
  ttlMs: number | null;
  /** The data set in which it was stored. */
  generation: string | null;
  /** The event that last invalidated something of the owner, when that was less than ten minutes ago. */
  lastEventId: string | null;
}

export class Explain {
  readonly #names: Readonly<Record<Source, Explanation['source']>>;
  readonly #answers = new Map<string, Answered>();
  readonly #fields: { path: string; query: MediaQuery }[] = [];

  /** `storeTier`: what the cache's store is called. */
  constructor(storeTier: string) {
    this.#names = { local: 'in-process', store: storeTier === 'redis' ? 'redis' : 'in-process', origin: 'media-service', stale: 'stale' };
  }

  readonly observe = (event: CacheEvent): void => {
    if (event.type === 'answered') this.#answers.set(entryId(event.key), event);
  };

  field(path: string, query: MediaQuery): void {
    this.#fields.push({ path, query });
  }

  explanations(): Explanation[] {
    return this.#fields.map(({ path, query }) => {
      const answer = this.#answers.get(entryId(entryKey(query)));
      return {
        path,
        ...query,
        source: answer ? this.#names[answer.source] : 'none',
        ageMs: rounded(answer?.ageMs),
        ttlMs: rounded(answer?.ttlMs),
        generation: answer?.generation ?? null,
        lastEventId: answer?.lastEventId ?? null,
      };
    });
  }
}

/** Whether a request may be explained; takes the same time for every wrong token. */
export function mayExplain(token: string | undefined, header: string | readonly string[] | undefined): boolean {
  if (token === undefined || typeof header !== 'string') return false;
  return isSameSecret(header, token);
}

function rounded(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms);
}
