/**
 * What all contenders share, started once: a private Redis and RabbitMQ, and the origin (origin.ts), which is media service and user service.
 * Invariant: `reset` leaves nothing of the contender before.
 */
import { Redis } from 'ioredis';
import { z } from 'zod';
import { startProcess } from '../test/support/processes.js';
import { startRabbitMQ } from '../test/support/servers/rabbitmq.js';
import { startRedis } from '../test/support/servers/redis.js';
import type { Versions } from './data.js';
import { compiled } from './places.js';

/** How often something was called since the start. */
export interface Calls {
  /** Commands, those inside scripts as well. */
  readonly redisCommands: number;
  /** Reads from a socket: what was sent at once is one. */
  readonly redisTrips: number;
  readonly grpc: number;
}

export interface Services {
  /** The settings of the product, which the peers read as well. */
  readonly env: Readonly<Record<string, string>>;
  calls(): Promise<Calls>;
  /** Bytes that Redis has in use. */
  redisBytes(): Promise<number>;
  /** Empties Redis, and forgets all changes and who listens to them. */
  reset(): Promise<void>;
  /** From now on changes the media of one of the first `owners` every so many milliseconds; with 0 owners no more. */
  churn(owners: number, everyMs: number): Promise<void>;
  versions(): Promise<Versions>;
  stop(): Promise<void>;
}

const ready = z.object({ grpc: z.string(), control: z.string() });
const counts = z.object({ calls: z.number() });
const versionsOf = z.record(z.string(), z.number());

/** One hour for every contender: what is compared is the media, and caches of whole answers keep their users as long. */
const userTtlSeconds = '3600';

export async function startServices(): Promise<Services> {
  const started: { stop(): Promise<unknown> }[] = [];
  const stop = async (): Promise<void> => {
    // One after the other, the last one first: each needs those before it.
    // oxlint-disable-next-line no-await-in-loop
    for (const service of started.toReversed()) await service.stop();
  };
  try {
    return await start(started, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(started: { stop(): Promise<unknown> }[], stop: () => Promise<void>): Promise<Services> {
  const redisServer = await startRedis({ args: ['--io-threads', '1'] });
  started.push(redisServer);
  const rabbitmq = await startRabbitMQ();
  started.push(rabbitmq);
  const readyLine = /"control"/;
  const origin = await startProcess({ command: process.execPath, args: [compiled('origin.ts')], env: { RABBITMQ_ADDR: rabbitmq.url }, readyWhen: readyLine });
  started.push(origin);
  const { grpc, control } = ready.parse(JSON.parse(await origin.waitForLine(readyLine)));
  const redis = new Redis(redisServer.url);
  started.push({ stop: () => Promise.resolve(redis.disconnect()) });

  const tell = async (command: string): Promise<unknown> => {
    const response = await fetch(`${control}${command}`, { signal: AbortSignal.timeout(30_000) });
    if (!response.ok) throw new Error(`the origin cannot ${command}: ${await response.text()}`);
    return response.json();
  };
  const info = async (section: string, name: string): Promise<number> => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(await redis.info(section))?.[1]);
  return {
    env: {
      NODE_ENV: 'production',
      REDIS_ADDR: redisServer.url,
      RABBITMQ_ADDR: rabbitmq.url,
      MEDIA_SERVICE_ADDR: grpc,
      USER_SERVICE_ADDR: grpc,
      USER_CACHE_TTL_SECONDS: userTtlSeconds,
    },
    calls: async () => ({
      redisCommands: await info('stats', 'total_commands_processed'),
      redisTrips: await info('stats', 'total_reads_processed'),
      grpc: counts.parse(await tell('/counts')).calls,
    }),
    redisBytes: () => info('memory', 'used_memory'),
    reset: async () => {
      await redis.flushall();
      await tell('/reset');
    },
    churn: async (owners, everyMs) => void (await tell(`/churn?owners=${owners}&everyMs=${everyMs}`)),
    versions: async () => new Map(Object.entries(versionsOf.parse(await tell('/versions')))),
    stop,
  };
}
