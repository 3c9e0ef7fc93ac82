/** The store on Redis behind Sentinel: what a failover may lose is lost, and never comes back. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RedisStore } from '../../src/cache/redis-store.js';
import { describeCacheStore, type StoreHarness } from '../conformance/cache-store.js';
import { describeVersions } from '../conformance/cache-store-versions.js';
import { describeCacheStoreWatching } from '../conformance/cache-store-watching.js';
import { startSentinelPair, type SentinelPair } from '../support/servers/redis-sentinel.js';
import { waitFor } from '../support/wait.js';
import { connectHarness, connectStore, filled, usersOf } from './redis-stores.js';

const start = async (): Promise<StoreHarness> => {
  const pair = await startSentinelPair({ password: 'pass word', sentinelPassword: 'sentinel', config: ['user app on >app ~mg:* &mg +@all -@admin'] });
  return connectHarness([pair.url, pair.url.replace(/\/\/[^@]*@/, '//app:app@')], {}, () => pair.stop());
};
describeCacheStore('Redis behind Sentinel', start);
describeCacheStoreWatching('Redis behind Sentinel', start);
describeVersions('Redis behind Sentinel', start);

describe('RedisStore behind Sentinel', () => {
  let pair: SentinelPair;
  let store: RedisStore;
  beforeAll(async () => {
    pair = await startSentinelPair({ persistence: true });
    store = await connectStore(pair.url);
  });
  afterAll(async () => {
    store.stop();
    await pair.stop();
  });

  const { read, cached, invalidated } = usersOf(() => store);
  const reached = (): Promise<unknown> => waitFor(async () => (await read(`probe ${Math.random()}`)) === 'leased', { what: 'the store to take leases', timeoutMs: 30_000 });
  /** The invalidation is confirmed by the master, and unknown to the replica that is the next. */
  const failoverThatLoses = async (lose: () => Promise<unknown>): Promise<void> => {
    const master = await pair.master();
    const endHold = await pair.holdReplication();
    await lose();
    await master.kill();
    endHold();
    await pair.failover();
    await reached();
  };

  it('does not serve a deleted value again after a failover that lost the acknowledged invalidation, nor after the failback', async () => {
    await cached('deleted', 'old');
    await failoverThatLoses(() => store.invalidate('deleted', undefined));
    expect(await read('deleted')).not.toBe('old');
    const [first, second] = pair.servers;
    await Promise.all([first.start(), second.start()]);
    await pair.failover();
    await reached();
    expect(await read('deleted')).not.toBe('old');
    await pair.failover();
    await reached();
    expect(await read('deleted')).not.toBe('old');
  });

  it('refuses a fill whose lease was invalidated on the old master, although the new one still has the lease', async () => {
    expect(await read('loading', 'loader')).toBe('leased');
    await failoverThatLoses(() => store.invalidate('loading', undefined));
    expect(await store.fill([filled('loading', 'loader', 'old')])).toEqual([undefined]);
    expect(await read('loading')).not.toBe('old');
    await Promise.all(pair.servers.map((server) => server.start()));
  });

  it('does not believe what was cached before two failovers in a row that no gateway took part in', async () => {
    await pair.failover();
    await reached();
    await cached('absent', 'old');
    await failoverThatLoses(() => invalidated('absent'));
    // The store is connected to the new master for a moment only; what it finds must not depend on who has looked in between.
    await Promise.all(pair.servers.map((server) => server.start()));
    store.stop();
    await pair.failover();
    await pair.failover();
    store = await connectStore(pair.url);
    expect(await read('absent')).not.toBe('old');
  });

  it('is coherent again after a failover, and has had all copies voided', async () => {
    let losses = 0;
    store.watch({ invalidated: () => undefined, lost: () => void (losses += 1) });
    await waitFor(() => store.isCoherent('any'), { what: 'the store to be coherent' });
    await pair.failover();
    await waitFor(() => losses > 0 && store.isCoherent('any'), { what: 'the store to be coherent again', timeoutMs: 30_000 });
  });

  it('does not take an invalidation for confirmed that went to a master which is frozen, and serves nothing of it once it is back', async () => {
    await reached();
    await cached('frozen', 'old');
    const master = await pair.master();
    master.pause();
    try {
      await expect(store.invalidate('frozen', undefined)).rejects.toThrow();
      await pair.failover();
      await reached();
      await invalidated('frozen');
    } finally {
      master.resume();
    }
    for (let time = 0; time < 200; time += 1) expect(await read('frozen')).not.toBe('old');
  });
});
