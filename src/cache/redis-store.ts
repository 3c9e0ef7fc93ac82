/**
 * The store that several gateways share: one Redis hash per owner (redis-scripts.ts).
 * Invariant: nothing here rejects because Redis is away, except an invalidation, which must not be taken for applied.
 */
import type { Redis } from 'ioredis';
import { createHash } from 'node:crypto';
import { withDeadline } from '../runtime/deadline.js';
import { maxCollectionsPerOwner, type CacheStore, type Fill, type LeaseRequest, type Lookup, type StoreState } from './cache-store.js';
import { fillScript, readOrLeaseScript, releaseScript } from './redis-scripts.js';

export interface RedisStoreOptions {
  /** A connection that fails instead of queueing (runtime/redis.ts). Its owner ends it. */
  redis: Redis;
  /** Milliseconds that one round trip may take. */
  commandTimeoutMs: number;
  /** Begin of all keys. */
  keyPrefix: string;
  /** How long a lease lasts. */
  leaseMs: number;
  /** Names the encoding of the payload; an entry with another one is a miss, so that versions can run side by side. */
  format: string;
}

interface Script {
  readonly source: string;
  readonly sha: string;
}

const script = (source: string): Script => ({ source, sha: createHash('sha1').update(source).digest('hex') });

const readOrLease = script(readOrLeaseScript);
const fill = script(fillScript);
const release = script(releaseScript);

interface Call {
  owner: string;
  args: readonly (string | number)[];
}

export class RedisStore implements CacheStore {
  readonly #redis: Redis;
  readonly #options: RedisStoreOptions;

  constructor(options: RedisStoreOptions) {
    this.#redis = options.redis;
    this.#options = options;
  }

  get state(): StoreState {
    return this.#redis.status === 'ready' ? 'ready' : 'unavailable';
  }

  async readOrLease(requests: readonly LeaseRequest[], maxAgeMs: number): Promise<Lookup[]> {
    const { leaseMs, format } = this.#options;
    const replies = await this.#run(
      readOrLease,
      requests.map(({ owner, collection, token }) => ({
        owner,
        args: [collection, token, leaseMs, format, maxCollectionsPerOwner, Math.min(maxAgeMs, Number.MAX_SAFE_INTEGER)],
      })),
    );
    const lookups = replies.map(toLookup);
    // A read that timed out may still be executed and then hold a lease that nobody knows of; a release behind it on the same
    // connection ends that, instead of making readers wait for the lease to expire.
    const unknown = requests.filter((_, index) => replies[index] instanceof Error);
    if (unknown.length > 0 && this.state === 'ready') void this.release(unknown);
    return lookups;
  }

  async fill(fills: readonly Fill[]): Promise<boolean[]> {
    const { format } = this.#options;
    const replies = await this.#run(
      fill,
      fills.map(({ owner, collection, token, payload, ttlMs }) => ({ owner, args: [collection, token, format, Math.ceil(ttlMs), payload] })),
    );
    return replies.map((reply) => reply === 1);
  }

  async release(requests: readonly LeaseRequest[]): Promise<void> {
    await this.#run(
      release,
      requests.map(({ owner, collection, token }) => ({ owner, args: [collection, token] })),
    );
  }

  async invalidate(owner: string, collection: string | undefined): Promise<void> {
    const key = this.#key(owner);
    const dropped = collection === undefined ? this.#redis.unlink(key) : this.#redis.hdel(key, `v:${collection}`, `l:${collection}`, 'v:', 'l:');
    await withDeadline(dropped, this.#options.commandTimeoutMs);
  }

  /** Hash-tagged by the owner: all of an owner is in one slot of a cluster. */
  #key(owner: string): string {
    return `${this.#options.keyPrefix}:{${owner}}`;
  }

  /** One pipeline of EVALSHA; a server that does not know the script (restarted, or SCRIPT FLUSH) is taught it, and those calls repeated once. */
  async #run({ source, sha }: Script, calls: readonly Call[]): Promise<unknown[]> {
    const replies = await this.#pipeline('evalsha', sha, calls);
    const unknown = calls.filter((_, index) => isUnknownScript(replies[index]));
    if (unknown.length === 0) return replies;
    const repeated = await this.#pipeline('eval', source, unknown);
    return replies.map((reply) => (isUnknownScript(reply) ? repeated.shift() : reply));
  }

  async #pipeline(command: 'eval' | 'evalsha', body: string, calls: readonly Call[]): Promise<unknown[]> {
    if (this.state !== 'ready') return calls.map(() => new Error('Redis is not connected'));
    const pipeline = this.#redis.pipeline();
    for (const { owner, args } of calls) pipeline[command](body, 1, this.#key(owner), ...args);
    try {
      const replies = (await withDeadline(pipeline.exec(), this.#options.commandTimeoutMs)) ?? [];
      return calls.map((_, index) => replies[index]?.[0] ?? replies[index]?.[1]);
    } catch (error) {
      return calls.map(() => (error instanceof Error ? error : new Error('Redis failed', { cause: error })));
    }
  }
}

function isUnknownScript(reply: unknown): boolean {
  return reply instanceof Error && reply.message.startsWith('NOSCRIPT');
}

function toLookup(reply: unknown): Lookup {
  if (!Array.isArray(reply)) return { kind: 'bypass' };
  const [kind, detail]: unknown[] = reply;
  if (kind === 'hit' && typeof detail === 'string') return { kind, payload: detail };
  if (kind === 'wait' && typeof detail === 'number') return { kind, leaseMs: detail };
  if (kind === 'leased') return { kind };
  return { kind: 'bypass' };
}
