/**
 * Script calls for many keys: as few as the servers allow, one per server or per slot of a cluster, and none that holds a server up for long.
 * Invariant: a key is looked up only at the server that owns it, and answered with the generation that this server had when it was asked.
 */
import { slotOf } from './cluster-slots.js';
import type { Argument, RedisNode } from './redis-node.js';
import type { Script } from './redis-scripts.js';
import type { RedisTopology } from './redis-topology.js';

export interface RedisCallsOptions {
  topology: RedisTopology;
  keyOf: (owner: string) => string;
  tagOf: (node: RedisNode) => string;
}

/** How the keys of a script are asked about. */
export interface Question<T, R> {
  readonly script: Script;
  /** What is the same for all. */
  readonly head: (tag: string) => readonly Argument[];
  readonly argsOf: (item: T) => readonly Argument[];
  /** `reply`: an Error when the server has refused, or did not answer in time. */
  readonly read: (reply: unknown, item: T, generation: string) => R;
  /** Whether servers are asked that do not answer in time at the moment. */
  readonly evenIfSlow?: boolean;
}

interface Batch<T> {
  readonly node: RedisNode | undefined;
  readonly items: T[];
  readonly indexes: number[];
}

/** Redis does nothing else during a call. */
const maxKeys = 100;
const outOfReach = new Error('Redis is out of reach');

export class RedisCalls {
  readonly #options: RedisCallsOptions;

  constructor(options: RedisCallsOptions) {
    this.#options = options;
  }

  /** One round trip. In the order of `items`. Never rejects. */
  async run<T extends { readonly owner: string }, R>(question: Question<T, R>, items: readonly T[]): Promise<R[]> {
    const answers: R[] = [];
    let isMisrouted = false;
    const ask = async ([node, batches]: readonly [RedisNode | undefined, readonly Batch<T>[]]): Promise<void> => {
      const generation = node?.generation ?? '';
      const replies = await this.#ask(question, node, batches);
      for (const [number, { items: some, indexes }] of batches.entries()) {
        const reply = replies[number];
        const each: readonly unknown[] = Array.isArray(reply) ? reply : [];
        for (const [place, item] of some.entries()) answers[indexes[place] ?? 0] = question.read(Array.isArray(reply) ? each[place] : reply, item, generation);
        isMisrouted ||= isRedirection(reply);
      }
    };
    await Promise.all(this.#byNode(items).map(ask));
    if (isMisrouted) this.#options.topology.misrouted();
    return answers;
  }

  /** A pipeline, so that a server that is slow once is slow once. */
  async #ask<T extends { readonly owner: string }>({ script, head, argsOf, evenIfSlow = false }: Question<T, unknown>, node: RedisNode | undefined, batches: readonly Batch<T>[]): Promise<unknown[]> {
    if (!node || (!node.isUsable && !evenIfSlow)) return batches.map(() => outOfReach);
    const { keyOf, tagOf } = this.#options;
    const shared = head(tagOf(node));
    const calls = batches.map(({ items }) => {
      const args = [...shared];
      for (const item of items) args.push(...argsOf(item));
      return { keys: items.map(({ owner }) => keyOf(owner)), args };
    });
    return node.run(script, calls);
  }

  #byNode<T extends { readonly owner: string }>(items: readonly T[]): readonly (readonly [RedisNode | undefined, readonly Batch<T>[]])[] {
    const all = new Map<RedisNode | undefined, Batch<T>[]>();
    for (const batch of this.#batches(items)) {
      const batches = all.get(batch.node);
      if (batches) batches.push(batch);
      else all.set(batch.node, [batch]);
    }
    return [...all];
  }

  #batches<T extends { readonly owner: string }>(items: readonly T[]): readonly Batch<T>[] {
    const { topology, keyOf } = this.#options;
    const full: Batch<T>[] = [];
    const open = new Map<number, Batch<T>>();
    for (const [index, item] of items.entries()) {
      const key = topology.single ? '' : keyOf(item.owner);
      const slot = topology.single ? 0 : slotOf(key);
      const batch = open.get(slot) ?? { node: topology.single ?? topology.nodeOf(key), items: [], indexes: [] };
      batch.items.push(item);
      batch.indexes.push(index);
      if (batch.items.length < maxKeys) open.set(slot, batch);
      else {
        full.push(batch);
        open.delete(slot);
      }
    }
    return [...full, ...open.values()];
  }
}

function isRedirection(reply: unknown): boolean {
  return reply instanceof Error && /^(MOVED|ASK|CLUSTERDOWN|TRYAGAIN) /.test(reply.message);
}
