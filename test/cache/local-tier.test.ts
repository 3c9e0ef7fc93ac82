/** Copies of stored values in the process: when they are made, served and dropped, through the core; their bounds, on the tier itself. */
import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { setImmediate } from 'node:timers/promises';
import type { CacheEvent } from '../../src/cache/cache-events.js';
import type { CacheStore, EntryKey, Hit, StoreWatcher } from '../../src/cache/cache-store.js';
import { LocalTier, type Copy } from '../../src/cache/local-tier.js';
import { Stamps } from '../../src/cache/stamps.js';
import { MemoryStore } from '../../src/cache/memory-store.js';
import { ReadThrough } from '../../src/cache/read-through.js';
import { Clock, withMethods } from './read-through-harness.js';

interface Album {
  name: string;
  photos: { title: string; tags: string[] }[];
}

const ttl = 60_000;
const avatars: EntryKey = { owner: 'User:1', collection: 'avatars' };
const images: EntryKey = { owner: 'User:1', collection: 'images' };
const all: EntryKey = { owner: 'User:1', collection: '' };

describe('a copy in the process', () => {
  let clock: Clock;
  let data: MemoryStore;
  let store: CacheStore;
  /** The tier, as the store sees it. */
  let copies: StoreWatcher;
  let coherent: boolean;
  let maxAgeMs: number;
  let cache: ReadThrough<Album>;
  let name: string;
  let last: CacheEvent | undefined;
  /** Hold the store's answers to reads and to fills back while they are set. */
  let answering: Promise<void> | undefined;
  let filling: Promise<void> | undefined;
  let refuses: boolean;

  beforeEach(() => {
    [coherent, maxAgeMs, name, last, answering, filling, refuses] = [true, Infinity, 'first', undefined, undefined, undefined, false];
    clock = new Clock();
    data = new MemoryStore({ leaseMs: 5_000, now: () => clock.now() });
    store = withMethods(data, {
      isCoherent: () => coherent,
      watch: (watcher) => {
        copies = watcher;
        data.watch(watcher);
      },
      readOrLease: async (requests, maxAge) => {
        const lookups = await data.readOrLease(requests, maxAge);
        await answering;
        return lookups;
      },
      fill: async (fills) => {
        if (refuses) {
          await data.release(fills);
          return fills.map(() => undefined);
        }
        const accepted = await data.fill(fills);
        await filling;
        return accepted;
      },
    });
    cache = cacheOn(store);
  });

  const cacheOn = (on: CacheStore): ReadThrough<Album> =>
    new ReadThrough({
      store: on,
      codec: { encode: (album) => JSON.stringify(album), decode: (payload): Album => JSON.parse(payload) },
      load: (keys) => Promise.resolve(keys.map(() => ({ name, photos: [{ title: 'one', tags: ['red'] }] }))),
      ttlMs: ttl,
      negativeTtlMs: ttl,
      isNegative: () => false,
      maxWaitMs: ttl,
      maxAgeMs: () => maxAgeMs,
      observe: (event) => (last = event),
      time: clock,
    });
  const read = async (key: EntryKey): Promise<Album> => {
    const [album] = await cache.readMany([key]);
    if (!album || album instanceof Error) throw new Error('nothing was read', { cause: album });
    return album;
  };
  const sourceOf = async (key: EntryKey): Promise<string | undefined> => {
    await read(key);
    return last?.type === 'answered' ? last.source : undefined;
  };
  /** Loads, stores and copies it. */
  const copied = async (...keys: EntryKey[]): Promise<void> => {
    for (const key of keys) {
      for (let time = 0; time < 3; time += 1) {
        await read(key);
        await cache.stop();
      }
      expect(await sourceOf(key)).toBe('local');
    }
  };

  it('is made of what was read from the store, not of what is loaded for the first time', async () => {
    expect(await sourceOf(avatars)).toBe('origin');
    await cache.stop();
    expect(await sourceOf(avatars)).toBe('store');
    expect(await sourceOf(avatars)).toBe('local');
    expect(await sourceOf(avatars)).toBe('local');
  });

  it('is made of what is loaded again, once the store has accepted it', async () => {
    await copied(avatars);
    await cache.invalidate(avatars.owner, avatars.collection);
    name = 'second';
    expect(await sourceOf(avatars)).toBe('origin');
    await cache.stop();
    expect(await sourceOf(avatars)).toBe('local');
    expect(await read(avatars)).toMatchObject({ name: 'second' });
    expect(last).toMatchObject({ generation: expect.stringMatching(/^\S+$/) });
  });

  it('is not made of what is loaded again when the store refuses it', async () => {
    await copied(avatars);
    await cache.invalidate(avatars.owner, avatars.collection);
    refuses = true;
    await read(avatars);
    await cache.stop();
    refuses = false;
    expect(await sourceOf(avatars)).toBe('origin');
  });

  it('is served without asking the store', async () => {
    await copied(avatars);
    answering = new Promise(() => undefined);
    expect(await read(avatars)).toMatchObject({ name: 'first' });
  });

  it('cannot be changed by who reads it, in any depth', async () => {
    await copied(avatars);
    const album = await read(avatars);
    expect(() => (album.name = 'mine')).toThrow(TypeError);
    expect(() => album.photos.push({ title: 'two', tags: [] })).toThrow(TypeError);
    expect(() => album.photos[0]?.tags.push('green')).toThrow(TypeError);
    expect(await read(avatars)).toEqual({ name: 'first', photos: [{ title: 'one', tags: ['red'] }] });
  });

  it('tells the age and the time that is left of the value', async () => {
    await read(avatars);
    await cache.stop();
    clock.advance(1_000);
    await read(avatars);
    clock.advance(2_000);
    expect(await sourceOf(avatars)).toBe('local');
    expect(last).toMatchObject({ ageMs: 3_000, ttlMs: ttl - 3_000 });
  });

  it('is not served in the last tenth of the time of its value, so that somebody loads it anew', async () => {
    await copied(avatars);
    clock.advance(0.89 * ttl);
    expect(await sourceOf(avatars)).toBe('local');
    name = 'second';
    clock.advance(0.02 * ttl);
    await read(avatars);
    await cache.stop();
    expect(await read(avatars)).toMatchObject({ name: 'second' });
  });

  it.each<[string, owner: string, collection: string | undefined, kept: EntryKey[]]>([
    ['its collection, and that of all collections', 'User:1', 'avatars', [images]],
    ['a collection that has no copy: that of all collections', 'User:1', 'covers', [avatars, images]],
    ['the owner', 'User:1', undefined, []],
    ['another owner: none', 'User:11', undefined, [avatars, images, all]],
  ])('is dropped by an invalidation of %s', async (_of, owner, collection, kept) => {
    await copied(avatars, images, all);
    await data.invalidate(owner, collection);
    // Asked only of the copies: the store answers nothing any more.
    answering = new Promise(() => undefined);
    const served = await Promise.all(
      [avatars, images, all].map(async (key) => {
        const outcome = await Promise.race([read(key), afterAWhile()]);
        return outcome ? key : undefined;
      }),
    );
    expect(served.filter((key) => key !== undefined)).toEqual(kept);
  });

  it('is dropped when announcements may have been missed', async () => {
    await copied(avatars, images);
    copies.lost();
    expect(await sourceOf(avatars)).toBe('store');
    expect(await sourceOf(images)).toBe('store');
  });

  it.each<['is' | 'is not', string, announce: () => void]>([
    ['is not', 'its collection is invalidated', () => copies.invalidated('User:1', 'avatars')],
    ['is not', 'its owner is invalidated', () => copies.invalidated('User:1', undefined)],
    ['is not', 'announcements may have been missed', () => copies.lost()],
    ['is', 'another collection is invalidated', () => copies.invalidated('User:1', 'images')],
    ['is', 'another owner is invalidated', () => copies.invalidated('User:2', undefined)],
  ])('%s made when, between the question and the answer, %s', async (verdict, _event, announce) => {
    await read(avatars);
    await cache.stop();
    let answer: (() => void) | undefined;
    answering = new Promise((resolve) => (answer = resolve));
    const reading = read(avatars);
    announce();
    answer?.();
    await reading;
    expect(await sourceOf(avatars)).toBe(verdict === 'is' ? 'local' : 'store');
  });

  it.each<['is' | 'is not', string, announce: () => void]>([
    ['is not', 'its collection is invalidated', () => copies.invalidated('User:1', 'avatars')],
    ['is not', 'announcements may have been missed', () => copies.lost()],
    ['is', 'another collection is invalidated', () => copies.invalidated('User:1', 'images')],
  ])('%s made of what is loaded again when, between the fill and its confirmation, %s', async (verdict, _event, announce) => {
    await copied(avatars);
    await cache.invalidate(avatars.owner, avatars.collection);
    let confirm: (() => void) | undefined;
    filling = new Promise((resolve) => (confirm = resolve));
    await read(avatars);
    announce();
    confirm?.();
    await cache.stop();
    expect(await sourceOf(avatars)).toBe(verdict === 'is' ? 'local' : 'store');
  });

  it('of all collections is not made when any collection is invalidated between the question and the answer', async () => {
    await read(all);
    await cache.stop();
    let answer: (() => void) | undefined;
    answering = new Promise((resolve) => (answer = resolve));
    const reading = read(all);
    copies.invalidated('User:1', 'images');
    answer?.();
    await reading;
    expect(await sourceOf(all)).toBe('store');
  });

  it('is neither served nor made while the store is not certain to have heard everything', async () => {
    await copied(avatars);
    coherent = false;
    expect(await sourceOf(avatars)).toBe('store');
    await read(images);
    await cache.stop();
    expect(await sourceOf(images)).toBe('store');
    coherent = true;
    expect(await sourceOf(images)).toBe('store');
    expect(await sourceOf(images)).toBe('local');
  });

  it('is neither served nor made while entries are believed for a bounded time only', async () => {
    await copied(avatars);
    maxAgeMs = ttl;
    expect(await sourceOf(avatars)).toBe('store');
    await read(images);
    await cache.stop();
    expect(await sourceOf(images)).toBe('store');
    maxAgeMs = Infinity;
    expect(await sourceOf(images)).toBe('store');
    expect(await sourceOf(images)).toBe('local');
  });

  it.each(['invalidate', 'invalidateAfterWrite'] as const)('is dropped by `%s` of its own process before that resolves, though the store announces nothing', async (method) => {
    store = withMethods(store, { watch: () => undefined });
    cache = cacheOn(store);
    await copied(avatars);
    name = 'second';
    await cache[method](avatars.owner, avatars.collection);
    expect(await read(avatars)).toMatchObject({ name: 'second' });
  });
});

