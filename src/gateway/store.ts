/** Which store the gateway's cache uses, from its settings. */
import type { CacheStore } from '../cache/cache-store.js';
import { RedisStore } from '../cache/redis-store.js';
import type { Logger } from '../runtime/logger.js';
import { connectRedis } from '../runtime/redis.js';
import type { Settings } from '../runtime/settings.js';
import { mediaFormat } from './media-reader.js';

export interface ConnectedStore {
  store: CacheStore;
  stop(): void;
}

/** Undefined without `REDIS_ADDR`: several gateways without a common store have no cache. */
export function connectStore(settings: Settings, log: Logger): ConnectedStore | undefined {
  if (!settings.REDIS_ADDR) return undefined;
  const redis = connectRedis(settings.REDIS_ADDR, log);
  const store = new RedisStore({
    redis,
    commandTimeoutMs: settings.REDIS_COMMAND_TIMEOUT_MS,
    keyPrefix: settings.CACHE_KEY_PREFIX,
    leaseMs: settings.CACHE_LEASE_MS,
    format: mediaFormat,
  });
  return { store, stop: () => redis.disconnect() };
}
