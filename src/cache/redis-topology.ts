/**
 * Which Redis server has a key: one for all (alone, or the master that sentinels name), or one per slot of a cluster.
 * Invariant: a key goes to the server that owned its slot when the cluster was last asked, or to none. A server that refuses it is not argued
 * with: the cluster is asked again, and until then the key has no server.
 */
import type { Redis } from 'ioredis';
import { withDeadline } from '../runtime/deadline.js';
import type { Logger } from '../runtime/logger.js';
import type { ClusterAddress, RedisAddress, SingleAddress } from '../runtime/redis-address.js';
import { connectRedis } from '../runtime/redis.js';
import { readClaims, slotCount, slotOf } from './cluster-slots.js';
import { RedisNode, type RedisNodeOptions } from './redis-node.js';

export interface RedisTopology {
  nodeOf(key: string): RedisNode | undefined;
  /** The one that owns all keys, where there is only ever one. */
  readonly single: RedisNode | undefined;
  /** At `host:port`, as a redirection names it. */
  nodeAt(address: string): RedisNode | undefined;
  /** Those that own keys. */
  nodes(): readonly RedisNode[];
  /** A server has refused a key that is not, or no longer, its own. */
  misrouted(): void;
  /** Idempotent. */
  stop(): void;
}

export type NodeSettings = Omit<RedisNodeOptions, 'connect'> & { log: Logger };

/** Returns at once; connects by itself. */
export function connectTopology(address: RedisAddress, settings: NodeSettings): RedisTopology {
  if (address.kind === 'cluster') return new Cluster(address, settings);
  const node = new RedisNode({ ...settings, connect: connector(address, settings.log) });
  return { single: node, nodeOf: () => node, nodeAt: () => undefined, nodes: () => [node], misrouted: () => undefined, stop: () => node.stop() };
}

/** The first connection of a node reports how it fares; the second fares the same. */
function connector(address: Exclude<RedisAddress, ClusterAddress>, log: Logger): () => Redis {
  let reporter: Logger | undefined = log;
  return () => {
    const redis = connectRedis(address, reporter);
    reporter = undefined;
    return redis;
  };
}

const refreshMs = 1_000;
const answerMs = 1_000;

class Cluster implements RedisTopology {
  readonly single = undefined;
  readonly #address: ClusterAddress;
  readonly #settings: NodeSettings;
  readonly #nodes = new Map<string, RedisNode>();
  readonly #refreshing: NodeJS.Timeout;
  /** Per slot, the `host:port` of its owner. */
  #owners: readonly (string | undefined)[] = [];
  #isAsking = false;
  #stopped = false;

  constructor(address: ClusterAddress, settings: NodeSettings) {
    this.#address = address;
    this.#settings = settings;
    this.#refreshing = setInterval(() => this.misrouted(), refreshMs);
    this.misrouted();
  }

  nodeOf(key: string): RedisNode | undefined {
    return this.nodeAt(this.#owners[slotOf(key)] ?? '');
  }

  nodeAt(address: string): RedisNode | undefined {
    return this.#nodes.get(address);
  }

  nodes(): readonly RedisNode[] {
    return [...this.#nodes.values()];
  }

  misrouted(): void {
    if (this.#stopped || this.#isAsking) return;
    this.#isAsking = true;
    void this.#refresh().finally(() => (this.#isAsking = false));
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#refreshing);
    for (const node of this.#nodes.values()) node.stop();
  }

  /** Never rejects. All are asked, and per slot the newest claim counts: one that was away a while still believes in its old ones. */
  async #refresh(): Promise<void> {
    const known = await Promise.all(this.nodes().map((node) => node.command(askNodes).catch(() => '')));
    if (this.#stopped) return;
    const answers = known.some((answer) => answer) ? known : await this.#askSeeds();
    const newest: { epoch: number; address: string }[] = [];
    for (const { slots: [first, last], ...claim } of answers.flatMap(readClaims)) {
      for (let slot = first; slot <= last; slot += 1) {
        if (claim.epoch >= (newest[slot]?.epoch ?? -1)) newest[slot] = claim;
      }
    }
    if (newest.length > 0 && !this.#stopped) this.#route(Array.from({ length: slotCount }, (_, slot) => newest[slot]?.address));
  }

  #route(owners: readonly (string | undefined)[]): void {
    if (owners.every((owner, slot) => owner === this.#owners[slot]) && this.#owners.length > 0) return;
    this.#owners = owners;
    const wanted = new Set(owners);
    for (const [address, node] of this.#nodes) {
      if (wanted.has(address)) continue;
      node.stop();
      this.#nodes.delete(address);
    }
    for (const address of wanted) {
      if (address === undefined || this.#nodes.has(address)) continue;
      this.#nodes.set(address, new RedisNode({ ...this.#settings, connect: connector(this.#single(address), this.#settings.log.child({ redis: address })) }));
    }
    // Copies of keys that have moved would be announced void by a server that is not listened to for them.
    this.#settings.lost();
  }

  async #askSeeds(): Promise<string[]> {
    const { seeds } = this.#address;
    return Promise.all(
      seeds.map(async ({ host, port }) => {
        const redis = connectRedis(this.#single(`${host}:${port}`), undefined);
        try {
          await withDeadline(new Promise((resolve) => redis.once('ready', resolve)), answerMs);
          return await withDeadline(askNodes(redis), answerMs);
        } catch {
          return '';
        } finally {
          redis.disconnect();
        }
      }),
    );
  }

  #single(address: string): SingleAddress {
    const { username, password, db, tls } = this.#address;
    const colon = address.lastIndexOf(':');
    return { kind: 'single', host: address.slice(0, colon), port: Number(address.slice(colon + 1)), username, password, db, tls };
  }
}

async function askNodes(redis: Redis): Promise<string> {
  return String(await redis.cluster('NODES'));
}
