import { describe, expect, it } from '@jest/globals';
import { MemoryStore } from '../../src/cache/memory-store.js';
import { describeCacheStore, type StoreHarness } from '../conformance/cache-store.js';
import { describeVersions } from '../conformance/cache-store-versions.js';
import { describeCacheStoreWatching } from '../conformance/cache-store-watching.js';

const start = (): Promise<StoreHarness> => {
  const leaseMs = 200;
  const store = new MemoryStore({ leaseMs });
  return Promise.resolve({ store, neighbour: store, leaseMs, stop: () => Promise.resolve() });
};
describeCacheStore('in the process', start);
describeCacheStoreWatching('in the process', start);
describeVersions('in the process', start);

describe('MemoryStore', () => {
  it('stays within its bytes, and an owner that is pushed out takes its lease with it', async () => {
    const store = new MemoryStore({ leaseMs: 60_000, maxBytes: 20_000 });
    await store.readOrLease([{ owner: 'first', collection: 'c', token: 'first' }], Infinity);
    for (let index = 0; index < 50; index += 1) {
      const request = { owner: `owner ${index}`, collection: 'c', token: `token ${index}` };
      await store.readOrLease([request], Infinity);
      await store.fill([{ ...request, payload: 'x'.repeat(1_000), ttlMs: 60_000, freshMs: 60_000 }]);
    }
    const lookups = await store.readOrLease(Array.from({ length: 50 }, (_, index) => ({ owner: `owner ${index}`, collection: 'c', token: `again ${index}` })), Infinity);
    expect(lookups.filter(({ kind }) => kind === 'hit').length).toBeLessThan(10);
    expect(await store.fill([{ owner: 'first', collection: 'c', token: 'first', payload: 'old', ttlMs: 60_000, freshMs: 60_000 }])).toEqual([undefined]);
  });

  it('treats what was stored or leased in another generation as absent', async () => {
    let generation = 'first';
    const store = new MemoryStore({ leaseMs: 60_000, generation: () => generation });
    const [stored, leased] = [
      { owner: 'o', collection: 'stored', token: 's' },
      { owner: 'o', collection: 'leased', token: 'l' },
    ];
    await store.readOrLease([stored, leased], Infinity);
    await store.fill([{ ...stored, payload: 'value', ttlMs: 60_000, freshMs: 60_000 }]);
    generation = 'second';
    expect(await store.fill([{ ...leased, payload: 'value', ttlMs: 60_000, freshMs: 60_000 }])).toEqual([undefined]);
    const none = { kind: 'leased', stale: undefined, takenOver: false };
    expect(await store.readOrLease([{ ...stored, token: 's2' }, { ...leased, token: 'l2' }], Infinity)).toEqual([none, none]);
  });

  it('does not keep, and does not claim to have kept, a value larger than itself', async () => {
    const store = new MemoryStore({ leaseMs: 60_000, maxBytes: 1_000 });
    const request = { owner: 'o', collection: 'c', token: 't' };
    await store.readOrLease([request], Infinity);
    expect(await store.fill([{ ...request, payload: 'x'.repeat(10_000), ttlMs: 60_000, freshMs: 60_000 }])).toEqual([undefined]);
  });
});
