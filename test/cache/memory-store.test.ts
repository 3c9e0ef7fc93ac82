import { describe, expect, it } from '@jest/globals';
import { MemoryStore } from '../../src/cache/memory-store.js';
import { describeCacheStore } from '../conformance/cache-store.js';

describeCacheStore('in the process', () => {
  const leaseMs = 200;
  return Promise.resolve({ store: new MemoryStore({ leaseMs }), leaseMs, stop: () => Promise.resolve() });
});

describe('MemoryStore', () => {
  it('stays within its bytes, and an owner that is pushed out takes its lease with it', async () => {
    const store = new MemoryStore({ leaseMs: 60_000, maxBytes: 20_000 });
    await store.readOrLease([{ owner: 'first', collection: 'c', token: 'first' }], Infinity);
    for (let index = 0; index < 50; index += 1) {
      const request = { owner: `owner ${index}`, collection: 'c', token: `token ${index}` };
      await store.readOrLease([request], Infinity);
      await store.fill([{ ...request, payload: 'x'.repeat(1_000), ttlMs: 60_000 }]);
    }
    const lookups = await store.readOrLease(Array.from({ length: 50 }, (_, index) => ({ owner: `owner ${index}`, collection: 'c', token: `again ${index}` })), Infinity);
    expect(lookups.filter(({ kind }) => kind === 'hit').length).toBeLessThan(10);
    expect(await store.fill([{ owner: 'first', collection: 'c', token: 'first', payload: 'old', ttlMs: 60_000 }])).toEqual([false]);
  });

  it('does not keep, and does not claim to have kept, a value larger than itself', async () => {
    const store = new MemoryStore({ leaseMs: 60_000, maxBytes: 1_000 });
    const request = { owner: 'o', collection: 'c', token: 't' };
    await store.readOrLease([request], Infinity);
    expect(await store.fill([{ ...request, payload: 'x'.repeat(10_000), ttlMs: 60_000 }])).toEqual([false]);
  });
});
