/**
 * A private Redis Cluster: real nodes that share out the slots, fail over by themselves, and move slots as `redis-cli` does.
 * Invariant: what a function here resolves with, all running nodes agree on; what happens between is the cluster's own doing.
 */
import { z } from 'zod';
import { freePort, waitFor } from '../wait.js';
import type { PrivateServer } from './private-server.js';
import { ask, follows, isRunning, roleOf, running, startTopology, type Stoppable } from './redis-topology.js';
import { startRedis } from './redis.js';

export interface ClusterOptions {
  /** Default 3. They get equal shares of the slots. */
  masters?: number;
  /** Default 0. Replicas of each master; without, a dead master's slots are down. */
  replicas?: 0 | 1;
  /** Default 1000. Milliseconds without an answer until a node counts as down; a promotion takes about as long again. */
  nodeTimeoutMs?: number;
}

export interface ClusterNode extends PrivateServer {
  /** As the cluster knows it; survives `kill()` and `start()`. */
  readonly id: string;
}

/** What is done to move a slot, in this order. */
export type MigrationStep = 'importing' | 'migrating' | 'keys' | 'target' | 'source' | 'others';

export interface Cluster extends Stoppable {
  /** Names all nodes. */
  readonly url: string;
  /** The masters first, in the order of their slots, then their replicas in the same order. Roles change, places do not. */
  readonly nodes: readonly ClusterNode[];
  /** The slot of a key. */
  slotOf(key: string): Promise<number>;
  /** The node that owns the key's slot, as all running nodes agree, for which it waits; it may be down already. */
  masterOf(key: string): Promise<ClusterNode>;
  /**
   * Moves a slot with its keys; `after` is awaited after each step, and its error leaves the slot as it is then, for a
   * second call to finish. After `migrating` the source answers for keys that it does not have with ASK, after `source`
   * for all of the slot with MOVED; in between with either.
   */
  migrateSlot(slot: number, from: ClusterNode, to: ClusterNode, after?: (step: MigrationStep) => unknown): Promise<void>;
  /**
   * Resolves with the replica of `master` once that has taken over, as all running nodes agree, and the old master, if
   * it runs, follows it. The replica is told to take over unless the master is down or frozen: then they must find out.
   * @throws Error after a minute.
   */
  failover(master: ClusterNode): Promise<ClusterNode>;
}

const SLOTS = 16_384;

