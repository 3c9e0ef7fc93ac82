/**
 * The connection to Redis, told not to help: nothing is queued while it is away, nothing is sent again after it returned,
 * every command has a deadline. A command that a client library sends minutes late is how caches become stale.
 */
import { Redis } from 'ioredis';
import type { Logger } from './logger.js';

export interface RedisOptions {
  url: string;
  commandTimeoutMs: number;
  log: Logger;
}

/** Returns at once; connects, and reconnects for ever, by itself. `redis.status` is `ready` while commands can be sent. */
export function connectRedis({ url, commandTimeoutMs, log }: RedisOptions): Redis {
  const redis = new Redis(url, {
    commandTimeout: commandTimeoutMs,
    connectTimeout: 2_000,
    // A connection whose peer vanished without a word is given up after this long without any answer.
    socketTimeout: Math.max(2_000, 10 * commandTimeoutMs),
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
