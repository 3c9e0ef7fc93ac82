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
    const ask = async ({ node, items: some, indexes }: Batch<T>): Promise<void> => {
      const generation = node?.generation ?? '';
      const reply = await this.#ask(question, node, some);
      const replies: readonly unknown[] = Array.isArray(reply) ? reply : [];
      for (const [place, item] of some.entries()) answers[indexes[place] ?? 0] = question.read(Array.isArray(reply) ? replies[place] : reply, item, generation);
      isMisrouted ||= isRedirection(reply);
    };
    await Promise.all(this.#batches(items).map(ask));
    if (isMisrouted) this.#options.topology.misrouted();
    return answers;
  }

  async #ask<T extends { readonly owner: string }>({ script, head, argsOf, evenIfSlow = false }: Question<T, unknown>, node: RedisNode | undefined, items: readonly T[]): Promise<unknown> {
    if (!node || (!node.isUsable && !evenIfSlow)) return outOfReach;
    const { keyOf, tagOf } = this.#options;
    const args = [...head(tagOf(node))];
    for (const item of items) args.push(...argsOf(item));
    const [reply] = await node.run(script, [{ keys: items.map(({ owner }) => keyOf(owner)), args }]);
    return reply;
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
