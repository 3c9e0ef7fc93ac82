/**
 * Asks Redis whether values are still stored: all that is asked in one turn of the event loop is one script call per server, or per slot of a cluster.
 * Invariant: a value is confirmed only by the server that owns its key, while that has the data set in which the value was stored.
 */
import { slotOf } from './cluster-slots.js';
import type { RedisNode } from './redis-node.js';
import { confirm } from './redis-scripts.js';
import type { RedisTopology } from './redis-topology.js';

export interface Confirmable {
  readonly key: string;
  readonly collection: string;
  readonly version: string;
}

export interface ConfirmationsOptions {
  topology: RedisTopology;
  /** What the versions of all values begin with that were stored in the data set that this server has now. */
  tagOf: (node: RedisNode) => string;
}

/** What is asked in one call. */
interface Batch {
  readonly tag: string;
  readonly keys: string[];
  readonly args: string[];
  /** The numbers of the keys, from 1, that have another value or none; undefined when that is not known. */
  readonly others: Promise<ReadonlySet<unknown> | undefined>;
}

/** Redis does nothing else during a call. */
const maxKeys = 1_000;

export class Confirmations {
  readonly #options: ConfirmationsOptions;
  /** Those of this turn that have room, by server and slot. */
  readonly #batches = new Map<RedisNode, Map<number, Batch>>();

  constructor(options: ConfirmationsOptions) {
    this.#options = options;
  }

  /** Whether all of `values` are stored. Never rejects: false when it is not known. */
  async confirm(values: readonly Confirmable[]): Promise<boolean> {
    if (values.length === 0) return true;
    const { single } = this.#options.topology;
    if (single) return this.#ask(single, 0, values);
    const bySlot = new Map<number, Confirmable[]>();
    for (const value of values) {
      const slot = slotOf(value.key);
      bySlot.set(slot, [...(bySlot.get(slot) ?? []), value]);
    }
    const answers = await Promise.all([...bySlot].map(([slot, some]) => this.#ask(this.#options.topology.nodeOf(some[0]?.key ?? ''), slot, some)));
    return answers.every(Boolean);
  }

  async #ask(node: RedisNode | undefined, slot: number, values: readonly Confirmable[]): Promise<boolean> {
    if (!node?.isUsable) return false;
    const { tag, keys, args, others } = this.#batch(node, slot);
    const first = keys.length + 1;
    for (const { key, collection, version } of values) {
      if (!version.startsWith(tag)) return false;
      keys.push(key);
      args.push(collection, version);
    }
    const last = keys.length;
    if (last >= maxKeys) this.#batches.get(node)?.delete(slot);
    const found = await others;
    if (!found) return false;
    for (const number of found) if (typeof number !== 'number' || (number >= first && number <= last)) return false;
    return true;
  }

  #batch(node: RedisNode, slot: number): Batch {
    const batches = this.#batches.get(node) ?? new Map<number, Batch>();
    this.#batches.set(node, batches);
    const open = batches.get(slot);
    if (open) return open;
    const tag = `${this.#options.tagOf(node)}|`;
    const [keys, args]: [string[], string[]] = [[], []];
    const others = node.atEndOfTurn(() => {
      this.#batches.delete(node);
      return this.#send(node, { tag, keys, args });
    });
    const batch = { tag, keys, args, others };
    batches.set(slot, batch);
    return batch;
  }

  async #send(node: RedisNode, { tag, keys, args }: Omit<Batch, 'others'>): Promise<ReadonlySet<unknown> | undefined> {
    // Since they were asked for, the server may have become another.
    if (keys.length === 0 || `${this.#options.tagOf(node)}|` !== tag) return undefined;
    const [reply] = await node.run(confirm, [{ keys, args }]);
    if (Array.isArray(reply)) return new Set(reply);
    this.#options.topology.misrouted();
    return undefined;
  }
}