/** Resolves after everything that is answered without the store has been. */
async function afterAWhile(): Promise<undefined> {
  for (let turn = 0; turn < 10; turn += 1) await setImmediate();
}

describe('the copies in a process', () => {
  const hit = (payload: string): Hit => ({ kind: 'hit', version: payload, payload, ageMs: 0, ttlMs: ttl, endMs: ttl, freshMs: ttl, refresh: false, generation: 'g', lastEventId: undefined });
  const tierOf = (bounds: { maxBytes: number }): LocalTier<string> =>
    new LocalTier({ store: { watch: () => undefined, isCoherent: () => true, settledMs: 0 }, now: () => 0, ...bounds });
  const copy = (tier: LocalTier<string>, key: EntryKey, payload = ''): void => {
    const { stamp } = tier.begin(key, true);
    if (!stamp) throw new Error('no stamp');
    tier.admit(key, stamp, { value: payload, stored: hit(payload), askedAt: 0 });
  };
  const ownersKept = (tier: LocalTier<string>, count: number): number[] => Array.from({ length: count }, (_, index) => index).filter((index) => tier.get(`User:${index}`, 'c'));

  it('are dropped when they are too many: the least recently used goes first', () => {
    const tier = tierOf({ maxBytes: 1_000 });
    for (let index = 0; index < 3; index += 1) copy(tier, { owner: `User:${index}`, collection: 'c' });
    tier.get('User:0', 'c');
    copy(tier, { owner: 'User:3', collection: 'c' });
    expect(ownersKept(tier, 4)).toEqual([0, 2, 3]);
  });

  it('have so many bytes at most', () => {
    const tier = tierOf({ maxBytes: 100_000 });
    for (let index = 0; index < 100; index += 1) copy(tier, { owner: `User:${index}`, collection: 'c' }, 'x'.repeat(10_000));
    const kept = ownersKept(tier, 100);
    expect(kept.length).toBeGreaterThan(1);
    expect(kept.length).toBeLessThanOrEqual(10);
    expect(kept).toContain(99);
  });

  it('have them also when all are of one owner', () => {
    const tier = tierOf({ maxBytes: 100_000 });
    const collections = Array.from({ length: 64 }, (_, index) => `collection ${index}`);
    for (const collection of collections) copy(tier, { owner: 'User:0', collection }, 'x'.repeat(10_000));
    expect(collections.filter((collection) => tier.get('User:0', collection)).length).toBeLessThanOrEqual(10);
  });

  it('are believed again when the store says that they are what it has, after an announcement of an entry that shares their place', () => {
    const tier = tierOf({ maxBytes: 65_536 });
    const key = { owner: 'User:0', collection: 'c' };
    // As many as there are for so few bytes.
    const stamps = new Stamps(1_024);
    const { entry } = stamps.take(key);
    let name = 1;
    while (stamps.take({ owner: `User:${name}`, collection: 'c' }).entry !== entry) name += 1;
    copy(tier, key);
    tier.invalidated(`User:${name}`, 'c');
    expect(tier.get(key.owner, key.collection)).toBeUndefined();
    const reading = tier.begin(key, true);
    tier.found(reading, { kind: 'same' });
    expect(tier.get(key.owner, key.collection)).toMatchObject({ value: '' });
  });

  it('of what the store has accepted end what was made of what was read meanwhile', () => {
    const tier = tierOf({ maxBytes: 100_000 });
    const key = { owner: 'User:0', collection: 'c' };
    tier.beginFill(key);
    const stamp = tier.beginFill(key);
    copy(tier, key, 'older');
    const older = tier.get(key.owner, key.collection);
    if (!stamp || !older) throw new Error('nothing to begin with');
    tier.admitFilled(key, stamp, { value: 'newer', stored: hit('newer'), askedAt: 0 });
    expect(tier.get(key.owner, key.collection)).toMatchObject({ value: 'newer' });
    expect(tier.holds(older, key.owner, 0)).toBe(false);
  });

  it('are held until something is announced of them, whatever becomes of the others and of their own place', () => {
    const owners = ['User:0', 'User:1', 'User:2'];
    const key = fc.record({ owner: fc.constantFrom(...owners), collection: fc.constantFrom('a', 'b', '') });
    const change = fc.oneof(
      fc.tuple(fc.constant('copy' as const), key),
      fc.tuple(fc.constant('invalidate' as const), key),
      fc.tuple(fc.constant('invalidate all' as const), key),
      fc.tuple(fc.constant('lose' as const), key),
    );
    const property = fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      const tier = tierOf({ maxBytes: 1_600 });
      let given: { key: EntryKey; copy: Copy<string> }[] = [];
      for (const [what, { owner, collection }] of changes) {
        if (what === 'copy') copy(tier, { owner, collection }, 'x'.repeat(collection === 'b' ? 300 : 10));
        else if (what === 'lose') tier.lost();
        else tier.invalidated(owner, what === 'invalidate' ? collection : undefined);
        const concerns = ({ owner: of, collection: its }: EntryKey): boolean => of === owner && (what === 'invalidate all' || its === collection || its === '');
        const isEnd = ({ key: its }: { key: EntryKey }): boolean => what === 'lose' || (what !== 'copy' && concerns(its));
        for (const one of given) expect(tier.holds(one.copy, one.key.owner, 0)).toBe(!isEnd(one));
        given = given.filter((one) => !isEnd(one));
        const now = tier.get(owner, collection, 0);
        if (now) given.push({ key: { owner, collection }, copy: now });
      }
    });
    fc.assert(property, { numRuns: 500 });
  });
});
