/**
 * The Redis of the soak: a pair behind Sentinel, which each gateway reaches by wires of its own.
 * Sentinel tells all clients one address per server, so the wire to the sentinel translates: in what it says, each server's port is
 * replaced by that of the gateway's own wire to it. Ports have five digits, so nothing gets longer. That way each gateway can be cut off for itself.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { PrivateServer } from '../support/servers/private-server.js';
import { startSentinelPair, type SentinelPair } from '../support/servers/redis-sentinel.js';
import { ask } from '../support/servers/redis-topology.js';
import { startWire, type Wire } from './wire.js';

export interface RedisSide {
  /** A gateway's REDIS_ADDR, and its wires. The caller ends those. */
  attach(): Promise<{ address: string; servers: readonly Wire[]; sentinel: Wire }>;
  /** Sends a command to the master. */
  command(name: string, ...args: (string | number)[]): Promise<unknown>;
  /**
   * Ends the master and starts it again, without a failover: with nothing, with all that it had,
   * or with what it had `beforehand` was called.
   */
  restart(data: 'lost' | 'kept' | 'old', meanwhile: () => Promise<void>): Promise<void>;
  /** The master dies, and with it what it has acknowledged during `meanwhile`; the replica takes over, and the old master follows it. */
  failOver(meanwhile: () => Promise<void>): Promise<void>;
  /** Sentinel is told to make the other server the master again, with both alive. */
  failBack(): Promise<void>;
  /** The last lines that each server has written, by its name. */
  logs(): Promise<Record<string, string>>;
  stop(): Promise<void>;
}

/** Milliseconds without an answer until Sentinel takes a master for dead: when it is to, and else longer than any restart. */
const downAfterMs = { usually: 60_000, failover: 500 };

export async function startRedisSide(): Promise<RedisSide> {
  const pair = await startSentinelPair({ downAfterMs: downAfterMs.usually });
  const [sentinel] = pair.sentinels;
  if (!sentinel) throw new Error('there is no sentinel');
  const beQuick = (ms: number): Promise<unknown> => ask(sentinel, 'SENTINEL', 'SET', 'media', 'down-after-milliseconds', ms);
  return {
    attach: async () => {
      const servers = await Promise.all(pair.servers.map(({ port }) => startWire({ port })));
      const ports = pair.servers.map(({ port }, index) => ({ from: String(port), to: String(servers[index]?.port) }));
      const told = await startWire({ port: sentinel.port, translate: (bytes) => replaceAll(bytes, ports) });
      return { address: `redis+sentinel://127.0.0.1:${told.port}/media`, servers, sentinel: told };
    },
    command: async (name, ...args) => ask(await pair.master(), name, ...args),
    restart: async (data, meanwhile) => restart(await pair.master(), data, meanwhile),
    failOver: async (meanwhile) => {
      await beQuick(downAfterMs.failover);
      await failOver(pair, meanwhile).finally(() => beQuick(downAfterMs.usually));
    },
    failBack: () => pair.failover(),
    logs: async () => ({ 'redis-1': await pair.servers[0].logs(), 'redis-2': await pair.servers[1].logs(), sentinel: await sentinel.logs() }),
    stop: () => pair.stop(),
  };
}

async function restart(master: PrivateServer, data: 'lost' | 'kept' | 'old', meanwhile: () => Promise<void>): Promise<void> {
  const file = await snapshotFile(master);
  if (data === 'old') await ask(master, 'SAVE');
  await meanwhile();
  // It answers by ending.
  if (data === 'kept') await ask(master, 'SHUTDOWN', 'SAVE').catch(() => undefined);
  await master.kill();
  // A replica has one of its first synchronisation.
  if (data === 'lost') await rm(file, { force: true });
  await master.start();
  await rm(file, { force: true });
}

async function snapshotFile(server: PrivateServer): Promise<string> {
  const settings = z.array(z.string()).parse(await ask(server, 'CONFIG', 'GET', 'dir'));
  return join(settings[1] ?? '', 'dump.rdb');
}

async function failOver(pair: SentinelPair, meanwhile: () => Promise<void>): Promise<void> {
  const master = await pair.master();
  const release = await pair.holdReplication();
  try {
    await meanwhile();
    await master.kill();
  } finally {
    release();
  }
  await pair.failover();
  await master.start();
}

function replaceAll(bytes: Buffer, ports: readonly { from: string; to: string }[]): Buffer {
  if (!ports.some(({ from }) => bytes.includes(from))) return bytes;
  return Buffer.from(ports.reduce((text, { from, to }) => text.replaceAll(from, to), bytes.toString('latin1')), 'latin1');
}
