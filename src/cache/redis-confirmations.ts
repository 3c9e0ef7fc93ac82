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
  readonly keys: string[];
  readonly args: string[];
}

/** What is asked of a server in this turn. */
interface Turn {
  readonly tag: string;
  readonly batches: Batch[];
  /** Those that have room, by slot. */
  readonly open: Map<number, Batch>;
  /** Per batch, the numbers of the keys, from 1, that have another value or none; an Error when that is not known. */
  readonly replies: Promise<readonly unknown[]>;
}

/** Redis does nothing else during a call. */
const maxKeys = 1_000;

export class Confirmations {
  readonly #options: ConfirmationsOptions;
  readonly #turns = new Map<RedisNode, Turn>();

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
    const turn = this.#turn(node);
    if (values.some(({ version }) => !version.startsWith(turn.tag))) return false;
    const batch = batchOf(turn, slot);
    const first = batch.keys.length + 1;
    for (const { key, collection, version } of values) {
      batch.keys.push(key);
      batch.args.push(collection, version);
    }
    const last = batch.keys.length;
    if (last >= maxKeys) turn.open.delete(slot);
    const reply = (await turn.replies)[turn.batches.indexOf(batch)];
    return Array.isArray(reply) && reply.every((number) => typeof number === 'number' && (number < first || number > last));
  }

  #turn(node: RedisNode): Turn {
    const known = this.#turns.get(node);
    if (known) return known;
    const [tag, batches]: [string, Batch[]] = [`${this.#options.tagOf(node)}|`, []];
    const replies = node.atEndOfTurn(() => {
      this.#turns.delete(node);
      return this.#send(node, { tag, batches });
    });
    const turn = { tag, batches, open: new Map<number, Batch>(), replies };
    this.#turns.set(node, turn);
    return turn;
  }

  async #send(node: RedisNode, { tag, batches }: Pick<Turn, 'tag' | 'batches'>): Promise<readonly unknown[]> {
    // Since they were asked for, the server may have become another.
    if (batches.length === 0 || `${this.#options.tagOf(node)}|` !== tag) return [];
    const replies = await node.run(confirm, batches);
    if (replies.some((reply) => !Array.isArray(reply))) this.#options.topology.misrouted();
    return replies;
  }
}

function batchOf({ batches, open }: Turn, slot: number): Batch {
  const known = open.get(slot);
  if (known) return known;
  const batch = { keys: [], args: [] };
  batches.push(batch);
  open.set(slot, batch);
  return batch;
}
