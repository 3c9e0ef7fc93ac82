/**
 * The connection to Redis, told not to help: nothing is queued while it is away, nothing is sent again after it returned.
 * A command that a client library sends minutes late is how caches become stale. Callers bring their own deadlines.
 */
import { Redis, type RedisOptions } from 'ioredis';
import type { Logger } from './logger.js';
import type { SentinelAddress, SingleAddress } from './redis-address.js';

/** A connection that has given no answer for so long, although one is due, is replaced: its peer may have vanished without a word. */
const silenceMs = 2_000;
const connectTimeoutMs = 2_000;

/** Replies are mapped as always, which the constructor's type wants to see. */
type Options = Omit<RedisOptions, 'replyMapping'>;

const delayMs = (attempt: number): number => Math.min(1_000, 50 * 2 ** Math.min(attempt, 10));

/**
 * Returns at once; connects, and reconnects for ever, by itself, to the master of the moment. `redis.status` is `ready` while commands can be sent.
 * Without a `log` it does not tell how it fares.
 */
export function connectRedis(address: SingleAddress | SentinelAddress, log: Logger | undefined): Redis {
  const target = address.kind === 'sentinel' ? bySentinel(address) : { host: address.host, port: address.port };
  const redis = new Redis({ ...common(address), ...target });
  let reported = false;
  redis.on('error', (error: unknown) => {
    if (!reported) log?.warn({ err: error }, 'Redis is out of reach, reads go to the media service');
    reported = true;
  });
  redis.on('ready', () => {
    log?.info('Redis is connected');
    reported = false;
  });
  return redis;
}

function common({ username, password, db, tls }: SingleAddress | SentinelAddress): Options {
  return {
    db,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls: {} } : {}),
    connectTimeout: connectTimeoutMs,
    socketTimeout: silenceMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    retryStrategy: delayMs,
  };
}

function bySentinel({ sentinels, master, tls, sentinelUsername, sentinelPassword }: SentinelAddress): Options {
  return {
    sentinels,
    name: master,
    role: 'master',
    // Leaves a master as soon as the sentinels have named another one, before that has noticed.
    failoverDetector: true,
    sentinelCommandTimeout: connectTimeoutMs,
    sentinelRetryStrategy: delayMs,
    enableTLSForSentinelMode: tls,
    ...(tls ? { sentinelTLS: {} } : {}),
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
  };
}
