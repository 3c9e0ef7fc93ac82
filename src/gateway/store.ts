/** Which store the gateway's cache uses, from its settings. */
import { RedisStore } from '../cache/redis-store.js';
import type { Logger } from '../runtime/logger.js';
import type { Settings } from '../runtime/settings.js';
import { mediaFormat } from './stored-media.js';

/** Undefined without `REDIS_ADDR`: several gateways without a common store have no cache. Who calls it stops it. */
export function connectStore(settings: Settings, log: Logger): RedisStore | undefined {
  const { REDIS_ADDR: address } = settings;
  if (!address) return undefined;
  return new RedisStore({
    address,
    commandTimeoutMs: settings.REDIS_COMMAND_TIMEOUT_MS,
    keyPrefix: settings.CACHE_KEY_PREFIX,
    leaseMs: settings.CACHE_LEASE_MS,
    staleMs: settings.CACHE_STALE_IF_ERROR_SECONDS * 1_000,
    coherenceMs: settings.CACHE_L1_LEASE_MS,
    format: mediaFormat,
    log,
  });
}