/** Starts the nodes and joins them, three to five seconds; resolves when all agree on everything and all slots are served. */
export function startCluster({ masters = 3, replicas = 0, nodeTimeoutMs = 1_000 }: ClusterOptions = {}): Promise<Cluster> {
  return startTopology(async (own) => {
    const members: Member[] = [];
    while (members.length < masters * (1 + replicas)) members.push(await startMember(nodeTimeoutMs, own));
    const [leading, following] = [members.slice(0, masters), members.slice(masters)];
    for (const [index, { node }] of leading.entries()) {
      await ask(node, 'CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
      const bound = (share: number) => Math.floor((SLOTS * share) / masters);
      await ask(node, 'CLUSTER', 'ADDSLOTSRANGE', bound(index), bound(index + 1) - 1);
    }
    await waitFor(() => haveMet(members), { what: 'the nodes to meet', timeoutMs: 30_000 });
    for (const [index, { node }] of following.entries()) await ask(node, 'CLUSTER', 'REPLICATE', leading[index]?.node.id ?? '');
    const cluster = new RunningCluster(members.map(({ node }) => node), masters);
    await waitFor(() => cluster.isSettled(), { what: 'the cluster to serve all slots', timeoutMs: 30_000 });
    return cluster;
  });
}

class RunningCluster implements Omit<Cluster, 'stop'> {
  readonly nodes: readonly ClusterNode[];
  readonly #masters: number;

  constructor(nodes: readonly ClusterNode[], masters: number) {
    this.nodes = nodes;
    this.#masters = masters;
  }

  get url(): string {
    return `redis+cluster://${this.nodes.map(({ host, port }) => `${host}:${port}`).join(',')}`;
  }

  async slotOf(key: string): Promise<number> {
    return z.number().parse(await ask(await this.#anyone(), 'CLUSTER', 'KEYSLOT', key));
  }

  async masterOf(key: string): Promise<ClusterNode> {
    const slot = await this.slotOf(key);
    return waitFor(() => this.#ownerOf(slot), { what: `the nodes to agree on the owner of slot ${slot}` });
  }

  async migrateSlot(slot: number, from: ClusterNode, to: ClusterNode, after: (step: MigrationStep) => unknown = () => {}): Promise<void> {
    const setSlot = (node: ClusterNode, state: 'IMPORTING' | 'MIGRATING' | 'NODE', { id }: ClusterNode) => ask(node, 'CLUSTER', 'SETSLOT', slot, state, id);
    await setSlot(to, 'IMPORTING', from);
    await after('importing');
    await setSlot(from, 'MIGRATING', to);
    await after('migrating');
    await moveKeys(slot, from, to);
    await after('keys');
    await setSlot(to, 'NODE', to);
    await after('target');
    await setSlot(from, 'NODE', to);
    await after('source');
    for (const node of await running(this.nodes)) if (node !== to && node !== from && (await roleOf(node)).master) await setSlot(node, 'NODE', to);
    await after('others');
    await waitFor(async () => (await this.#ownerOf(slot)) === to, { what: `the nodes to agree on the new owner of slot ${slot}` });
  }

  async failover(master: ClusterNode): Promise<ClusterNode> {
    const target = this.#partnerOf(master);
    let demandedAt = -Infinity;
    const reached = async () => {
      if (await this.#leads(target, master)) return true;
      // A demand is given up by the replica after five seconds, and begun anew by a second one.
      const due = performance.now() - demandedAt > 6_000 && (await isRunning(master)) && (await follows(target, master));
      if (due) demandedAt = performance.now();
      if (due) await ask(target, 'CLUSTER', 'FAILOVER');
      return false;
    };
    await waitFor(reached, { what: `${target.url} to have taken over from ${master.url}`, timeoutMs: 60_000 });
    return target;
  }

  /** Whether everybody is what it is at the start, and everybody knows. */
  async isSettled(): Promise<boolean> {
    for (const master of this.nodes.slice(0, this.#masters)) {
      const replica = this.#masters < this.nodes.length ? this.#partnerOf(master) : undefined;
      if (!(await this.#leads(master, replica))) return false;
    }
    return true;
  }

  /** Whether all running nodes say that `master` has slots, `replica` has none and, if it runs, follows it, and that all slots are served. */
  async #leads(master: ClusterNode, replica: ClusterNode | undefined): Promise<boolean> {
    const [up, views] = await this.#views();
    const known = views.every((view) => {
      const slots = view.get(master.id)?.slots.length ?? 0;
      const given = replica && view.get(replica.id);
      return slots > 0 && view.size === this.nodes.length && (!given || given.slots.length === 0);
    });
    const states = await Promise.all(up.map((node) => ask(node, 'CLUSTER', 'INFO')));
    const served = states.every((state) => String(state).includes('cluster_state:ok'));
    if (!known || !served || !replica || !up.includes(replica)) return known && served;
    return views.every((view) => view.get(replica.id)?.master === master.id) && follows(replica, master);
  }

  /** The owner of a slot, once all running nodes agree. */
  async #ownerOf(slot: number): Promise<ClusterNode | undefined> {
    const [, views] = await this.#views();
    const owners = new Set(views.map((view) => [...view].find(([, { slots }]) => slots.some(([from, to]) => from <= slot && slot <= to))?.[0]));
    return owners.size === 1 ? this.nodes.find(({ id }) => owners.has(id)) : undefined;
  }

  async #views(): Promise<[ClusterNode[], View[]]> {
    const up = await running(this.nodes);
    return [up, await Promise.all(up.map(viewOf))];
  }

  #partnerOf(node: ClusterNode): ClusterNode {
    const place = this.nodes.indexOf(node);
    const partner = this.nodes[place < this.#masters ? place + this.#masters : place - this.#masters];
    if (!partner) throw new Error(`${node.url} has no replica`);
    return partner;
  }

  async #anyone(): Promise<ClusterNode> {
    const [node] = await running(this.nodes);
    if (!node) throw new Error('no node runs');
    return node;
  }
}

interface Member {
  node: ClusterNode;
  /** Where the nodes talk to one another. */
  busPort: number;
}

async function startMember(nodeTimeoutMs: number, own: (server: PrivateServer) => void): Promise<Member> {
  const busPort = await freePort();
  const settings = {
    'cluster-enabled': 'yes',
    'cluster-port': busPort,
    'cluster-node-timeout': nodeTimeoutMs,
    // However long a replica has been without its master it may take over, and it never goes to another one.
    'cluster-replica-validity-factor': 0,
    'cluster-allow-replica-migration': 'no',
    'repl-diskless-sync-delay': 0,
  };
  const server = await startRedis({ args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]) });
  own(server);
  const id = z.string().parse(await ask(server, 'CLUSTER', 'MYID'));
  return { node: Object.assign(server, { id }), busPort };
}

/** Introduces those whom the first node does not know yet: an introduction can fail without a word. */
async function haveMet([first, ...others]: readonly Member[]): Promise<boolean> {
  if (!first) throw new Error('a cluster has at least one node');
  const known = await viewOf(first.node);
  for (const { node, busPort } of others) {
    if (!known.has(node.id)) await ask(first.node, 'CLUSTER', 'MEET', node.host, node.port, busPort);
  }
  const views = await Promise.all(others.map(({ node }) => viewOf(node)));
  return [known, ...views].every((view) => [first, ...others].every(({ node }) => view.has(node.id)));
}

async function moveKeys(slot: number, from: ClusterNode, to: ClusterNode): Promise<void> {
  for (;;) {
    const keys = z.array(z.string()).parse(await ask(from, 'CLUSTER', 'GETKEYSINSLOT', slot, 100));
    if (keys.length === 0) return;
    await ask(from, 'MIGRATE', to.host, to.port, '', 0, 1_000, 'KEYS', ...keys);
  }
}

/** What a node knows of each, by id. */
type View = Map<string, { master: string; slots: [number, number][] }>;

async function viewOf(node: PrivateServer): Promise<View> {
  const lines = z.string().parse(await ask(node, 'CLUSTER', 'NODES')).trim().split('\n');
  return new Map(
    lines.map((line) => {
      const [id = '', , , master = '', , , , , ...ranges] = line.split(' ');
      const slots = ranges.flatMap((range): [number, number][] => {
        const { from, to = from } = /^(?<from>\d+)(?:-(?<to>\d+))?$/.exec(range)?.groups ?? {};
        return from === undefined ? [] : [[Number(from), Number(to)]];
      });
      return [id, { master, slots }];
    }),
  );
}
