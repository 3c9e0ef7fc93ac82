/** What the read-through core does when a value nears its end, or something fails: the origin, the store, the holder of a lease. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import type { Fill } from '../../src/cache/cache-store.js';
import { MemoryStore } from '../../src/cache/memory-store.js';
import type { ReadThrough } from '../../src/cache/read-through.js';
import { waitFor } from '../support/wait.js';
import { avatar, Bench, Origin, withMethods, type TextCacheOptions } from './read-through-harness.js';

/** Milliseconds, of what the caches here keep. */
const ttl = 60_000;
const lastTenth = 0.95 * ttl;
/** How long an expired value is served before the origin is asked again. */
const retryMs = 1_000;

describe('ReadThrough', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.origin.letAllGo());

  const version = (number: number): string[] => [`User:1 avatars version ${number}`];

  /** A cache that has version 1 in its store. */
  async function filledCache(options: Partial<TextCacheOptions> = {}): Promise<ReadThrough<string>> {
    const cache = bench.cache(options);
    expect(await cache.readMany([avatar])).toEqual(version(1));
    await waitFor(async () => (await (options.store ?? bench.store).readOrLease([{ ...avatar, token: 'looks' }], Infinity))[0]?.kind === 'hit', { what: 'the fill' });
    bench.origin.calls.length = 0;
    bench.events.length = 0;
    return cache;
  }

  describe('in the last tenth of the time of a value', () => {
    it('serves it at once, loads once in the background, and serves the new one from then on', async () => {
      const cache = await filledCache();
      bench.origin.version = 2;
      bench.origin.holding = true;
      bench.clock.advance(lastTenth);
      for (let reader = 0; reader < 3; reader += 1) expect(await cache.readMany([avatar])).toEqual(version(1));
      expect(bench.origin.calls).toHaveLength(1);
      expect(bench.events.filter(({ type }) => type === 'load')).toEqual([{ type: 'load', key: avatar, reason: 'refresh' }]);
      bench.origin.release();
      await waitFor(async () => (await cache.readMany([avatar]))[0] === version(2)[0], { what: 'the new value' });
      bench.clock.advance(lastTenth - 0.1 * ttl);
      expect(await cache.readMany([avatar])).toEqual(version(2));
      expect(bench.origin.calls).toHaveLength(1);
    });

    it('does not load anew before', async () => {
      const cache = await filledCache();
      bench.clock.advance(0.89 * ttl);
      expect(await cache.readMany([avatar])).toEqual(version(1));
      expect(bench.origin.calls).toHaveLength(0);
    });

    it('does not store what an invalidation has overtaken', async () => {
      const cache = await filledCache();
      bench.origin.version = 2;
      bench.origin.holding = true;
      bench.clock.advance(lastTenth);
      await cache.readMany([avatar]);
      bench.origin.version = 3;
      await cache.invalidate(avatar.owner, avatar.collection);
      bench.origin.letAllGo();
      await waitFor(() => bench.events.some(({ type }) => type === 'fill-refused'), { what: 'the background load to end' });
      expect(await cache.readMany([avatar])).toEqual(version(3));
    });

    it('keeps the value that it has when the load fails, and tries again after a while', async () => {
      const cache = await filledCache();
      bench.origin.failure = new Error('down');
      bench.clock.advance(lastTenth);
      for (const tries of [1, 2, 3]) {
        expect(await cache.readMany([avatar])).toEqual(version(1));
        await cache.stop();
        expect(await cache.readMany([avatar])).toEqual(version(1));
        expect(bench.origin.calls).toHaveLength(tries);
        bench.clock.advance(retryMs);
      }
      expect(bench.sources()).not.toContain('stale');
    });

    it('serves the expired value to those who have waited for a load that fails', async () => {
      const cache = await filledCache();
      bench.origin.failure = new Error('down');
      bench.origin.holding = true;
      bench.clock.advance(lastTenth);
      await cache.readMany([avatar]);
      bench.clock.advance(0.1 * ttl);
      const waits = cache.readMany([avatar]);
      for (let turn = 0; turn < 10; turn += 1) await setImmediate();
      bench.origin.letAllGo();
      expect(await waits).toEqual(version(1));
    });

    it('ends a stop only when the background load is stored', async () => {
      const cache = await filledCache();
      bench.origin.version = 2;
      bench.origin.holding = true;
      bench.clock.advance(lastTenth);
      await cache.readMany([avatar]);
      let stopped = false;
      const stopping = cache.stop().then(() => (stopped = true));
      for (let turn = 0; turn < 10; turn += 1) await setImmediate();
      expect(stopped).toBe(false);
      bench.origin.release();
      await stopping;
      expect(await bench.store.readOrLease([{ ...avatar, token: 'looks' }], Infinity)).toMatchObject([{ kind: 'hit', payload: `text:${version(2)[0]}` }]);
    });
  });

  describe('when the origin fails', () => {
    const down = new Error('down');
    /** A cache whose value has just expired, before an origin that fails. */
    async function expiredCache(options: Partial<TextCacheOptions> = {}): Promise<ReadThrough<string>> {
      const cache = await filledCache(options);
      bench.clock.advance(ttl);
      bench.origin.failure = down;
      return cache;
    }

    it('stops serving it when its time as a last resort is over, however often it was served', async () => {
      const store = new MemoryStore({ leaseMs: 5_000, staleMs: 10_000, now: () => bench.clock.now() });
      const cache = await expiredCache({ store });
      const served = async (): Promise<boolean> => {
        const [value] = await cache.readMany([avatar]);
        await cache.stop();
        bench.clock.advance(retryMs);
        return !(value instanceof Error);
      };
      let times = 0;
      while (times < 100 && (await served())) times += 1;
      expect(times).toBeGreaterThan(5);
      expect(times).toBeLessThanOrEqual(11);
    });

    it('counts the age of a value from its load, not from its fill', async () => {
      const cache = bench.cache({ maxAgeMs: () => 2_000 });
      bench.origin.holding = true;
      const first = cache.readMany([avatar]);
      for (let turn = 0; turn < 10; turn += 1) await setImmediate();
      bench.clock.advance(1_500);
      bench.origin.letAllGo();
      await first;
      await cache.stop();
      bench.origin.version = 2;
      bench.clock.advance(1_000);
      expect(await cache.readMany([avatar])).toEqual(version(2));
    });

    it('serves the expired value, says so, and spares the origin for a second', async () => {
      const cache = await expiredCache();
      expect(await cache.readMany([avatar])).toEqual(version(1));
      expect(bench.events.at(-1)).toMatchObject({ type: 'answered', source: 'stale', ageMs: ttl });
      bench.clock.advance(retryMs - 1);
      expect(await cache.readMany([avatar])).toEqual(version(1));
      expect(await cache.readMany([avatar])).toEqual(version(1));
      expect(bench.origin.calls).toHaveLength(1);
      bench.clock.advance(1);
      expect(await cache.readMany([avatar])).toEqual(version(1));
      expect(bench.events.at(-1)).toMatchObject({ type: 'answered', source: 'stale', ageMs: ttl + retryMs });
      expect(bench.origin.calls).toHaveLength(2);
      bench.origin.failure = undefined;
      bench.origin.version = 2;
      bench.clock.advance(retryMs);
      expect(await cache.readMany([avatar])).toEqual(version(2));
    });

    it('serves it to all who waited for the load', async () => {
      const cache = await expiredCache();
      bench.origin.holding = true;
      const reads = Promise.all([cache.readMany([avatar]), cache.readMany([avatar])]);
      await bench.held();
      bench.origin.release();
      expect(await reads).toEqual([version(1), version(1)]);
      expect(bench.sources()).toEqual(['stale', 'stale']);
      expect(bench.origin.calls).toHaveLength(1);
    });

    it('never serves what was invalidated, before the load or during it', async () => {
      const before = await expiredCache();
      await before.invalidate(avatar.owner, avatar.collection);
      expect(await before.readMany([avatar])).toEqual([down]);

      bench.origin.failure = undefined;
      const during = await expiredCache();
      bench.origin.holding = true;
      const read = during.readMany([avatar]);
      await bench.held();
      await during.invalidate(avatar.owner, avatar.collection);
      bench.origin.letAllGo();
      expect(await read).toEqual([down]);
      expect(bench.sources()).not.toContain('stale');
    });

    it('answers the error of the origin itself when there is nothing to serve, and what else could be loaded', async () => {
      bench.origin.failure = down;
      expect(await bench.cache().readMany([avatar])).toEqual([down]);
      bench.origin.failure = undefined;
      const other = { owner: 'User:2', collection: 'avatars' };
      const partly = bench.cache({ origin: Object.assign(new Origin(), { load: () => Promise.resolve([down, 'other']) }) });
      expect(await partly.readMany([avatar, other])).toEqual([down, 'other']);
    });

    it('serves nothing that cannot be decoded', async () => {
      await bench.store.readOrLease([{ ...avatar, token: 'foreign' }], Infinity);
      await bench.store.fill([{ ...avatar, token: 'foreign', payload: 'garbage', ttlMs: ttl, freshMs: ttl }]);
      bench.clock.advance(ttl);
      bench.origin.failure = down;
      expect(await bench.cache().readMany([avatar])).toEqual([down]);
    });

    it('serves nothing older than may be believed', async () => {
      let maxAge = ttl + 1;
      const cache = await expiredCache({ maxAgeMs: () => maxAge });
      expect(await cache.readMany([avatar])).toEqual(version(1));
      expect(bench.sources()).toEqual(['stale']);
      bench.clock.advance(retryMs);
      maxAge = ttl + retryMs - 1;
      expect(await cache.readMany([avatar])).toEqual([down]);
    });
  });

  it('answers who loads without waiting for the fill', async () => {
    let confirm: (() => void) | undefined;
    const slow = withMethods(bench.store, {
      fill: async (fills) => {
        await new Promise<void>((resolve) => (confirm = resolve));
        return bench.store.fill(fills);
      },
    });
    const cache = bench.cache({ store: slow });
    expect(await cache.readMany([avatar])).toEqual(version(1));
    await waitFor(() => confirm, { what: 'the fill to be sent' });
    const stopping = cache.stop();
    confirm?.();
    await stopping;
    expect(await cache.readMany([avatar])).toEqual(version(1));
    expect(bench.origin.calls).toHaveLength(1);
  });

  it('keeps the value that says that there is nothing for its own time', async () => {
    const negativeTtlMs = 5_000;
    const cache = bench.cache({ negativeTtlMs, isNegative: (value) => value.startsWith('User:1 ') });
    const other = { owner: 'User:2', collection: 'avatars' };
    await cache.readMany([avatar, other]);
    expect(bench.events).toContainEqual(expect.objectContaining({ type: 'answered', key: avatar, negative: true }));
    expect(bench.events).toContainEqual(expect.objectContaining({ type: 'answered', key: other, negative: false }));
    await cache.stop();
    bench.clock.advance(0.89 * negativeTtlMs);
    await cache.readMany([avatar, other]);
    expect(bench.origin.calls).toHaveLength(1);
    bench.clock.advance(negativeTtlMs);
    await cache.readMany([avatar, other]);
    expect(bench.origin.calls.slice(1)).toEqual([[avatar]]);
  });

  it('lets values that were loaded together end at different times, up to a tenth earlier', async () => {
    const fills: Fill[] = [];
    const noted = withMethods(bench.store, {
      fill: (some) => {
        fills.push(...some);
        return bench.store.fill(some);
      },
    });
    const cache = bench.cache({ store: noted });
    for (const [index, chance] of [0, 0.5, 1].entries()) {
      bench.clock.chance = chance;
      await cache.readMany([{ owner: `User:${index}`, collection: 'avatars' }]);
    }
    await cache.stop();
    expect(fills.map(({ ttlMs }) => ttlMs)).toEqual([ttl, 0.95 * ttl, 0.9 * ttl]);
    for (const { ttlMs, freshMs } of fills) expect(freshMs).toBeCloseTo(0.9 * ttlMs);
  });
});
