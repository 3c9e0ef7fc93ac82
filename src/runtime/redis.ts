/**
 * The connection to Redis, told not to help: nothing is queued while it is away, nothing is sent again after it returned.
 * A command that a client library sends minutes late is how caches become stale. Callers bring their own deadlines.
 */
import { Redis } from 'ioredis';
import type { Logger } from './logger.js';

/** A connection that has given no answer for so long, although one is due, is replaced: its peer may have vanished without a word. */
const silenceMs = 2_000;

/** Returns at once; connects, and reconnects for ever, by itself. `redis.status` is `ready` while commands can be sent. */
export function connectRedis(url: string, log: Logger): Redis {
  const redis = new Redis(url, {
    connectTimeout: 2_000,
    socketTimeout: silenceMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(1_000, 50 * 2 ** Math.min(attempt, 10)),
  });
  let reported = false;
  redis.on('error', (error: unknown) => {
    if (!reported) log.warn({ err: error }, 'Redis is out of reach, reads go to the media service');
    reported = true;
  });
  redis.on('ready', () => {
    log.info('Redis is connected');
    reported = false;
  });
  return redis;
}
