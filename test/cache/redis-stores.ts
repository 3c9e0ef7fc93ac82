/** Redis stores of a test, and what they are asked. */
import type { Fill, LeaseRequest } from '../../src/cache/cache-store.js';
import { RedisStore, type RedisStoreOptions } from '../../src/cache/redis-store.js';
import { createLogger } from '../../src/runtime/logger.js';
import { redisAddress } from '../../src/runtime/redis-address.js';
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
