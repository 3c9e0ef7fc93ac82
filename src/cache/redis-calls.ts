/**
 * One question to Redis about many keys: all that is asked in one turn of the event loop is as few script calls as the servers allow, one per
 * server or per slot of a cluster, and none that holds a server up for long. A call costs both sides more than a key in it.
 * Invariant: a key is looked up only at the server that owns it, and answered with the data set that this server had when it was asked.
 * What was asked about is not kept for the answer: of a load that is being stored, that would be all that was loaded.
 */
import { slotOf } from './cluster-slots.js';
import type { RedisNode } from './redis-node.js';
import type { Script } from './redis-scripts.js';
import type { RedisTopology } from './redis-topology.js';
import { scriptCall, type Argument } from './script-call.js';

/** What a server has: another one after each start and each promotion. */
export interface DataSet {
  readonly generation: string;
  /** What is stored in it is marked so. */
  readonly tag: string;
}

export interface Servers {
  topology: RedisTopology;
  keyOf: (owner: string) => string;
  dataSetOf: (node: RedisNode) => DataSet;
}

/** How the keys of a script are asked about. */
export interface Question<T> {
  readonly script: Script;
  /** What is the same for all. */
  readonly head: (tag: string) => readonly Argument[];
  /** Adds those of a key. */
  readonly addArgs: (args: Argument[], item: T) => void;
  /** Whether servers are asked that do not answer in time at the moment. */
  readonly evenIfSlow?: boolean;
}

/** What is asked in one call. */
interface Batch {
  /** In its turn. */
  readonly place: number;
  readonly keys: string[];
  readonly args: Argument[];
}

interface Sent {
  /** In the order of the batches. */
  readonly replies: readonly unknown[];
  readonly dataSet: DataSet;
}

/** What is asked of a server in this turn. */
interface Turn {
  readonly batches: Batch[];
  /** Those that have room, by slot. */
  readonly open: Map<number, Batch>;
  readonly sent: Promise<Sent>;
}

/** What is asked about together. */
interface Part<T> {
  readonly node: RedisNode | undefined;
  readonly slot: number;
  readonly items: T[];
  /** Of the items, in the list that they are from. */
  readonly indexes: number[];
}

type Asked<T> = Pick<Part<T>, 'node' | 'slot'> & Pick<Answer, 'indexes'> & { readonly items: readonly T[] };

/** What a server has answered about some of the items. */
export interface Answer {
  readonly count: number;
  /** Where they are in the list that was asked about; undefined: they are all of it. */
  readonly indexes: readonly number[] | undefined;
  /** To a call in which the items stand behind each other, perhaps among others; an Error when the server has refused, or did not answer in time. */
  readonly reply: unknown;
  /** The place of the first of them in it. */
  readonly first: number;
  readonly dataSet: DataSet;
}

/** A call with as many is full. Redis does nothing else during a call. */
const fullAt = 100;
const outOfReach = new Error('Redis is out of reach');
const unknownDataSet: DataSet = { generation: '', tag: '' };

export class RedisCalls<T extends { readonly owner: string }> {
  readonly #servers: Servers;
  readonly #question: Question<T>;
  readonly #turns = new Map<RedisNode, Turn>();

  constructor(servers: Servers, question: Question<T>) {
    this.#servers = servers;
    this.#question = question;
  }

  /** One round trip, together with all other calls of this turn. Never rejects. */
  run(items: readonly T[]): Promise<readonly Answer[]> {
    if (items.length === 0) return Promise.resolve([]);
    const { single } = this.#servers.topology;
    if (single && items.length <= fullAt) return this.#ask({ node: single, slot: 0, items, indexes: undefined }).then((answer) => [answer]);
    return Promise.all(this.#parts(items).map((part) => this.#ask(part)));
  }

  #ask({ node, slot, items, indexes }: Asked<T>): Promise<Answer> {
    const { addArgs, evenIfSlow = false } = this.#question;
    const count = items.length;
    if (node?.generation === undefined || (!node.isUsable && !evenIfSlow)) return Promise.resolve({ count, indexes, reply: outOfReach, first: 0, dataSet: unknownDataSet });
    const { topology, keyOf } = this.#servers;
    const turn = this.#turn(node);
    const batch = batchOf(turn, slot);
    const { place } = batch;
    const first = batch.keys.length;
    for (const item of items) {
      batch.keys.push(keyOf(item.owner));
      addArgs(batch.args, item);
    }
    if (batch.keys.length >= fullAt) turn.open.delete(slot);
    return turn.sent.then(({ replies, dataSet }) => {
      const reply = replies[place];
      if (isRedirection(reply)) topology.misrouted();
      return { count, indexes, reply, first, dataSet };
    });
  }

