/**
 * The negative cache in Redis: a key per source that ends by itself.
 * Invariant: no import waits for Redis longer than one command may take, and none fails because of it; an outage is told once.
 */
import { z } from 'zod';
import { withDeadline } from '../../runtime/deadline.js';
import type { Logger } from '../../runtime/logger.js';
import { parseJson } from '../../runtime/parse-json.js';
import { connectRedis } from '../../runtime/redis.js';
import type { SentinelAddress, SingleAddress } from '../../runtime/redis-address.js';
import { failedMediaKey, type FailedMedia, type RememberedFailure } from './failed-media.js';
import { sourceName, type ImportSource } from './fetched-file.js';
import { failureKinds } from './import-failure.js';

export interface RedisFailedMediaOptions {
  address: SingleAddress | SentinelAddress;
  /** Milliseconds that a command may take. */
  timeoutMs: number;
  log: Logger;
}

/** The source is in it: ids of two providers may be equal. */
const entry = z.object({ source: z.string(), kind: z.enum(failureKinds), reason: z.string() });

const reviveMs = 1_000;

/** Connects, and reconnects for ever, by itself. */
export function createRedisFailedMedia(options: RedisFailedMediaOptions): FailedMedia {
  return new RedisFailedMedia(options);
}

class RedisFailedMedia implements FailedMedia {
  readonly #redis;
  readonly #timeoutMs: number;
  readonly #log: Logger;
  #reported = false;
  #reviving: NodeJS.Timeout | undefined;

  constructor({ address, timeoutMs, log }: RedisFailedMediaOptions) {
    this.#redis = connectRedis(address, undefined);
    this.#timeoutMs = timeoutMs;
    this.#log = log;
    // ioredis gives up for ever when the connection breaks while it still asks the sentinels.
    this.#redis.on('end', this.#revive);
  }

  async find(source: ImportSource): Promise<RememberedFailure | undefined> {
    const text = await this.#try(this.#redis.get(failedMediaKey(source)));
    const known = entry.safeParse(parseJson(text ?? ''));
    if (!known.success || known.data.source !== sourceName(source)) return undefined;
    const { kind, reason } = known.data;
    return { kind, reason };
  }

  async mark(source: ImportSource, { kind, reason }: RememberedFailure, ttlMs: number): Promise<void> {
    const key = failedMediaKey(source);
    const value = JSON.stringify({ source: sourceName(source), kind, reason });
    await this.#try<unknown>(ttlMs > 0 ? this.#redis.set(key, value, 'PX', Math.ceil(ttlMs)) : this.#redis.del(key));
  }

  stop(): Promise<void> {
    this.#redis.off('end', this.#revive);
    clearTimeout(this.#reviving);
    this.#redis.disconnect();
    return Promise.resolve();
  }

  readonly #revive = (): void => {
    this.#reviving = setTimeout(() => void this.#redis.connect().catch(() => undefined), reviveMs);
  };

  async #try<T>(command: Promise<T>): Promise<T | undefined> {
    try {
      const answer = await withDeadline(command, this.#timeoutMs);
      if (this.#reported) this.#log.info('Redis answers again: failed media are remembered');
      this.#reported = false;
      return answer;
    } catch (error) {
      if (!this.#reported) this.#log.warn({ err: error }, 'Redis does not answer: failed media are neither looked up nor remembered, imports go on');
      this.#reported = true;
      return undefined;
    }
  }
}
