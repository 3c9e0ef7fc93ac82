import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { LeaseRequest } from '../../src/cache/cache-store.js';
import { RedisStore } from '../../src/cache/redis-store.js';
import { createLogger } from '../../src/runtime/logger.js';
import { connectRedis } from '../../src/runtime/redis.js';
import { describeCacheStore } from '../conformance/cache-store.js';
import type { PrivateServer } from '../support/servers/private-server.js';
import { startRedis } from '../support/servers/redis.js';
import { sharedRedis } from '../support/servers/shared.js';
import { waitFor } from '../support/wait.js';

const log = createLogger('test', 'silent');

const request = (owner: string, token: string): LeaseRequest => ({ owner, collection: 'avatars', token });

async function connected(url: string): Promise<Redis> {
  const redis = connectRedis(url, log);
  await waitFor(() => redis.status === 'ready', { what: 'Redis to be connected' });
  return redis;
}

describeCacheStore('Redis', async () => {
  const leaseMs = 200;
  const { url, keyPrefix } = sharedRedis();
  const redis = await connected(url);
  const stop = (): Promise<void> => {
    redis.disconnect();
    return Promise.resolve();
  };
  return { store: new RedisStore({ redis, commandTimeoutMs: 2_000, keyPrefix, leaseMs, format: 'f1' }), leaseMs, stop };
});

describe('RedisStore', () => {
  let server: PrivateServer;
  let redis: Redis;
  let store: RedisStore;
  const cached = async (owner: string): Promise<void> => {
    await store.readOrLease([request(owner, `fill ${owner}`)], Infinity);
    expect(await store.fill([{ ...request(owner, `fill ${owner}`), payload: 'value', ttlMs: 60_000 }])).toEqual([true]);
  };

  beforeAll(async () => {
    server = await startRedis();
    redis = await connected(server.url);
    store = new RedisStore({ redis, commandTimeoutMs: 2_000, keyPrefix: 'mg', leaseMs: 5_000, format: 'f1' });
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  it('treats an entry of another format as a miss, in both directions', async () => {
    await cached('mixed');
    const newer = new RedisStore({ redis, commandTimeoutMs: 2_000, keyPrefix: 'mg', leaseMs: 5_000, format: 'f2' });
    expect(await newer.readOrLease([request('mixed', 'newer')], Infinity)).toEqual([{ kind: 'leased' }]);
    expect(await newer.fill([{ ...request('mixed', 'newer'), payload: 'newer', ttlMs: 60_000 }])).toEqual([true]);
    expect(await store.readOrLease([request('mixed', 'older')], Infinity)).toEqual([{ kind: 'leased' }]);
  });

  it('treats garbage under its key as a miss', async () => {
    await redis.hset('mg:{garbage}', 'v:avatars', 'garbage', 'l:avatars', 'garbage');
    expect(await store.readOrLease([request('garbage', 'reader')], Infinity)).toEqual([{ kind: 'leased' }]);
    await redis.set('mg:{string}', 'not a hash');
    expect(await store.readOrLease([request('string', 'reader')], Infinity)).toEqual([{ kind: 'bypass' }]);
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
      expect(await store.readOrLease([request('full', 'reader'), request('empty', 'reader')], Infinity)).toEqual([{ kind: 'hit', payload: 'value' }, { kind: 'bypass' }]);
    } finally {
      await redis.config('SET', 'maxmemory', '0');
    }
  });

  it('does not make readers wait for a lease that was granted after its reader had given up', async () => {
    const hasty = await connected(server.url);
    const hastyStore = new RedisStore({ redis: hasty, commandTimeoutMs: 50, keyPrefix: 'mg', leaseMs: 60_000, format: 'f1' });
    try {
      server.pause();
      expect(await hastyStore.readOrLease([request('late', 'hasty')], Infinity)).toEqual([{ kind: 'bypass' }]);
      server.resume();
      await waitFor(async () => (await store.readOrLease([request('late', 'other')], Infinity))[0]?.kind === 'leased', { what: 'the lease to be free' });
    } finally {
      server.resume();
      hasty.disconnect();
    }
  });

  it('lets every read pass by while Redis is away, refuses to call an invalidation applied, and recovers by itself', async () => {
    await cached('away');
    await server.kill();
    await waitFor(() => store.state === 'unavailable', { what: 'the connection to be lost' });
    expect(await store.readOrLease([request('away', 'reader')], Infinity)).toEqual([{ kind: 'bypass' }]);
    expect(await store.fill([{ ...request('away', 'reader'), payload: 'x', ttlMs: 1_000 }])).toEqual([false]);
    await expect(store.invalidate('away', 'avatars')).rejects.toThrow();
    await server.restart();
    await waitFor(() => store.state === 'ready', { what: 'the connection to return' });
    await store.invalidate('away', 'avatars');
  });
});
