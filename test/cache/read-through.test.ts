import { afterEach, describe, expect, it } from '@jest/globals';
import type { CacheEvent } from '../../src/cache/cache-events.js';
import type { CacheStore } from '../../src/cache/cache-store.js';
import { MemoryStore } from '../../src/cache/memory-store.js';
import { noStore } from '../../src/cache/no-store.js';
import type { ReadThrough } from '../../src/cache/read-through.js';
import { waitFor } from '../support/wait.js';
import { avatar, Origin, textCache, withMethods } from './read-through-harness.js';

describe('ReadThrough', () => {
  const origin = new Origin();
  const events: CacheEvent[] = [];

  function cacheOn(store: CacheStore, { maxWaitMs = 60_000 } = {}): ReadThrough<string> {
    return textCache({ store, origin, events, maxWaitMs });
  }
  const memory = (leaseMs = 60_000): MemoryStore => new MemoryStore({ leaseMs });

  afterEach(() => {
    origin.release();
    Object.assign(origin, { version: 1, failure: undefined, held: [], holding: false });
    origin.calls.length = 0;
    events.length = 0;
  });

  it('loads what it has not, in one call, and answers in the order of the keys, duplicates included', async () => {
    const cache = cacheOn(memory());
    const images = { owner: 'Product:1', collection: 'images' };
    expect(await cache.readMany([avatar, images, avatar])).toEqual(['User:1 avatars version 1', 'Product:1 images version 1', 'User:1 avatars version 1']);
    expect(origin.calls).toEqual([[avatar, images]]);
    await cache.readMany([images, avatar]);
    expect(origin.calls).toHaveLength(1);
  });

  it('loads once for any number of concurrent readers', async () => {
    origin.holding = true;
    const cache = cacheOn(memory());
    const reads = Promise.all(Array.from({ length: 100 }, () => cache.readMany([avatar])));
    await waitFor(() => origin.held.length === 1, { what: 'the load to be under way' });
    origin.release();
    expect(new Set((await reads).flat())).toEqual(new Set(['User:1 avatars version 1']));
    expect(origin.calls).toHaveLength(1);
  });

  it('loads once for the readers of two processes', async () => {
    origin.holding = true;
    const store = memory();
    const reads = Promise.all([cacheOn(store).readMany([avatar]), cacheOn(store).readMany([avatar])]);
    await waitFor(() => origin.held.length === 1, { what: 'the load to be under way' });
    origin.release();
    expect(await reads).toEqual([['User:1 avatars version 1'], ['User:1 avatars version 1']]);
    expect(origin.calls).toHaveLength(1);
  });

  it('never stores what was loaded before an invalidation', async () => {
    origin.holding = true;
    const cache = cacheOn(memory());
    const early = cache.readMany([avatar]);
    await waitFor(() => origin.held.length === 1, { what: 'the load to be under way' });
    origin.version = 2;
    await cache.invalidate(avatar.owner, avatar.collection);
    origin.holding = false;
    origin.release();
    await early;
    expect(await cache.readMany([avatar])).toEqual(['User:1 avatars version 2']);
    expect(events.map(({ type }) => type)).toContain('fill-refused');
  });

  it('does not share a load that an invalidation has overtaken with a reader who came after the invalidation', async () => {
    origin.holding = true;
    const cache = cacheOn(memory());
    const early = cache.readMany([avatar]);
    await waitFor(() => origin.held.length === 1, { what: 'the first load to be under way' });
    origin.version = 2;
    await cache.invalidate(avatar.owner, avatar.collection);
    const late = cache.readMany([avatar]);
    await waitFor(() => origin.held.length === 2, { what: 'a load of its own for the late reader' });
    origin.release();
    await early;
    expect(await late).toEqual(['User:1 avatars version 2']);
  });

  it('does not share a load with a reader who came after its fill was sent', async () => {
    // The fill is accepted, but its confirmation is slow; meanwhile an event is applied and another process takes the lease.
    const store = memory();
    let confirm: () => void = () => undefined;
    const slow = withMethods(store, {
      fill: async (fills) => {
        const accepted = await store.fill(fills);
        await new Promise<void>((resolve) => (confirm = resolve));
        return accepted;
      },
    });
    const cache = cacheOn(slow, { maxWaitMs: 20 });
    const early = cache.readMany([avatar]);
    await waitFor(async () => (await store.readOrLease([{ ...avatar, token: 'probe' }], Infinity))[0]?.kind === 'hit', { what: 'the fill to be accepted' });
    origin.version = 2;
    await cache.invalidate(avatar.owner, avatar.collection);
    await store.readOrLease([{ ...avatar, token: 'another process' }], Infinity);
    const late = cache.readMany([avatar]);
    confirm();
    expect(await late).toEqual(['User:1 avatars version 2']);
    await early;
  });

  it('reads its own writes while the store confirms no invalidation, and gets it confirmed afterwards', async () => {
    const store = memory();
    let away = false;
    const flaky = withMethods(store, {
      invalidate: (owner, collection) => (away ? Promise.reject(new Error('away')) : store.invalidate(owner, collection)),
    });
    const cache = cacheOn(flaky);
    const other = cacheOn(store);
    expect(await cache.readMany([avatar])).toEqual(['User:1 avatars version 1']);
    away = true;
    origin.version = 2;
    await cache.invalidateAfterWrite(avatar.owner, avatar.collection);
    // The store is there again for reads, and still has the old entry.
    expect(await other.readMany([avatar])).toEqual(['User:1 avatars version 1']);
    expect(await cache.readMany([avatar])).toEqual(['User:1 avatars version 2']);
    away = false;
    await waitFor(async () => (await other.readMany([avatar]))[0] === 'User:1 avatars version 2', { what: 'the store to confirm' });
    await waitFor(
      async () => {
        const calls = origin.calls.length;
        await cache.readMany([avatar]);
        return origin.calls.length === calls;
      },
      { what: 'the cache to be used again' },
    );
    await cache.stop();
  });

  it('loads for every reader itself while the store is out of reach', async () => {
    const cache = cacheOn(noStore);
    await Promise.all([cache.readMany([avatar]), cache.readMany([avatar])]);
    expect(origin.calls).toHaveLength(2);
  });

  it('answers an error to all who waited for the load, gives the lease back, and loads again for the next', async () => {
    origin.holding = true;
    origin.failure = new Error('down');
    const cache = cacheOn(memory());
    const reads = Promise.all([cache.readMany([avatar]), cache.readMany([avatar])]);
    await waitFor(() => origin.held.length === 1, { what: 'the load to be under way' });
    origin.release();
    expect(await reads).toEqual([[origin.failure], [origin.failure]]);
    origin.failure = undefined;
    origin.holding = false;
    expect(await cache.readMany([avatar])).toEqual(['User:1 avatars version 1']);
  });

  it('takes over from a holder that died, and does not wait for ever for one that lives', async () => {
    const store = memory(100);
    await store.readOrLease([{ ...avatar, token: 'dead process' }], Infinity);
    expect(await cacheOn(store).readMany([avatar])).toEqual(['User:1 avatars version 1']);
    const immortal = memory(60_000_000);
    await immortal.readOrLease([{ ...avatar, token: 'hanging process' }], Infinity);
    expect(await cacheOn(immortal, { maxWaitMs: 30 }).readMany([avatar])).toEqual(['User:1 avatars version 1']);
    expect(events).toContainEqual({ type: 'load', key: avatar, reason: 'bypass' });
  });

  it('treats an entry that cannot be decoded as a miss, and replaces it', async () => {
    const store = memory();
    await store.readOrLease([{ ...avatar, token: 'foreign' }], Infinity);
    await store.fill([{ ...avatar, token: 'foreign', payload: 'garbage', ttlMs: 60_000, freshMs: 60_000 }]);
    const cache = cacheOn(store);
    expect(await cache.readMany([avatar])).toEqual(['User:1 avatars version 1']);
    await cache.readMany([avatar]);
    await cache.readMany([avatar]);
    await cache.readMany([avatar]);
    expect(origin.calls).toHaveLength(2);
    expect(events.at(-1)).toMatchObject({ type: 'answered', key: avatar, source: 'local' });
  });
});
