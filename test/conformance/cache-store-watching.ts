/** The promises of a cache store to the copies that others make of its values, to operators, and to the canaries. Run by test/cache/*-store.test.ts. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CacheStore, StoreWatcher } from '../../src/cache/cache-store.js';
import { waitFor } from '../support/wait.js';
import type { StoreHarness } from './cache-store.js';

let owners = 0;
const nextOwner = (): string => `Watched:${(owners += 1)}`;

/** Notes what it hears. */
function recorder(): StoreWatcher & { heard: [string, string | undefined][]; losses: number } {
  const heard: [string, string | undefined][] = [];
  const watcher = {
    heard,
    losses: 0,
    invalidated: (owner: string, collection: string | undefined) => void heard.push([owner, collection]),
    lost: () => void (watcher.losses += 1),
  };
  return watcher;
}

export function describeCacheStoreWatching(name: string, start: () => Promise<StoreHarness>): void {
  describe(`a cache store and its watchers (${name})`, () => {
    let harness: StoreHarness;
    let store: CacheStore;
    beforeAll(async () => {
      harness = await start();
      store = harness.store;
    });
    afterAll(() => harness.stop());

    const cached = async (owner: string): Promise<void> => {
      const key = { owner, collection: 'avatars', token: `token of ${owner}` };
      await store.readOrLease([key], Infinity);
      expect(await store.fill([{ ...key, payload: 'value', ttlMs: 60_000, freshMs: 60_000 }])).toEqual([expect.any(Object)]);
    };
    const isCached = async (owner: string): Promise<boolean> => {
      const [lookup] = await store.readOrLease([{ owner, collection: 'avatars', token: 'looks' }], Infinity);
      if (lookup?.kind === 'leased') await store.release([{ owner, collection: 'avatars', token: 'looks' }]);
      return lookup?.kind === 'hit';
    };

    it('tells the watchers of every process of every invalidation, also of what was not cached', async () => {
      const [here, there] = [recorder(), recorder()];
      store.watch(here);
      harness.neighbour.watch(there);
      const owner = nextOwner();
      await waitFor(() => harness.neighbour.isCoherent(owner) && store.isCoherent(owner), { what: 'the stores to be coherent' });
      await store.invalidate(owner, 'avatars');
      await harness.neighbour.invalidate(owner, undefined);
      for (const { heard } of [here, there]) {
        await waitFor(() => heard.some(([about, collection]) => about === owner && collection === undefined), { what: 'the last invalidation to be heard' });
        // More than once is noise, but no harm.
        expect(new Set(heard.filter(([about]) => about === owner).map(([, collection]) => collection))).toEqual(new Set(['avatars', undefined]));
      }
    });

    it('is coherent again and again, without anything being invalidated', async () => {
      const owner = nextOwner();
      for (let time = 0; time < 5; time += 1) await waitFor(() => store.isCoherent(owner), { what: 'the store to be coherent' });
    });

    it('purges the owners of a prefix, whatever characters it has, and all owners, and has all copies voided', async () => {
      const there = recorder();
      harness.neighbour.watch(there);
      const names = ['Purge*[a]:1', 'Purge*[a]:2', 'Purgex[a]:1', 'Other:1'];
      for (const owner of names) await cached(owner);
      expect(await store.purge('Purge*[a]:')).toBe(2);
      expect(await Promise.all(names.map(isCached))).toEqual([false, false, true, true]);
      await waitFor(() => there.losses >= 1, { what: 'the copies to be voided' });
      expect(await store.purge('')).toBeGreaterThanOrEqual(2);
      expect(await Promise.all(names.map(isCached))).toEqual([false, false, false, false]);
    });

    it('refuses a fill that was loaded before a purge', async () => {
      const request = { owner: nextOwner(), collection: 'avatars', token: 'loads' };
      await store.readOrLease([request], Infinity);
      await store.purge('');
      expect(await store.fill([{ ...request, payload: 'old', ttlMs: 60_000, freshMs: 60_000 }])).toEqual([undefined]);
    });

    it('keeps marks for all processes until they end, and a purge leaves them', async () => {
      expect(await store.getMark('none')).toBeUndefined();
      await store.putMark('mark', 'text', 60_000);
      await store.purge('');
      expect(await harness.neighbour.getMark('mark')).toBe('text');
      await store.putMark('mark', 'newer', 30);
      await waitFor(async () => (await harness.neighbour.getMark('mark')) === undefined, { what: 'the mark to end' });
    });
  });
}
