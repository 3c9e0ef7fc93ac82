/** Redis stores of a test, and what they are asked. */
import { expect } from '@jest/globals';
import type { Fill, LeaseRequest } from '../../src/cache/cache-store.js';
import { RedisStore, type RedisStoreOptions } from '../../src/cache/redis-store.js';
import { createLogger } from '../../src/runtime/logger.js';
import { redisAddress } from '../../src/runtime/redis-address.js';
import type { StoreHarness } from '../conformance/cache-store.js';
import { waitFor } from '../support/wait.js';

const log = createLogger('test', 'silent');

export const request = (owner: string, token: string): LeaseRequest => ({ owner, collection: 'avatars', token });
export const filled = (owner: string, token: string, payload = 'value'): Fill => ({ ...request(owner, token), payload, ttlMs: 60_000, freshMs: 60_000 });

/** Resolves once it is connected. */
export async function connectStore(url: string, options: Partial<RedisStoreOptions> = {}): Promise<RedisStore> {
  const address = redisAddress.parse(url);
  const store = new RedisStore({ address, commandTimeoutMs: 2_000, keyPrefix: 'mg', leaseMs: 5_000, format: 'f1', log, ...options });
  await waitFor(() => store.state === 'ready', { what: 'Redis to be connected', timeoutMs: 30_000 });
  return store;
}

/** Two processes' stores on the same data, for the conformance suites; `end` ends the servers. */
export async function connectHarness([url, neighbourUrl]: readonly [string, string], options: Partial<RedisStoreOptions>, end: () => Promise<void>): Promise<StoreHarness> {
  const leaseMs = 200;
  const store = await connectStore(url, { ...options, leaseMs });
  const neighbour = await connectStore(neighbourUrl, { ...options, leaseMs });
  const stop = (): Promise<void> => {
    store.stop();
    neighbour.stop();
    return end();
  };
  return { store, neighbour, leaseMs, stop };
}

/** What the tests of topologies do to the avatars of an owner, through the store of the moment. */
export function usersOf(store: () => RedisStore): {
  /** As a gateway reads: the payload of a hit, or what kind of answer it was. */
  read: (owner: string, token?: string) => Promise<string>;
  cached: (owner: string, payload: string) => Promise<void>;
  invalidated: (owner: string) => Promise<unknown>;
} {
  const read = async (owner: string, token = `read ${Math.random()}`): Promise<string> => {
    const [lookup] = await store().readOrLease([request(owner, token)], Infinity);
    return lookup?.kind === 'hit' ? lookup.payload : (lookup?.kind ?? 'nothing');
  };
  return {
    read,
    cached: async (owner, payload) => {
      const token = `fill ${Math.random()}`;
      await waitFor(async () => (await read(owner, token)) === 'leased', { what: `the lease on ${owner}`, timeoutMs: 30_000 });
      expect(await store().fill([filled(owner, token, payload)])).toEqual([expect.any(Object)]);
    },
    invalidated: (owner) =>
      waitFor(
        () =>
          store().invalidate(owner, undefined).then(
            () => true,
            () => false,
          ),
        { what: 'the invalidation to be confirmed', timeoutMs: 30_000 },
      ),
  };
}
