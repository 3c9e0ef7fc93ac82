import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { RedisStore } from '../../src/cache/redis-store.js';
import { describeCacheStore, type StoreHarness } from '../conformance/cache-store.js';
import { describeVersions } from '../conformance/cache-store-versions.js';
import { describeCacheStoreWatching } from '../conformance/cache-store-watching.js';
import type { PrivateServer } from '../support/servers/private-server.js';
import { startRedis } from '../support/servers/redis.js';
import { sharedRedis } from '../support/servers/shared.js';
import { waitFor } from '../support/wait.js';
import { connectHarness, connectStore, filled, request } from './redis-stores.js';

const start = (): Promise<StoreHarness> => {
  const { url, keyPrefix } = sharedRedis();
  return connectHarness([url, url], { keyPrefix }, () => Promise.resolve());
};
describeCacheStore('Redis', start);
describeCacheStoreWatching('Redis', start);
describeVersions('Redis', start);

describe('RedisStore', () => {
  let server: PrivateServer;
  let redis: Redis;
  let store: RedisStore;
  const cached = async (owner: string): Promise<void> => {
    await store.readOrLease([request(owner, `fill ${owner}`)], Infinity);
    expect(await store.fill([filled(owner, `fill ${owner}`)])).toEqual([expect.any(Object)]);
  };

  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
    store = await connectStore(server.url);
  });
  afterAll(async () => {
    store.stop();
    redis.disconnect();
    await server.stop();
  });

  it('treats an entry of another format as a miss, in both directions', async () => {
    await cached('mixed');
    const newer = await connectStore(server.url, { format: 'f2' });
    expect(await newer.readOrLease([request('mixed', 'newer')], Infinity)).toMatchObject([{ kind: 'leased', stale: undefined }]);
    expect(await newer.fill([filled('mixed', 'newer')])).toEqual([expect.any(Object)]);
    expect(await store.readOrLease([request('mixed', 'older')], Infinity)).toMatchObject([{ kind: 'leased', stale: undefined }]);
    newer.stop();
  });

  it('treats garbage under its key as a miss', async () => {
    await redis.hset('mg:{garbage}', 'v:avatars', 'garbage', 'p:avatars', 'garbage', 'l:avatars', 'garbage');
    expect(await store.readOrLease([request('garbage', 'reader')], Infinity)).toEqual([{ kind: 'leased', stale: undefined, takenOver: false }]);
    await redis.set('mg:{string}', 'not a hash');
    expect(await store.readOrLease([request('string', 'reader')], Infinity)).toEqual([{ kind: 'bypass' }]);
    // Nor does it cost those that are asked for with it theirs.
    const both = [request('string', 'another'), request('beside a string', 'another')];
    expect(await store.readOrLease(both, Infinity)).toMatchObject([{ kind: 'bypass' }, { kind: 'leased' }]);
    expect(await store.fill([filled('string', 'another'), filled('beside a string', 'another')])).toEqual([undefined, expect.any(Object)]);
  });

  it('teaches the scripts to a server that has lost them', async () => {
    await cached('scripts');
    await redis.script('FLUSH');
    expect(await store.readOrLease([request('scripts', 'reader')], Infinity)).toMatchObject([{ kind: 'hit' }]);
  });

  it('keeps no key without an expiry', async () => {
    await cached('expiring');
    await store.readOrLease([request('only leased', 'reader')], Infinity);
    for (const owner of ['expiring', 'only leased']) expect(await redis.pttl(`mg:{${owner}}`)).toBeGreaterThan(0);
  });

  it('serves hits, and lets misses pass by, when Redis is full', async () => {
    await cached('full');
    await redis.config('SET', 'maxmemory', '1');
    try {
      expect(await store.readOrLease([request('full', 'reader'), request('empty', 'reader')], Infinity)).toMatchObject([{ kind: 'hit', payload: 'value' }, { kind: 'bypass' }]);
    } finally {
      await redis.config('SET', 'maxmemory', '0');
    }
  });

  it('does not make readers wait for a lease that was granted after its reader had given up', async () => {
    const hasty = await connectStore(server.url, { commandTimeoutMs: 50, leaseMs: 60_000 });
    try {
      server.pause();
      expect(await hasty.readOrLease([request('late', 'hasty')], Infinity)).toEqual([{ kind: 'bypass' }]);
      server.resume();
      await waitFor(async () => (await store.readOrLease([request('late', 'other')], Infinity))[0]?.kind === 'leased', { what: 'the lease to be free' });
    } finally {
      server.resume();
      hasty.stop();
    }
  });

  it('lets every read pass by while Redis is away, refuses to call an invalidation applied, and recovers by itself', async () => {
    await cached('away');
    await server.kill();
    await waitFor(() => store.state === 'unavailable', { what: 'the connection to be lost' });
    expect(await store.readOrLease([request('away', 'reader')], Infinity)).toEqual([{ kind: 'bypass' }]);
    expect(await store.fill([filled('away', 'reader')])).toEqual([undefined]);
    await expect(store.invalidate('away', 'avatars')).rejects.toThrow();
    await server.restart();
    await waitFor(() => store.state === 'ready', { what: 'the connection to return' });
    await store.invalidate('away', 'avatars');
  });
});
