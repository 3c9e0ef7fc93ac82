/** What every cache store promises; run on each implementation by test/cache/*-store.test.ts. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { maxCollectionsPerOwner, type CacheStore, type Lookup } from '../../src/cache/cache-store.js';
import { waitFor } from '../support/wait.js';

export interface StoreHarness {
  store: CacheStore;
  /** Another process's store on the same data; the same one where there is only one process. */
  neighbour: CacheStore;
  /** Made with a lease of so many milliseconds. */
  leaseMs: number;
  stop(): Promise<void>;
}

let tokens = 0;
const nextToken = (): string => `token-${(tokens += 1)}`;
let owners = 0;
const nextOwner = (): string => `User:${(owners += 1)}`;

export function describeCacheStore(name: string, start: () => Promise<StoreHarness>): void {
  describe(`a cache store (${name})`, () => {
    let harness: StoreHarness;
    let store: CacheStore;
    beforeAll(async () => {
      harness = await start();
      store = harness.store;
    });
    afterAll(() => harness.stop());

    const read = async (owner: string, collection: string, token = nextToken()): Promise<Lookup | undefined> => {
      const [lookup] = await store.readOrLease([{ owner, collection, token }], Infinity);
      return lookup;
    };
    const fill = async (owner: string, collection: string, token: string, { payload = 'value', ttlMs = 60_000 } = {}): Promise<boolean> => {
      const [accepted] = await store.fill([{ owner, collection, token, payload, ttlMs, freshMs: ttlMs }]);
      return accepted !== undefined;
    };
    const cached = async (owner: string, collection: string, payload = 'value'): Promise<void> => {
      const token = nextToken();
      await read(owner, collection, token);
      expect(await fill(owner, collection, token, { payload })).toBe(true);
    };

    it('gives the lease to the first reader, makes the others wait, and serves them the fill', async () => {
      const owner = nextOwner();
      const token = nextToken();
      expect(await read(owner, 'avatars', token)).toMatchObject({ kind: 'leased' });
      const second = await read(owner, 'avatars');
      expect(second).toMatchObject({ kind: 'wait' });
      expect(second?.kind === 'wait' && second.leaseMs > 0 && second.leaseMs <= harness.leaseMs).toBe(true);
      expect(await fill(owner, 'avatars', token, { payload: 'gr\u00fc\u00dfe \ud83d\ude00 | a|b' })).toBe(true);
      expect(await read(owner, 'avatars')).toMatchObject({ kind: 'hit', payload: 'gr\u00fc\u00dfe \ud83d\ude00 | a|b' });
    });

    it('answers a batch in order, hits and misses mixed', async () => {
      const [one, two] = [nextOwner(), nextOwner()];
      await cached(one, 'avatars', 'first');
      await cached(two, 'images', 'second');
      const keys = [
        { owner: two, collection: 'images' },
        { owner: two, collection: 'avatars' },
        { owner: one, collection: 'avatars' },
      ];
      const lookups = await store.readOrLease(keys.map((key) => ({ ...key, token: nextToken() })), Infinity);
      expect(lookups).toMatchObject([{ kind: 'hit', payload: 'second' }, { kind: 'leased' }, { kind: 'hit', payload: 'first' }]);
    });

    it('accepts a fill once, and only from the holder of the lease', async () => {
      const owner = nextOwner();
      const token = nextToken();
      await read(owner, 'avatars', token);
      expect(await fill(owner, 'avatars', nextToken())).toBe(false);
      expect(await fill(owner, 'avatars', token)).toBe(true);
      expect(await fill(owner, 'avatars', token, { payload: 'again' })).toBe(false);
      expect(await read(owner, 'avatars')).toMatchObject({ kind: 'hit', payload: 'value' });
    });

    it('refuses a fill that was loaded before an invalidation', async () => {
      const owner = nextOwner();
      const token = nextToken();
      await read(owner, 'avatars', token);
      await store.invalidate(owner, 'avatars');
      expect(await fill(owner, 'avatars', token)).toBe(false);
      expect(await read(owner, 'avatars')).toMatchObject({ kind: 'leased' });
    });

    it('refuses it also when another reader has taken the lease since', async () => {
      const owner = nextOwner();
      const [old, young] = [nextToken(), nextToken()];
      await read(owner, 'avatars', old);
      await store.invalidate(owner, 'avatars');
      await read(owner, 'avatars', young);
      expect(await fill(owner, 'avatars', old, { payload: 'old' })).toBe(false);
      expect(await fill(owner, 'avatars', young, { payload: 'young' })).toBe(true);
    });

    it('invalidates the collection and the entry of all collections, and no other collection', async () => {
      const owner = nextOwner();
      for (const collection of ['avatars', '', 'images']) await cached(owner, collection);
      await store.invalidate(owner, 'avatars');
      expect(await read(owner, 'images')).toMatchObject({ kind: 'hit' });
      expect(await read(owner, 'avatars')).toMatchObject({ kind: 'leased' });
      expect(await read(owner, '')).toMatchObject({ kind: 'leased' });
    });

    it('invalidates the whole owner when no collection is named, and no other owner', async () => {
      const [owner, other] = [nextOwner(), nextOwner()];
      await cached(owner, 'avatars');
      await cached(owner, 'images');
      await cached(other, 'avatars');
      await store.invalidate(owner, undefined);
      expect(await read(owner, 'avatars')).toMatchObject({ kind: 'leased' });
      expect(await read(owner, 'images')).toMatchObject({ kind: 'leased' });
      expect(await read(other, 'avatars')).toMatchObject({ kind: 'hit' });
    });

    it('invalidates what was never cached without complaint, twice too', async () => {
      const owner = nextOwner();
      await store.invalidate(owner, 'avatars');
      await store.invalidate(owner, undefined);
      await store.invalidate(owner, undefined);
      expect(await read(owner, 'avatars')).toMatchObject({ kind: 'leased' });
    });

    it('gives the lease to the next reader when the holder releases it, and ignores a release by anyone else', async () => {
      const owner = nextOwner();
      const token = nextToken();
      await read(owner, 'avatars', token);
      await store.release([{ owner, collection: 'avatars', token: nextToken() }]);
      expect(await read(owner, 'avatars')).toMatchObject({ kind: 'wait' });
      await store.release([{ owner, collection: 'avatars', token }]);
      expect(await read(owner, 'avatars')).toMatchObject({ kind: 'leased' });
    });

    it('gives the lease of a dead holder to one reader, and refuses what the dead one fills afterwards', async () => {
      const owner = nextOwner();
      const dead = nextToken();
      await read(owner, 'avatars', dead);
      const takers = await waitFor(
        async () => {
          const lookups = await store.readOrLease([1, 2, 3].map(() => ({ owner, collection: 'avatars', token: nextToken() })), Infinity);
          return lookups.some(({ kind }) => kind === 'leased') && lookups;
        },
        { what: 'the lease to expire' },
      );
      expect(takers.map(({ kind }) => kind).toSorted()).toEqual(['leased', 'wait', 'wait']);
      expect(await fill(owner, 'avatars', dead)).toBe(false);
    });

    it('ends an entry with its time to live', async () => {
      const owner = nextOwner();
      const token = nextToken();
      await read(owner, 'avatars', token);
      await fill(owner, 'avatars', token, { ttlMs: 40 });
      await waitFor(async () => (await read(owner, 'avatars'))?.kind !== 'hit', { what: 'the entry to expire' });
    });

    it('says how old a value is and how long it lives', async () => {
      const owner = nextOwner();
      const token = nextToken();
      await read(owner, 'avatars', token);
      await store.fill([{ owner, collection: 'avatars', token, payload: 'value', ttlMs: 60_000, freshMs: 50_000, ageMs: 1_000 }]);
      const hit = await read(owner, 'avatars');
      if (hit?.kind !== 'hit') throw new Error('no hit');
      expect(hit).toMatchObject({ refresh: false, lastEventId: undefined, generation: expect.stringMatching(/^\S+$/) });
      expect(hit.ageMs).toBeGreaterThanOrEqual(1_000);
      expect(hit.ttlMs).toBeLessThanOrEqual(60_000);
      expect(hit.freshMs).toBeLessThanOrEqual(50_000);
      expect(hit.ttlMs - hit.freshMs).toBeCloseTo(10_000, -1);
    });

    it('lets one reader at a time load ahead of the end, and serves the old value meanwhile, until it is filled or invalidated', async () => {
      const owner = nextOwner();
      const key = { owner, collection: 'avatars' };
      const [first, second] = [nextToken(), nextToken()];
      await read(owner, 'avatars', first);
      await store.fill([{ ...key, token: first, payload: 'old', ttlMs: 60_000, freshMs: 0 }]);
      expect(await read(owner, 'avatars', second)).toMatchObject({ kind: 'hit', payload: 'old', refresh: true, freshMs: 0 });
      expect(await read(owner, 'avatars')).toMatchObject({ kind: 'hit', payload: 'old', refresh: false });
      expect(await store.fill([{ ...key, token: second, payload: 'new', ttlMs: 60_000, freshMs: 0 }])).toEqual([expect.any(Object)]);
      const third = nextToken();
      expect(await read(owner, 'avatars', third)).toMatchObject({ kind: 'hit', payload: 'new', refresh: true });
      await store.invalidate(owner, 'avatars');
      expect(await fill(owner, 'avatars', third)).toBe(false);
    });

    it('gives an expired value along with the lease, but never an invalidated or an older one than may be served', async () => {
      const owner = nextOwner();
      const expired = async (payload: string): Promise<void> => {
        const token = nextToken();
        await read(owner, 'avatars', token);
        await store.fill([{ owner, collection: 'avatars', token, payload, ttlMs: 1, freshMs: 1, ageMs: 5_000 }]);
      };
      await expired('expired');
      const token = nextToken();
      const lookup = await waitFor(
        async () => {
          const answer = await read(owner, 'avatars', token);
          return answer?.kind === 'leased' && answer;
        },
        { what: 'the value to expire' },
      );
      expect(lookup.stale).toMatchObject({ payload: 'expired' });
      await store.release([{ owner, collection: 'avatars', token }]);
      const [limited] = await store.readOrLease([{ owner, collection: 'avatars', token: nextToken() }], 4_000);
      expect(limited).toEqual({ kind: 'leased', stale: undefined, takenOver: false });
      await store.invalidate(owner, 'avatars');
      expect(await read(owner, 'avatars')).toEqual({ kind: 'leased', stale: undefined, takenOver: false });
    });

    it('says that a lease was taken over from a holder that let it expire', async () => {
      const owner = nextOwner();
      await read(owner, 'avatars');
      const taken = await waitFor(
        async () => {
          const answer = await read(owner, 'avatars');
          return answer?.kind === 'leased' && answer;
        },
        { what: 'the lease to expire' },
      );
      expect(taken.takenOver).toBe(true);
    });

    it('remembers which event was the last to invalidate something of an owner', async () => {
      const owner = nextOwner();
      await cached(owner, 'images');
      await store.invalidate(owner, 'avatars', { eventId: 'event 1' });
      expect(await read(owner, 'images')).toMatchObject({ kind: 'hit', lastEventId: 'event 1' });
      await store.invalidate(owner, undefined, { eventId: 'event 2' });
      await cached(owner, 'images');
      expect(await read(owner, 'images')).toMatchObject({ kind: 'hit', lastEventId: 'event 2' });
    });

    it('takes an entry that is older than it may be for a miss, and keeps the newer one that is filled then', async () => {
      const owner = nextOwner();
      await cached(owner, 'avatars', 'old');
      const request = { owner, collection: 'avatars' };
      const token = await waitFor(
        async () => {
          const candidate = nextToken();
          const [lookup] = await store.readOrLease([{ ...request, token: candidate }], 30);
          return lookup?.kind === 'leased' && candidate;
        },
        { what: 'the entry to be too old' },
      );
      expect(await fill(owner, 'avatars', token, { payload: 'new' })).toBe(true);
      expect(await store.readOrLease([{ ...request, token: nextToken() }], 60_000)).toMatchObject([{ kind: 'hit', payload: 'new' }]);
    });

    it('keeps a long-lived entry when a short-lived one of the same owner ends', async () => {
      const owner = nextOwner();
      await cached(owner, 'images');
      const token = nextToken();
      await read(owner, 'avatars', token);
      await fill(owner, 'avatars', token, { ttlMs: 40 });
      await waitFor(async () => (await read(owner, 'avatars'))?.kind !== 'hit', { what: 'the short entry to expire' });
      expect(await read(owner, 'images')).toMatchObject({ kind: 'hit' });
    });

    it('does not let one owner grow without bound', async () => {
      const owner = nextOwner();
      const collections = Array.from({ length: maxCollectionsPerOwner * 3 }, (_, index) => `collection ${index}`);
      for (const collection of collections) await cached(owner, collection);
      const newestFirst = collections.toReversed();
      const lookups = await store.readOrLease(newestFirst.map((collection) => ({ owner, collection, token: nextToken() })), Infinity);
      const hits = lookups.filter(({ kind }) => kind === 'hit').length;
      expect(hits).toBeGreaterThan(0);
      expect(hits).toBeLessThanOrEqual(maxCollectionsPerOwner);
    });

    it('keeps apart names that look alike', async () => {
      const owner = nextOwner();
      await cached(owner, 'a', 'lower');
      await cached(owner, 'A', 'upper');
      await cached(owner, 'v:a', 'prefixed');
      expect(await read(owner, 'a')).toMatchObject({ kind: 'hit', payload: 'lower' });
      expect(await read(owner, 'A')).toMatchObject({ kind: 'hit', payload: 'upper' });
      expect(await read(owner, 'v:a')).toMatchObject({ kind: 'hit', payload: 'prefixed' });
    });
  });
}
