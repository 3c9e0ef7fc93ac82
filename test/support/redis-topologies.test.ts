/** The private Sentinel pair and the private cluster: that the faults which they offer are the real ones, and nothing else. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Cluster as ClusterClient, Redis } from 'ioredis';
import { redisAddress } from '../../src/runtime/redis-address.js';
import { startCluster, type Cluster, type ClusterNode, type MigrationStep } from './servers/redis-cluster.js';
import { startSentinelPair, type SentinelPair } from './servers/redis-sentinel.js';
import { ask, inSync, isRunning } from './servers/redis-topology.js';
import { waitFor } from './wait.js';
import type { PrivateServer } from './servers/private-server.js';

/** The Redis processes that this process has started and that have not ended. */
async function ownServers(): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['axww', '-o', 'ppid=,pid=,args=']);
  const own = new RegExp(`^\\s*${process.pid}\\s.*redis-server`);
  return stdout.split('\n').filter((line) => own.test(line));
}

let othersBefore: string[];
beforeAll(async () => {
  othersBefore = await ownServers();
});

const set = (server: PrivateServer, key: string, value: string) => ask(server, 'SET', key, value);
const get = (server: PrivateServer, key: string) => ask(server, 'GET', key);
const arrives = (server: PrivateServer, key: string, value: string) =>
  waitFor(async () => (await get(server, key)) === value, { what: `${key} on ${server.url} to be ${value}` });
const roleOf = async (server: PrivateServer) => JSON.stringify(await ask(server, 'ROLE'));

describe('a pair of servers under Sentinel', () => {
  let pair: SentinelPair;
  let first: PrivateServer;
  let second: PrivateServer;

  beforeAll(async () => {
    pair = await startSentinelPair();
    [first, second] = pair.servers;
  });
  afterAll(() => pair.stop());

  it('fails over and back on demand, and the old master follows the new one', async () => {
    expect(await pair.master()).toBe(first);
    await set(first, 'a', '1');
    await pair.failover();
    expect(await pair.master()).toBe(second);
    await expect(set(first, 'a', '2')).rejects.toThrow('READONLY');
    await set(second, 'a', '2');
    await arrives(first, 'a', '2');
    await pair.failover();
    expect(await pair.master()).toBe(first);
    expect(await roleOf(second)).toMatch(/slave.*connected/);
  });

  it('promotes the replica of a dead master, which is a replica when it returns', async () => {
    await set(first, 'b', '1');
    await arrives(second, 'b', '1');
    await first.kill();
    await pair.failover();
    expect(await pair.master()).toBe(second);
    await pair.failover();
    expect(await pair.master()).toBe(second);
    await set(second, 'b', '2');
    await first.start();
    await arrives(first, 'b', '2');
    await expect(set(first, 'b', '3')).rejects.toThrow('READONLY');
    await pair.failover();
    expect(await pair.master()).toBe(first);
  });

  it('loses what was acknowledged while replication was held up, and only that', async () => {
    await set(first, 'kept', '1');
    const release = await pair.holdReplication();
    await set(first, 'lost', '1');
    expect(await isRunning(second)).toBe(false);
    await first.kill();
    release();
    await pair.failover();
    expect([await get(second, 'kept'), await get(second, 'lost')]).toEqual(['1', null]);
    await first.start();
    await pair.failover();
    expect([await get(first, 'kept'), await get(first, 'lost')]).toEqual(['1', null]);
  });

  it('loses nothing when replication goes on before the master dies', async () => {
    const release = await pair.holdReplication();
    await set(first, 'late', '1');
    release();
    await arrives(second, 'late', '1');
    expect(await pair.master()).toBe(first);
  });

  it('has two masters for a while when one was only frozen', async () => {
    first.pause();
    await pair.failover();
    expect(await pair.master()).toBe(second);
    const lost = set(first, 'split', '1');
    first.resume();
    expect(await lost).toBe('OK');
    await waitFor(async () => /slave.*connected/.test(await roleOf(first)), { what: 'the old master to be a replica' });
    expect([await get(first, 'split'), await get(second, 'split')]).toEqual([null, null]);
  });
});

