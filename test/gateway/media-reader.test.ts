/** Media as they are kept in the cache: any media come back as they went in, and what is not ours is loaded anew. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { CacheEvent } from '../../src/cache/cache-events.js';
import { MemoryStore } from '../../src/cache/memory-store.js';
import type { Media } from '../../src/contract/generated/media/v1/Media.js';
import type { ModelFiles } from '../../src/contract/generated/media/v1/ModelFiles.js';
import { entryKey, MediaReader } from '../../src/gateway/media-reader.js';
import type { ModelMedia } from '../../src/gateway/stored-media.js';

const query = { modelType: 'App\\Models\\User', modelId: '1:{\u00e4}', collectionName: 'avatars' };
const settings = { CACHE_TTL_SECONDS: 60, CACHE_NEGATIVE_TTL_SECONDS: 60, CACHE_LEASE_MS: 1_000, CACHE_L1: 'off', ORIGIN_MAX_CONCURRENCY: 8 } as const;

const text = fc.string({ unit: 'binary' });
const media: fc.Arbitrary<Media> = fc.record({
  id: text,
  model_type: text,
  model_id: text,
  uuid: text,
  collection_name: text,
  name: text,
  file_name: text,
  mime_type: text,
  disk: text,
  conversions_disk: text,
  size: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  manipulations: text,
  custom_properties: fc.json(),
  generated_conversions: text,
  responsive_images: text,
  order_column: fc.integer(),
  width: fc.nat(),
  height: fc.nat(),
  created_at: text,
  updated_at: text,
  sha256: text,
});
const someFiles = fc.array(media, { minLength: 1, maxLength: 5 }).map((list): ModelMedia => ({ media: list, total: list.length, fallbackUrl: '' }));
const noFiles = text.map((fallbackUrl): ModelMedia => ({ media: [], total: 0, fallbackUrl }));
const files = fc.oneof({ weight: 4, arbitrary: someFiles }, { weight: 1, arbitrary: noFiles });

/** A reader whose media service has these files, and what it does. */
class Bench {
  readonly sources: string[] = [];
  readonly payloads: string[] = [];
  readonly store = new MemoryStore({ leaseMs: 1_000 });
  readonly #reader: MediaReader;

  constructor(found: ModelMedia) {
    const fill = this.store.fill.bind(this.store);
    this.store.fill = (fills) => {
      this.payloads.push(...fills.map(({ payload }) => payload));
      return fill(fills);
    };
    const answer = { media: [...found.media], total: found.total, fallback_url: found.fallbackUrl };
    const filesByModels = (queries: readonly unknown[]): Promise<ModelFiles[]> => Promise.resolve(queries.map(() => answer));
    const observe = (event: CacheEvent): void => void this.sources.push(event.type === 'answered' ? event.source : event.type);
    this.#reader = new MediaReader({ client: { filesByModels }, store: this.store, settings, maxCopyBytes: 500_000, observe, maxAgeMs: () => Infinity });
  }

  async read(): Promise<unknown> {
    const [answer] = await this.#reader.readMany([query]);
    await this.#reader.stop();
    return answer;
  }

  /** Puts `payload` where the reader looks. */
  async plant(payload: string): Promise<void> {
    const request = { ...entryKey(query), token: 'planted' };
    await this.store.readOrLease([request], Infinity);
    await this.store.fill([{ ...request, payload, ttlMs: 60_000, freshMs: 60_000 }]);
  }
}

describe('MediaReader', () => {
  it('reads any media from the cache as the media service has answered them', async () => {
    await fc.assert(
      fc.asyncProperty(files, async (found) => {
        const bench = new Bench(found);
        expect(await bench.read()).toEqual(found);
        expect(await bench.read()).toEqual(found);
        expect(bench.sources).toEqual(['load', 'origin', 'store']);
      }),
    );
  });

  it('loads anew what was cut off', async () => {
    await fc.assert(
      fc.asyncProperty(files, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), async (found, share) => {
        const source = new Bench(found);
        await source.read();
        const [payload = ''] = source.payloads;
        const bench = new Bench(found);
        await bench.plant(payload.slice(0, Math.floor(share * payload.length)));
        expect(await bench.read()).toEqual(found);
        expect(bench.sources).toContain('undecodable');
      }),
    );
  });

  it('loads anew what another program has stored', async () => {
    const wrongMedia = fc.tuple(media, fc.constantFrom('id', 'size', 'sha256'), fc.constantFrom(null, true, {})).map(([file, field, value]) => ({ total: 1, media: [{ ...file, [field]: value }], fallbackUrl: '' }));
    const foreign = fc.oneof(
      text,
      fc.json(),
      wrongMedia.map((value) => JSON.stringify(value)),
      files.map(({ media: list }) => JSON.stringify(list)),
      files.map(({ media: list }) => JSON.stringify({ total: String(list.length), media: list, fallbackUrl: '' })),
      // As the formats before this one.
      files.map(({ media: list, total }) => JSON.stringify({ total, media: list })),
    );
    await fc.assert(
      fc.asyncProperty(foreign, async (payload) => {
        const empty = { total: 0, media: [], fallbackUrl: '' };
        const bench = new Bench(empty);
        await bench.plant(payload);
        expect(await bench.read()).toEqual(empty);
        expect(bench.sources).toContain('undecodable');
      }),
    );
  });
});
