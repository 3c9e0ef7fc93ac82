/** The store on Redis Cluster: what moves from server to server is cold there, and an invalidation finds it wherever it is. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { slotOf } from '../../src/cache/cluster-slots.js';
import type { RedisStore } from '../../src/cache/redis-store.js';
import { describeCacheStore, type StoreHarness } from '../conformance/cache-store.js';
import { describeVersions } from '../conformance/cache-store-versions.js';
import { describeCacheStoreWatching } from '../conformance/cache-store-watching.js';
import { startCluster, type Cluster, type ClusterNode } from '../support/servers/redis-cluster.js';
import { waitFor } from '../support/wait.js';
import { connectHarness, connectStore, filled, usersOf } from './redis-stores.js';

const start = async (): Promise<StoreHarness> => {
  const cluster = await startCluster();
  return connectHarness([cluster.url, cluster.url], {}, () => cluster.stop());
};
describeCacheStore('Redis Cluster', start);
describeCacheStoreWatching('Redis Cluster', start);
describeVersions('Redis Cluster', start);

describe('RedisStore on Redis Cluster', () => {
  let cluster: Cluster;
  let store: RedisStore;
  beforeAll(async () => {
    cluster = await startCluster({ replicas: 1 });
    store = await connectStore(cluster.url);
  });
  afterAll(async () => {
    store.stop();
    await cluster.stop();
  });

  const keyOf = (owner: string): string => `mg:{${owner}}`;
  const { read, cached, invalidated } = usersOf(() => store);
  const anotherMaster = (owner: ClusterNode): ClusterNode => {
    const [other] = cluster.nodes.slice(0, 3).filter((node) => node !== owner);
    if (!other) throw new Error('there is no other master');
    return other;
  };

  it('knows the slots of keys as the cluster does', async () => {
    for (const owner of ['User:1', 'Product:%C3%A4', '', 'a b', 'x'.repeat(200)]) expect(slotOf(keyOf(owner))).toBe(await cluster.slotOf(keyOf(owner)));
  });

  it('goes on while a slot moves, invalidates what is there at every step, and never serves what was invalidated', async () => {
    const owner = 'Moving:1';
    const [from, slot] = [await cluster.masterOf(keyOf(owner)), await cluster.slotOf(keyOf(owner))];
    const to = anotherMaster(from);
    let version = 0;
    await cached(owner, 'version 0');
    await cluster.migrateSlot(slot, from, to, async () => {
      await invalidated(owner);
      expect(await read(owner)).not.toBe(`version ${version}`);
      version += 1;
      const token = `step ${version}`;
      if ((await read(owner, token)) === 'leased') await store.fill([filled(owner, token, `version ${version}`)]);
    });
    await invalidated(owner);
    await cached(owner, 'there');
    expect(await read(owner)).toBe('there');
    await cluster.migrateSlot(slot, to, from);
    await waitFor(async () => ['leased', 'wait'].includes(await read(owner)), { what: 'the slot to be reached where it is now' });
  });

  it('tells the copies of other processes of an invalidation at every step while a slot moves', async () => {
    const owner = 'Copied:1';
    const [from, slot] = [await cluster.masterOf(keyOf(owner)), await cluster.slotOf(keyOf(owner))];
    const neighbour = await connectStore(cluster.url);
    let heardAt = 0;
    neighbour.watch({ invalidated: (about) => void (about === owner && (heardAt = performance.now())), lost: () => void (heardAt = performance.now()) });
    const waits: number[] = [];
    const toldOf = async (): Promise<void> => {
      heardAt = 0;
      await invalidated(owner);
      const confirmedAt = performance.now();
      await waitFor(() => heardAt > 0, { what: 'the invalidation to be heard' });
      waits.push(Math.max(0, heardAt - confirmedAt));
    };
    try {
      await cluster.migrateSlot(slot, from, anotherMaster(from), toldOf);
      await cluster.migrateSlot(slot, anotherMaster(from), from, toldOf);
    } finally {
      neighbour.stop();
    }
    process.stderr.write(`an invalidation while a slot moves: heard ${Math.max(...waits).toFixed(1)} ms after it was confirmed at the latest, of ${waits.length}\n`);
    expect(waits).toHaveLength(12);
  });

  it('invalidates a key that has moved already, while the rest of its slot is on the way', async () => {
    const owner = 'Halfway:1';
    const [from, slot] = [await cluster.masterOf(keyOf(owner)), await cluster.slotOf(keyOf(owner))];
    await cached(owner, 'old');
    await cluster.migrateSlot(slot, from, anotherMaster(from), async (step) => {
      if (step === 'keys') await store.invalidate(owner, undefined);
    });
    await cluster.migrateSlot(slot, anotherMaster(from), from);
    await waitFor(async () => ['leased', 'wait'].includes(await read(owner)), { what: 'the slot to be reached' });
  });

  it('comes back by itself when a master dies, the other slots served meanwhile, and believes nothing that the replica has', async () => {
    const owner = 'Dying:1';
    const master = await cluster.masterOf(keyOf(owner));
    let survivor = 'Living:1';
    // One after the other: each question goes to all nodes.
    while ((await cluster.masterOf(keyOf(survivor))) === master) survivor += '1';
    await cached(owner, 'old');
    await cached(survivor, 'alive');
    await master.kill();
    expect(await read(survivor)).toBe('alive');
    await cluster.failover(master);
    await cached(owner, 'new');
    expect(await read(owner)).toBe('new');
    await master.start();
    await invalidated(owner);
    expect(await read(owner)).not.toBe('new');
  });
});