describe('the options of a pair', () => {
  it('let three sentinels agree, ask for passwords everywhere, and keep what was acknowledged', async () => {
    const password = 'p @:/?#%"';
    const config = ['user app on >secret ~* &* +@all'];
    const pair = await startSentinelPair({ sentinels: 3, downAfterMs: 2_000, password, sentinelPassword: `s ${password}`, persistence: true, config });
    const address = redisAddress.parse(pair.url);
    if (address.kind !== 'sentinel') throw new Error('the url names no sentinels');
    const { master: name, sentinels, sentinelPassword } = address;
    const client = new Redis({ name, sentinels, sentinelPassword: sentinelPassword ?? '', username: 'app', password: 'secret' });
    client.on('error', () => {});
    try {
      const [first, second] = pair.servers;
      const release = await pair.holdReplication();
      expect(await client.set('a', '1')).toBe('OK');
      await first.kill();
      await first.start();
      release();
      await arrives(second, 'a', '1');
      await pair.sentinels[0]?.kill();
      await first.kill();
      await pair.failover();
      expect(await pair.master()).toBe(second);
      await waitFor(() => client.set('a', '2'), { what: 'the client to reach the new master' });
      expect(await get(second, 'a')).toBe('2');
      await expect(ask({ url: second.url.replace(/\/\/.*@/, '//') }, 'PING')).rejects.toThrow('NOAUTH');
      await first.start();
      await arrives(first, 'a', '2');
    } finally {
      client.disconnect();
      await pair.stop();
    }
  });
});

describe('a cluster', () => {
  let cluster: Cluster;
  /** The owner of the key, and another master. */
  let owner: ClusterNode;
  let other: ClusterNode;
  const key = 'k';

  beforeAll(async () => {
    cluster = await startCluster({ replicas: 1 });
    owner = await cluster.masterOf(key);
    const [node] = cluster.nodes.slice(0, 3).filter((master) => master !== owner);
    if (!node) throw new Error('there is only one master');
    other = node;
  });
  afterAll(() => cluster.stop());

  it('answers for a key where the owner is, and points to it elsewhere', async () => {
    const slot = await cluster.slotOf(key);
    expect(cluster.nodes.indexOf(owner)).toBe(Math.floor((slot * 3) / 16_384));
    expect(await set(owner, key, '1')).toBe('OK');
    await expect(get(other, key)).rejects.toThrow(`MOVED ${slot} 127.0.0.1:${owner.port}`);
    const address = redisAddress.parse(cluster.url);
    if (address.kind !== 'cluster') throw new Error('the url names no cluster');
    const client = new ClusterClient(address.seeds);
    expect(await client.get(key)).toBe('1');
    client.disconnect();
  });

  it('moves a slot with its keys step by step, and can be stopped between any two', async () => {
    const slot = await cluster.slotOf(key);
    const answer = () => get(owner, key).then(String, String);
    const stopAfter = (last: MigrationStep) => (step: MigrationStep) => {
      if (step === last) throw new Error('enough');
    };
    for (const step of ['importing', 'migrating', 'keys'] as const) {
      await expect(cluster.migrateSlot(slot, owner, other, stopAfter(step))).rejects.toThrow('enough');
      expect(await answer()).toMatch(step === 'keys' ? `ASK ${slot} 127.0.0.1:${other.port}` : /^1$/);
      expect(await cluster.masterOf(key)).toBe(owner);
    }
    const answers: Partial<Record<MigrationStep, string>> = {};
    await cluster.migrateSlot(slot, owner, other, async (step) => {
      answers[step] = await answer();
    });
    expect(answers).toMatchObject({ keys: expect.stringMatching('ASK'), source: expect.stringMatching(`MOVED ${slot} 127.0.0.1:${other.port}`) });
    expect(Object.keys(answers)).toEqual(['importing', 'migrating', 'keys', 'target', 'source', 'others']);
    expect([await cluster.masterOf(key), await get(other, key)]).toEqual([other, '1']);
    await cluster.migrateSlot(slot, other, owner);
    expect([await cluster.masterOf(key), await get(owner, key)]).toEqual([owner, '1']);
  });

  it('promotes the replica of a dead master, which is a replica when it returns', async () => {
    await set(owner, key, '2');
    const replica = cluster.nodes[cluster.nodes.indexOf(owner) + 3];
    if (!replica) throw new Error('the owner has no replica');
    await inSync(replica, owner);
    await owner.kill();
    const promoted = await cluster.failover(owner);
    expect(promoted).toBe(replica);
    expect(await cluster.masterOf(key)).toBe(promoted);
    expect(await get(promoted, key)).toBe('2');
    await owner.start();
    expect(await cluster.failover(owner)).toBe(promoted);
    await expect(set(owner, key, '3')).rejects.toThrow('MOVED');
  });

  it('fails over on demand', async () => {
    const promoted = await cluster.masterOf(key);
    expect(await cluster.failover(promoted)).toBe(owner);
    expect(await cluster.masterOf(key)).toBe(owner);
    expect(await set(owner, key, '4')).toBe('OK');
  });
});

describe('stopped topologies, and one that cannot start', () => {
  it('leave nothing behind', async () => {
    expect(await ownServers()).toEqual(othersBefore);
    await expect(startSentinelPair({ downAfterMs: -1 })).rejects.toThrow(/down-after-milliseconds/);
    expect(await ownServers()).toEqual(othersBefore);
  });
});