  #turn(node: RedisNode): Turn {
    const known = this.#turns.get(node);
    if (known) return known;
    const batches: Batch[] = [];
    const sent = node.atEndOfTurn(() => {
      this.#turns.delete(node);
      return this.#send(node, batches);
    });
    const turn = { batches, open: new Map<number, Batch>(), sent };
    this.#turns.set(node, turn);
    return turn;
  }

  /** A pipeline, so that a server that is slow once is slow once. */
  #send(node: RedisNode, batches: readonly Batch[]): Promise<Sent> {
    const dataSet = this.#servers.dataSetOf(node);
    const { script, head } = this.#question;
    const shared = head(dataSet.tag);
    const calls = batches.map(({ keys, args }) => scriptCall(keys, [...shared, ...args]));
    return node.run(script, calls).then((replies) => ({ replies: replies.map(perKeyOf), dataSet }));
  }

  #parts(items: readonly T[]): Part<T>[] {
    const { topology, keyOf } = this.#servers;
    const parts: Part<T>[] = [];
    const open = new Map<number, Part<T>>();
    for (const [index, item] of items.entries()) {
      const key = topology.single ? '' : keyOf(item.owner);
      const slot = topology.single ? 0 : slotOf(key);
      let part = open.get(slot);
      if (!part || part.items.length >= fullAt) {
        part = { node: topology.single ?? topology.nodeOf(key), slot, items: [], indexes: [] };
        parts.push(part);
        open.set(slot, part);
      }
      part.items.push(item);
      part.indexes.push(index);
    }
    return parts;
  }
}

/** A reply with an element for each of its keys: the scripts answer -n for n in a row that are 1. */
function perKeyOf(reply: unknown): unknown {
  const short: readonly unknown[] | undefined = Array.isArray(reply) ? reply : undefined;
  if (!short) return reply;
  const each: unknown[] = [];
  for (const one of short) {
    if (typeof one !== 'number' || one >= 0) each.push(one);
    else for (let end = Math.min(fullAt, each.length - one); each.length < end; ) each.push(1);
  }
  return each;
}

/** Where a reply has one element per key: what `read` makes of each, in the order of the list that was asked about. `reply` may be an Error; `index`: in that list. */
export function perKey<R>(answers: readonly Answer[], read: (reply: unknown, dataSet: DataSet, index: number) => R): R[] {
  const results: R[] = [];
  for (const { count, indexes, reply, first, dataSet } of answers) {
    const each: readonly unknown[] | undefined = Array.isArray(reply) ? reply : undefined;
    for (let place = 0; place < count; place += 1) {
      const index = indexes?.[place] ?? place;
      results[index] = read(each ? each[first + place] : reply, dataSet, index);
    }
  }
  return results;
}

/** The items of an answer, of the list that was asked about. */
export function itemsOf<T>({ indexes }: Answer, list: readonly T[]): readonly T[] {
  return indexes ? indexes.flatMap((index) => list[index] ?? []) : list;
}

function batchOf({ batches, open }: Turn, slot: number): Batch {
  const known = open.get(slot);
  if (known) return known;
  const batch = { place: batches.length, keys: [], args: [] };
  batches.push(batch);
  open.set(slot, batch);
  return batch;
}

function isRedirection(reply: unknown): boolean {
  return reply instanceof Error && /^(MOVED|ASK|CLUSTERDOWN|TRYAGAIN) /.test(reply.message);
}
