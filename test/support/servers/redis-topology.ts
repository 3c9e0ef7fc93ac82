/**
 * What several Redis processes that belong together need: to be ended together, and asked what they are.
 * Invariant: a start that fails half-way leaves none of them behind. What they are to one another is left to
 * redis-sentinel.ts and redis-cluster.ts.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { waitFor } from '../wait.js';
import type { PrivateServer } from './private-server.js';

export interface Stoppable {
  /** Ends all its servers for good and removes their data. Idempotent, and safe when some are down or frozen. */
  stop(): Promise<void>;
}

/** Gives what `build` gives; `build` hands over each server as soon as that has started. @throws what `build` throws. */
export async function startTopology<T extends object>(build: (own: (server: PrivateServer) => void) => Promise<T>): Promise<T & Stoppable> {
  const owned: PrivateServer[] = [];
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= Promise.all(owned.map((server) => server.stop())).then(() => undefined));
  try {
    return Object.assign(await build((server) => owned.push(server)), { stop });
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Sends one command on a connection of its own. @throws Error when the server refuses it, or is silent for 10 seconds. */
export async function ask({ url }: { url: string }, command: string, ...args: (string | number)[]): Promise<unknown> {
  const redis = new Redis(url, {
    lazyConnect: true,
    protocol: 2,
    enableReadyCheck: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: 2_000,
    commandTimeout: 3_000,
  });
  redis.on('error', () => {});
  try {
    await redis.connect();
    return await redis.call(command, ...args);
  } finally {
    redis.disconnect();
  }
}

const roleSchema = z.union([
  z.tuple([z.literal('master'), z.number()], z.unknown()).transform(([, offset]) => ({ master: true, port: 0, link: '', offset })),
  z
    .tuple([z.literal('slave'), z.string(), z.number(), z.string(), z.number()])
    .transform(([, , port, link, offset]) => ({ master: false, port, link, offset })),
]);

/** What a server says that it is. The offset counts the bytes of replication that it has written, or applied. */
export async function roleOf(server: PrivateServer): Promise<z.infer<typeof roleSchema>> {
  return roleSchema.parse(await ask(server, 'ROLE'));
}

/** Whether `replica` says that it gets what `master` writes; it may lag behind. */
export async function follows(replica: PrivateServer, master: PrivateServer): Promise<boolean> {
  const { port, link } = await roleOf(replica);
  return port === master.port && link === 'connected';
}

/** Resolves when `replica` has applied all that `master` had written at the call. */
export async function inSync(replica: PrivateServer, master: PrivateServer): Promise<void> {
  const { offset } = await roleOf(master);
  const hasIt = async () => (await follows(replica, master)) && (await roleOf(replica)).offset >= offset;
  await waitFor(hasIt, { what: 'the replica to have all that the master has' });
}

/** False while the server is down or frozen by `pause()`. */
export async function isRunning(server: PrivateServer): Promise<boolean> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=', '-p', String(server.pid)]);
    return !/^[TZ]/.test(stdout.trim());
  } catch {
    return false;
  }
}

/** Those of `servers` that are neither down nor frozen. */
export async function running<T extends PrivateServer>(servers: readonly T[]): Promise<T[]> {
  const states = await Promise.all(servers.map(isRunning));
  return servers.filter((_, index) => states[index]);
}
