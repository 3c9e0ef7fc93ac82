/**
 * Media by owner and collection, read through the cache. The only place that knows how owners become cache keys;
 * the cache itself knows nothing of media.
 */
import type { CacheObserver } from '../cache/cache-events.js';
import type { CacheStore, Cause, EntryKey } from '../cache/cache-store.js';
import type { LocalReads } from '../cache/local-reads.js';
import { ReadThrough } from '../cache/read-through.js';
import type { Receipt } from '../cache/receipts.js';
import type { Siblings } from '../cache/siblings.js';
import type { Settings } from '../runtime/settings.js';
import { originDeadlineMs, type MediaClient } from './media-client.js';
import { modelMediaCodec, type ModelMedia } from './stored-media.js';

export interface MediaQuery {
  readonly modelType: string;
  readonly modelId: string;
  /** Empty: all collections of the model. */
  readonly collectionName: string;
}

/** What has changed; without a collection, any of the model's. */
export interface Changed {
  readonly modelType: string;
  readonly modelId: string;
  readonly collectionName: string | undefined;
}

export const maxMediaPerQuery = 1_000;

export interface MediaReaderOptions {
  client: Pick<MediaClient, 'filesByModels'>;
  store: CacheStore;
  settings: Pick<Settings, 'CACHE_TTL_SECONDS' | 'CACHE_NEGATIVE_TTL_SECONDS' | 'CACHE_LEASE_MS' | 'CACHE_L1' | 'ORIGIN_MAX_CONCURRENCY'>;
  /** For copies in this process, estimated. */
  maxCopyBytes: number;
  observe: CacheObserver;
  /** Milliseconds that an entry may have been stored for when events may be missing, Infinity when none are; asked at each read. */
  maxAgeMs: () => number;
  /** Default none. */
  siblings?: Siblings | undefined;
}

export class MediaReader {
  readonly #store: CacheStore;
  readonly #cache: ReadThrough<ModelMedia>;

  constructor({ client, store, settings, maxCopyBytes, observe, maxAgeMs, siblings }: MediaReaderOptions) {
    const ttlMs = settings.CACHE_TTL_SECONDS * 1_000;
    this.#store = store;
    this.#cache = new ReadThrough({
      store,
      codec: modelMediaCodec,
      load: (keys) => loadFrom(client, keys),
      ttlMs,
      negativeTtlMs: Math.min(ttlMs, settings.CACHE_NEGATIVE_TTL_SECONDS * 1_000),
      isNegative: ({ total }) => total === 0,
      maxUnfilledCalls: settings.ORIGIN_MAX_CONCURRENCY,
      local: settings.CACHE_L1 === 'on',
      maxLocalBytes: maxCopyBytes,
      maxWaitMs: settings.CACHE_LEASE_MS + originDeadlineMs,
      observe,
      maxAgeMs,
      siblings,
    });
  }

  /**
   * In the order of `queries`; one that failed is an Error. At least as new as every event applied before the call, what is kept in this process
   * within `CACHE_L1_LEASE_MS`. Never rejects. `explain` hears where each came from.
   */
  readMany(queries: readonly MediaQuery[], explain?: CacheObserver): Promise<(ModelMedia | Error)[]> {
    return this.#cache.readMany(queries.map(entryKey), explain);
  }

  /** As `readMany`, by their entries; with a receipt where all of it came from the cache. */
  readWithReceipt(entries: readonly EntryKey[]): Promise<{ values: (ModelMedia | Error)[]; receipt: Receipt | undefined }> {
    return this.#cache.readWithReceipt(entries);
  }

  /** Whether all that the receipt is of would be read again now; then it counts as read. Without a promise where it is in this process. */
  again(receipt: Receipt): boolean | Promise<boolean> {
    return this.#cache.again(receipt);
  }

  /** As `readMany`, of what is in this process; undefined when nothing in it may be believed. The owners are those of `ownerKey`. */
  readNow(): LocalReads<ModelMedia> | undefined {
    return this.#cache.readNow();
  }

  /** Drops what is cached for the collection, or for all of the model without one. Idempotent; rejects when the cache did not confirm. */
  invalidate({ modelType, modelId, collectionName }: Changed, cause?: Cause): Promise<void> {
    return this.#cache.invalidate(ownerKey(modelType, modelId), collectionName, cause);
  }

  /**
   * The same after a write through this gateway, whose client reads it here at once, at whichever worker, whatever becomes of the cache.
   * Rejects only when another worker may not know.
   */
  invalidateAfterWrite({ modelType, modelId, collectionName }: MediaQuery): Promise<void> {
    return this.#cache.invalidateAfterWrite(ownerKey(modelType, modelId), collectionName);
  }

  /** Drops everything that is cached, in every gateway. Resolves with how many owners that were; rejects when the cache did not confirm. */
  purge(): Promise<number> {
    return this.#store.purge('');
  }

  /** Idempotent, never rejects. */
  stop(): Promise<void> {
    return this.#cache.stop();
  }
}

async function loadFrom(client: Pick<MediaClient, 'filesByModels'>, keys: readonly EntryKey[]): Promise<(ModelMedia | Error)[]> {
  const queries = keys.map(({ owner, collection }) => {
    const { model_type, model_id } = parseOwnerKey(owner);
    return { model_type, model_id, collection_name: collection, limit: maxMediaPerQuery };
  });
  const files = await client.filesByModels(queries);
  return files.map((result) => {
    if (result instanceof Error) return result;
    const total = Math.max(result.total, result.media.length);
    return { total, media: total > maxMediaPerQuery ? [] : result.media, fallbackUrl: total === 0 ? result.fallback_url : '' };
  });
}

/** Unambiguous for any two names, and without characters that mean something in a Redis key. */
export function ownerKey(modelType: string, modelId: string): string {
  return `${ownerPrefix(modelType)}${encoded(modelId)}`;
}

/** What URI encoding leaves as it is, which nearly all names are: it costs more than all else about a key. */
const unreserved = /^[\w.-]*$/;

function encoded(name: string): string {
  return unreserved.test(name) ? name : encodeURIComponent(name);
}

export function entryKey({ modelType, modelId, collectionName }: MediaQuery): EntryKey {
  return { owner: ownerKey(modelType, modelId), collection: collectionName };
}

/** What the keys of all owners of a model type begin with. */
export function ownerPrefix(modelType: string): string {
  return `${encoded(modelType)}:`;
}

function decoded(name: string): string {
  return name.includes('%') ? decodeURIComponent(name) : name;
}

function parseOwnerKey(owner: string): { model_type: string; model_id: string } {
  const colon = owner.indexOf(':');
  return { model_type: decoded(owner.slice(0, colon)), model_id: decoded(owner.slice(colon + 1)) };
}

/** What a log line calls a collection: `User` and `avatars` are "user avatar". Empty or undefined: all collections of the model. */
export function describeMedia(modelType: string, collectionName: string | undefined): string {
  return `${modelType.toLowerCase()} ${(collectionName || 'media').replace(/s$/, '')}`;
}

/** The same of a cache key. */
export function describeEntry({ owner, collection }: EntryKey): string {
  return describeMedia(parseOwnerKey(owner).model_type, collection);
}
