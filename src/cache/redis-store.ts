/**
 * The store that several gateways share: one Redis hash per owner (redis-scripts.ts), on the server that owns its key (redis-topology.ts).
 * Invariant: nothing here rejects because Redis is away, except what must not be taken for done: an invalidation, a purge, a mark.
 */
import type { Logger } from '../runtime/logger.js';
import type { RedisAddress } from '../runtime/redis-address.js';
import { announcementOf, everything, readAnnouncement } from './announcement.js';
import { maxCollectionsPerOwner, type CacheStore, type Cause, type Fill, type Filled, type LeaseRequest, type Lookup, type StoredValue, type StoreState, type StoreWatcher } from './cache-store.js';
import { itemsOf, perKey, RedisCalls, type DataSet, type Servers } from './redis-calls.js';
import type { RedisNode } from './redis-node.js';
import { peeked, toFilled, toLookup, type Peeked } from './redis-replies.js';
import { RecentInvalidations, type Invalidation } from './recent-invalidations.js';
import * as scripts from './redis-scripts.js';
import { connectTopology, type RedisTopology } from './redis-topology.js';
import { scriptCall, type ScriptCall } from './script-call.js';

export interface RedisStoreOptions {
  address: RedisAddress;
  /** Milliseconds that one round trip may take. */
  commandTimeoutMs: number;
  /** Begin of all keys, and name of the channel of invalidations. */
  keyPrefix: string;
  /** How long a lease lasts. */
  leaseMs: number;
  /** Default 3,600,000. Milliseconds that an expired value is kept for the case that no newer one can be loaded. */
  staleMs?: number;
  /** Default 250. δ: how long copies in this process may be behind what was invalidated, at most. */
  coherenceMs?: number;
  /** Names the encoding of the payload; an entry with another one is a miss, so that versions can run side by side. */
  format: string;
  log: Logger;
}

/** A value, its version, and its lease. */
const fieldsPerCollection = 3;
/** How long it is known which event was the last one. */
const eventKeptMs = 600_000;
/** Ages are whole milliseconds, of two clocks. */
const roundedMs = 5;
/** Of a call to one server, when many keys are gone through. */
const scanCount = 1_000;
const scanTimeoutMs = 5_000;
const repeatedAtOnce = 500;
/** An invalidation may take so many times what a read may. */
const patience = 5;

export class RedisStore implements CacheStore {
  readonly tier = 'redis';
  readonly settledMs: number;
  readonly #options: RedisStoreOptions;
  readonly #topology: RedisTopology;
  readonly #servers: Servers;
  readonly #reads: RedisCalls<LeaseRequest | StoredValue>;
  readonly #fills: RedisCalls<Fill>;
  readonly #releases: RedisCalls<LeaseRequest>;
  readonly #watchers: StoreWatcher[] = [];
  readonly #staleMs: number;
  readonly #recent = new RecentInvalidations();

