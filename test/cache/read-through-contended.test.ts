/** Who may load while others load: past a store that is out of reach, and while another process holds the lease. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import type { CacheStore } from '../../src/cache/cache-store.js';
import { noStore } from '../../src/cache/no-store.js';
import { waitFor } from '../support/wait.js';
import { avatar, Bench, withMethods } from './read-through-harness.js';

const ttl = 60_000;

describe('ReadThrough', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.origin.letAllGo());

  const version = (number: number): string[] => [`User:1 avatars version ${number}`];

  describe('past the store', () => {
    const owner = (number: number): { owner: string; collection: string } => ({ owner: `User:${number}`, collection: 'avatars' });

    it('calls the origin so often at once, and merges who waits into one call', async () => {
      bench.origin.holding = true;
      const cache = bench.cache({ store: noStore, maxUnfilledCalls: 2 });
      const first = [1, 2].map((number) => cache.readMany([owner(number)]));
      await bench.held(2);
      const later = [1, 2, 3, 4, 4, 3].map((number) => cache.readMany([owner(number)]));
      for (let turn = 0; turn < 10; turn += 1) await setImmediate();
      expect(bench.origin.calls).toHaveLength(2);
      bench.origin.letAllGo();
      await Promise.all(first);
      expect((await Promise.all(later)).flat()).toEqual([1, 2, 3, 4, 4, 3].map((number) => `User:${number} avatars version 1`));
      expect(bench.origin.calls.slice(2)).toEqual([[owner(1), owner(2), owner(3), owner(4)]]);
    });

    it('lets nobody join a load that was under way when they came', async () => {
      bench.origin.holding = true;
      const cache = bench.cache({ store: noStore, maxUnfilledCalls: 1 });
      const early = cache.readMany([avatar]);
      await bench.held();
      bench.origin.version = 2;
      const late = [cache.readMany([avatar]), cache.readMany([avatar])];
      bench.origin.letAllGo();
      expect(await early).toEqual(version(1));
      expect(await Promise.all(late)).toEqual([version(2), version(2)]);
      expect(bench.origin.calls).toHaveLength(2);
    });

    it('makes room again after a call that failed', async () => {
      const cache = bench.cache({ store: noStore, maxUnfilledCalls: 1 });
      bench.origin.failure = new Error('down');
      expect(await cache.readMany([avatar])).toEqual([bench.origin.failure]);
      bench.origin.failure = undefined;
      expect(await cache.readMany([avatar])).toEqual(version(1));
    });
  });

  describe('while another process loads', () => {
    /** A store that counts how often it is asked, with a lease that somebody else holds. */
    async function leasedStore(): Promise<{ counted: CacheStore; asked: () => number }> {
      const { store } = bench;
      await store.readOrLease([{ ...avatar, token: 'another process' }], Infinity);
      let asked = 0;
      const readOrLease: CacheStore['readOrLease'] = (requests, maxAgeMs) => {
        asked += 1;
        return store.readOrLease(requests, maxAgeMs);
      };
      return { counted: withMethods(store, { readOrLease }), asked: () => asked };
    }
    const fillBy = (token: string, text: string): ReturnType<CacheStore['fill']> => bench.store.fill([{ ...avatar, token, payload: `text:${text}`, ttlMs: ttl, freshMs: ttl }]);

    it('all readers of one process ask the store together, again and again, and share its answer', async () => {
      const { counted, asked } = await leasedStore();
      const cache = bench.cache({ store: counted });
      const reads = Promise.all(Array.from({ length: 20 }, () => cache.readMany([avatar])));
      await waitFor(() => bench.clock.sleeping === 1, { what: 'one to sleep for all' });
      for (let poll = 1; poll <= 3; poll += 1) {
        expect(asked()).toBe(20 + poll - 1);
        bench.clock.advance(50);
        await waitFor(() => asked() === 20 + poll && bench.clock.sleeping === 1, { what: 'the next wait' });
      }
      await fillBy('another process', 'theirs');
      bench.clock.advance(50);
      expect((await reads).flat()).toEqual(Array.from({ length: 20 }, () => 'theirs'));
      expect(asked()).toBe(24);
      expect(bench.origin.calls).toHaveLength(0);
      expect(bench.events.filter(({ type }) => type === 'waited')).toHaveLength(20);
    });

    it('a reader who comes after an invalidation does not share what was asked before it', async () => {
      // The answer to the poll is on its way, with the old value, when the invalidation is applied.
      const { counted } = await leasedStore();
      let deliver: (() => void) | undefined;
      let delaying = false;
      const slow = withMethods(counted, {
        readOrLease: async (requests, maxAgeMs) => {
          const answer = await counted.readOrLease(requests, maxAgeMs);
          if (delaying) await new Promise<void>((resolve) => (deliver = resolve));
          return answer;
        },
      });
      const cache = bench.cache({ store: slow });
      const early = cache.readMany([avatar]);
      await waitFor(() => bench.clock.sleeping === 1, { what: 'the early reader to wait' });
      await fillBy('another process', 'theirs');
      delaying = true;
      bench.clock.advance(50);
      await waitFor(() => deliver, { what: 'the poll to be on its way' });
      delaying = false;
      await cache.invalidate(avatar.owner, avatar.collection);
      await bench.store.readOrLease([{ ...avatar, token: 'a third process' }], Infinity);
      const late = cache.readMany([avatar]);
      await waitFor(() => bench.clock.sleeping === 1, { what: 'the late reader to wait' });
      deliver?.();
      expect(await early).toEqual(['theirs']);
      await fillBy('a third process', 'newer');
      bench.clock.advance(50);
      expect(await late).toEqual(['newer']);
    });

    it('one of all readers takes over from a holder that died, and nobody waits longer than the lease', async () => {
      const { counted } = await leasedStore();
      const reads = [bench.cache({ store: counted }), bench.cache({ store: counted })].flatMap((cache) => Array.from({ length: 5 }, () => cache.readMany([avatar])));
      const waitedMs = await bench.clock.runUntil(Promise.all(reads));
      expect((await Promise.all(reads)).flat()).toEqual(Array.from({ length: 10 }, () => version(1)[0]));
      expect(bench.origin.calls).toHaveLength(1);
      expect(bench.events.filter(({ type }) => type === 'lease-expired')).toHaveLength(1);
      expect(waitedMs).toBeGreaterThanOrEqual(bench.leaseMs);
      // The longest wait between two questions, twice: to take the lease over, and to see the fill in the other process.
      expect(waitedMs).toBeLessThanOrEqual(bench.leaseMs + 2 * 51);
    });
  });
});
