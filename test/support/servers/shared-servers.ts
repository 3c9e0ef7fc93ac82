/**
 * The servers that all test files of one run share: those that `TEST_REDIS_URL`, `TEST_RABBITMQ_URL` and
 * `TEST_POSTGRES_URL` name, and own ones for the rest. A broker elsewhere needs the management plugin, on port 15672 or
 * where `TEST_RABBITMQ_MANAGEMENT_URL` says. Invariant: when this resolves, every server listens; nothing is skipped.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { startPostgres } from './postgres.js';
import { startRabbitMQ } from './rabbitmq.js';
import { startRedis } from './redis.js';

export interface SharedServers {
  /** What shared.ts reads: the addresses, and where the broker is administered. */
  environment: Record<string, string>;
  /** Ends the servers that were started here. Idempotent. */
  stop(): Promise<void>;
}

/** @throws Error of the first server that cannot be started; the others are stopped. */
export async function startSharedServers(environment: NodeJS.ProcessEnv): Promise<SharedServers> {
  const own: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    await Promise.all(own.map((server) => server.stop()));
  };
  const started: Record<string, string> = {};
  const starts = await Promise.allSettled([
    unlessSet('TEST_REDIS_URL', startRedis),
    unlessSet('TEST_RABBITMQ_URL', async () => {
      const broker = await startRabbitMQ();
      started['TEST_RABBITMQ_NODE'] = JSON.stringify(broker.node);
      return broker;
    }),
    unlessSet('TEST_POSTGRES_URL', startPostgres),
  ]);
  const failed = starts.find((start) => start.status === 'rejected');
  if (failed) {
    await stop();
    throw failed.reason;
  }
  return { environment: started, stop };

  async function unlessSet(setting: string, start: () => Promise<{ url: string; stop(): Promise<void> }>): Promise<void> {
    const given = environment[setting];
    if (given) return mustListen(setting, given);
    const server = await start();
    own.push(server);
    started[setting] = server.url;
  }
}

/** A dead address is one clear sentence here instead of a hundred failed tests. */
async function mustListen(setting: string, address: string): Promise<void> {
  const { protocol, hostname, port } = new URL(address);
  const usualPort = { 'redis:': 6379, 'amqp:': 5672, 'postgres:': 5432, 'postgresql:': 5432 }[protocol];
  const socket = connect({ host: hostname, port: Number(port) || usualPort || 0 });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(10_000) });
  } catch (error) {
    throw new Error(`${setting} is set to a server that does not listen on ${hostname}:${port || usualPort}`, { cause: error });
  } finally {
    socket.destroy();
  }
}