  constructor(options: RedisStoreOptions) {
    const { address, commandTimeoutMs, keyPrefix, coherenceMs = 250, staleMs = 3_600_000, log } = options;
    this.#options = options;
    this.#staleMs = staleMs;
    this.settledMs = coherenceMs + roundedMs;
    this.#topology = connectTopology(address, {
      commandTimeoutMs,
      coherenceMs,
      channel: keyPrefix,
      heard: (message) => this.#heard(message),
      prepare: (node) => this.#repeatOn(node),
      lost: () => this.#lost(),
      log,
    });
    this.#servers = { topology: this.#topology, keyOf: (owner) => this.#key(owner), dataSetOf: (node) => this.#dataSet(node) };
    this.#reads = this.#readsUpTo(Infinity);
    this.#fills = new RedisCalls(this.#servers, {
      script: scripts.fill,
      head: (tag) => [tag],
      addArgs: (args, { collection, token, payload, ttlMs, freshMs, ageMs = 0, endMs = ttlMs + this.#staleMs }) =>
        args.push(`${token}|${Math.ceil(ttlMs)}|${Math.ceil(freshMs)}|${Math.ceil(ageMs)}|${Math.ceil(endMs)}|${collection}`, payload),
    });
    this.#releases = new RedisCalls(this.#servers, { script: scripts.release, head: () => [], addArgs: (args, { collection, token }) => args.push(collection, token), evenIfSlow: true });
  }

  /** Of a cluster: ready when all of its servers are. */
  get state(): StoreState {
    const nodes = this.#topology.nodes();
    return nodes.length > 0 && nodes.every((node) => node.isUsable) ? 'ready' : 'unavailable';
  }

  async readOrLease(requests: readonly LeaseRequest[], maxAgeMs: number): Promise<Lookup[]> {
    const reads = maxAgeMs === Infinity ? this.#reads : this.#readsUpTo(maxAgeMs);
    const answers = await reads.run(requests);
    // A read that timed out may still be executed and then hold a lease that nobody knows of; a release behind it on the same
    // connection ends that, instead of making readers wait for the lease to expire.
    for (const answer of answers) if (answer.reply instanceof Error) void this.release(itemsOf(answer, requests));
    return perKey(answers, (reply, { generation }) => toLookup(reply, generation));
  }

  async confirm(values: readonly StoredValue[]): Promise<boolean> {
    const tags = perKey(await this.#reads.run(values), (reply, { tag }) => (reply === 1 ? tag : undefined));
    // What was stored before the server became what it is may be there still, and is not to be believed.
    return values.every(({ version }, index) => {
      const tag = tags[index];
      return tag !== undefined && version.startsWith(tag) && version[tag.length] === '|';
    });
  }

  fill(fills: readonly Fill[]): Promise<(Filled | undefined)[]> {
    // Not the fills, which would be held until they are stored.
    const tokens = fills.map(({ token }) => token);
    return this.#fills.run(fills).then((answers) => perKey(answers, (reply, dataSet, index) => toFilled(reply, dataSet, tokens[index] ?? '')));
  }

  async release(requests: readonly LeaseRequest[]): Promise<void> {
    await this.#releases.run(requests);
  }

  async invalidate(owner: string, collection: string | undefined, cause: Cause = {}): Promise<void> {
    const call = this.#invalidation({ owner, collection }, cause);
    const node = this.#topology.nodeOf(this.#key(owner));
    const generation = node?.generation ?? '';
    // Nobody reads while it waits, and one that is repeated although it was executed holds up those behind it.
    const timeoutMs = patience * this.#options.commandTimeoutMs;
    const [reply] = (await node?.run(scripts.invalidate, [call], { timeoutMs })) ?? [new Error('no Redis server has the key')];
    const answer = await this.#redirected(call, reply);
    if (answer instanceof Error) {
      this.#topology.misrouted();
      throw answer;
    }
    this.#recent.confirmed({ owner, collection }, generation);
  }

  async purge(ownerPrefix: string): Promise<number> {
    const nodes = this.#topology.nodes();
    if (this.state !== 'ready') throw new Error('Redis is out of reach');
    const counts = await Promise.all(nodes.map((node) => this.#purgeNode(node, ownerPrefix)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  watch(watcher: StoreWatcher): void {
    this.#watchers.push(watcher);
  }

  isCoherent(owner?: string): boolean {
    // Asked at each read of a copy: for a single server, the key need not be made.
    const { single } = this.#topology;
    if (single) return single.isCoherent;
    if (owner !== undefined) return this.#topology.nodeOf(this.#key(owner))?.isCoherent ?? false;
    const nodes = this.#topology.nodes();
    return nodes.length > 0 && nodes.every((node) => node.isCoherent);
  }

  async putMark(name: string, text: string, ttlMs: number): Promise<void> {
    const key = this.#markKey(name);
    await this.#ownerOf(key).command((redis) => redis.set(key, text, 'PX', ttlMs));
  }

  async getMark(name: string): Promise<string | undefined> {
    const key = this.#markKey(name);
    try {
      return (await this.#topology.nodeOf(key)?.command((redis) => redis.get(key))) ?? undefined;
    } catch {
      this.#topology.misrouted();
      return undefined;
    }
  }

  /** What is stored of an owner, whether it would be believed or not. Rejects when Redis is out of reach. */
  async peek(owner: string): Promise<Peeked[]> {
    const key = this.#key(owner);
    const node = this.#ownerOf(key);
    const [seconds, micros] = await node.command((redis) => redis.time());
    const fields = await node.command((redis) => redis.hgetall(key));
    return peeked(fields, { nowMs: Number(seconds) * 1_000 + Number(micros) / 1_000, tag: this.#dataSet(node).tag });
  }

  /** Disconnects. Idempotent. */
  stop(): void {
    this.#topology.stop();
  }

  async #purgeNode(node: RedisNode, ownerPrefix: string): Promise<number> {
    const pattern = `${escapeGlob(`${this.#options.keyPrefix}:{${ownerPrefix}`)}*`;
    let count = 0;
    for (let cursor = '0'; ; ) {
      // oxlint-disable-next-line no-await-in-loop -- a page tells where the next one begins
      const [next, keys] = await node.command((redis) => redis.scan(cursor, 'MATCH', pattern, 'COUNT', scanCount), scanTimeoutMs);
      // oxlint-disable-next-line no-await-in-loop
      await node.command((redis) => Promise.all(keys.map((key) => redis.unlink(key))), scanTimeoutMs);
      count += keys.length;
      cursor = next;
      if (cursor === '0') break;
    }
    await node.command((redis) => redis.publish(this.#options.keyPrefix, everything));
    return count;
  }

  #readsUpTo(maxAgeMs: number): RedisCalls<LeaseRequest | StoredValue> {
    const maxAge = Math.min(maxAgeMs, Number.MAX_SAFE_INTEGER);
    return new RedisCalls(this.#servers, {
      script: scripts.readOrLease,
      head: (tag) => [this.#options.leaseMs, tag, fieldsPerCollection * maxCollectionsPerOwner, maxAge],
      addArgs: (args, item) => args.push('token' in item ? `${item.token}|${item.known ?? ''}/${item.collection}` : `|${item.version}/${item.collection}`),
    });
  }

  #invalidation({ owner, collection }: Invalidation, { eventId = '' }: Cause): ScriptCall {
    const named = collection === undefined ? [] : [collection];
    return scriptCall([this.#key(owner)], [this.#options.keyPrefix, announcementOf({ owner, collection }), eventId, eventKeptMs, ...named]);
  }

  /** An invalidation must reach the key wherever it is: of a slot on the move, a key that has moved already. */
  async #redirected(call: ScriptCall, reply: unknown): Promise<unknown> {
    const [, importing] = reply instanceof Error ? (/^ASK \d+ (\S+)$/.exec(reply.message) ?? []) : [];
    if (importing === undefined) return reply;
    const [answer] = (await this.#topology.nodeAt(importing)?.run(scripts.invalidate, [call], { asking: true })) ?? [reply];
    return answer;
  }

  /** @throws Error when the server did not confirm all. */
  async #repeatOn(node: RedisNode): Promise<void> {
    const { generation = '' } = node;
    const unknown = this.#recent.unknownTo(generation);
    if (unknown === 'everything') {
      await this.#purgeNode(node, '');
      return;
    }
    const own = unknown.filter(({ owner }) => this.#topology.nodeOf(this.#key(owner)) === node);
    for (let start = 0; start < own.length; start += repeatedAtOnce) {
      const some = own.slice(start, start + repeatedAtOnce);
      // oxlint-disable-next-line no-await-in-loop -- in portions that are answered in time
      const replies = await node.run(scripts.invalidate, some.map((each) => this.#invalidation(each, {})));
      const failure = replies.find((reply) => reply instanceof Error);
      if (failure instanceof Error) {
        this.#topology.misrouted();
        throw failure;
      }
      for (const each of some) this.#recent.confirmed(each, generation);
    }
  }

  /** Hash-tagged by the owner: all of an owner is in one slot of a cluster. */
  #key(owner: string): string {
    return `${this.#options.keyPrefix}:{${owner}}`;
  }

  #markKey(name: string): string {
    return `${this.#options.keyPrefix}:mark:${name}`;
  }

  /** @throws Error while the key has no server. */
  #ownerOf(key: string): RedisNode {
    const node = this.#topology.nodeOf(key);
    if (!node) throw new Error('no Redis server has the key');
    return node;
  }

  #dataSet({ generation = '' }: RedisNode): DataSet {
    return { generation, tag: `${this.#options.format}.${generation}` };
  }

  #heard(message: string): void {
    const heard = readAnnouncement(message);
    if (heard === 'everything') this.#lost();
    else for (const watcher of this.#watchers) watcher.invalidated(heard.owner, heard.collection);
  }

  #lost(): void {
    for (const watcher of this.#watchers) watcher.lost();
  }
}

function escapeGlob(text: string): string {
  return text.replace(/[*?[\]\\^]/g, '\\$&');
}
