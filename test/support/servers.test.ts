import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, it, expect, beforeAll, afterAll } from '@jest/globals';
import { connect } from 'amqplib';
import { startProcess } from './processes.js';
import { exchange } from './servers/private-server.js';
import { startPostgres } from './servers/postgres.js';
import { startRabbitMQ } from './servers/rabbitmq.js';
import { managementAdmin } from './servers/rabbitmq-management.js';
import { ctlAdmin } from './servers/rabbitmqctl.js';
import { startRedis } from './servers/redis.js';
import { sharedPostgres, sharedRabbitMQ, sharedRedis } from './servers/shared.js';
import { freePort, waitFor } from './wait.js';
import type { RabbitMQ } from './servers/rabbitmq.js';

const redis = async (port: number, command: string) => (await exchange(port, `${command}\r\n`)).toString();

/** The command lines of all processes that mention `text`. */
async function processesWith(text: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['axww', '-o', 'pid=,args=']);
  return stdout.split('\n').filter((line) => line.includes(text) && !line.includes('ps axww'));
}

describe('a private Redis', () => {
  it('starts again on its port, freezes without closing, and leaves nothing behind', async () => {
    const server = await startRedis({ args: ['--maxmemory', '4mb'] });
    expect(await redis(server.port, 'SET a 1')).toBe('+OK\r\n');
    const { pid, url } = server;
    await server.restart();
    expect([server.url, server.pid === pid]).toEqual([url, false]);
    expect(await redis(server.port, 'GET a')).toBe('$-1\r\n');
    server.pause();
    await expect(redis(server.port, 'PING')).rejects.toThrow('silent');
    server.resume();
    expect(await redis(server.port, 'PING')).toBe('+PONG\r\n');
    await server.kill();
    await expect(redis(server.port, 'PING')).rejects.toThrow('ECONNREFUSED');
    await server.start();
    server.pause();
    await Promise.all([server.stop(), server.stop()]);
    expect(await processesWith(`127.0.0.1:${server.port}`)).toEqual([]);
    await expect(server.start()).rejects.toThrow('stopped for good');
  });

  it('fails to start with what the server says', async () => {
    await expect(startRedis({ args: ['--no-such-setting', '1'] })).rejects.toThrow(/no-such-setting/);
  });
});

describe('a private PostgreSQL', () => {
  it('keeps its data when it is killed and started again', async () => {
    const server = await startPostgres();
    const { pid } = server;
    await server.kill();
    await server.start();
    expect(server.pid).not.toBe(pid);
    expect(await server.logs()).toMatch('ready to accept connections');
    await server.stop();
    expect(await processesWith(`port=${server.port}`)).toEqual([]);
  });
});

describe('a private RabbitMQ', () => {
  let broker: RabbitMQ;
  let managementPort: number;

  beforeAll(async () => {
    managementPort = await freePort();
    broker = await startRabbitMQ({ managementPort });
  }, 120_000);
  afterAll(() => broker.stop());

  it('keeps durable messages when it is killed and started again', async () => {
    const connection = await connect(broker.url);
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue('kept', { durable: true });
    channel.sendToQueue('kept', Buffer.from('1'), { persistent: true });
    channel.sendToQueue('kept', Buffer.from('2'), { persistent: true });
    await channel.waitForConfirms();
    const held = await channel.get('kept');
    expect(held === false ? undefined : held.content.toString()).toBe('1');
    expect(await broker.queue('kept')).toEqual({ ready: 1, unacked: 1 });
    connection.on('error', () => {});
    await broker.kill();
    await broker.start();
    expect(await broker.queue('kept')).toEqual({ ready: 2, unacked: 0 });
    expect(await broker.queue('other')).toBeUndefined();
  }, 120_000);

  it('is administered alike by rabbitmqctl and by the management API', async () => {
    const url = new URL(`http://guest:guest@127.0.0.1:${managementPort}`);
    for (const admin of [ctlAdmin(broker.node), managementAdmin(url.href)]) {
      await admin.addVhost('own', 'guest');
      const connection = await connect(`${broker.url}/own`);
      const channel = await connection.createChannel();
      await channel.assertQueue('q');
      connection.on('error', () => {});
      expect(await admin.queue('own', 'q')).toEqual({ ready: 0, unacked: 0 });
      expect(await admin.queue('own', 'r')).toBeUndefined();
      await admin.deleteVhost('own');
      expect(await broker.ctl('list_vhosts')).not.toMatch('own');
    }
  }, 120_000);

  it('leaves no process behind, its port mapper included', async () => {
    await broker.stop();
    expect(await processesWith(broker.node.home)).toEqual([]);
    expect(await processesWith(`epmd -port ${broker.node.epmdPort}`)).toEqual([]);
    expect(existsSync(broker.node.home)).toBe(false);
  });
});

describe('the shared servers', () => {
  it('give each caller a part of its own', async () => {
    const [one, two] = [sharedRedis(), sharedRedis()];
    expect(await redis(Number(new URL(one.url).port), 'PING')).toBe('+PONG\r\n');
    expect(one.keyPrefix).not.toBe(two.keyPrefix);
    const brokers = [await sharedRabbitMQ(), await sharedRabbitMQ()] as const;
    const connection = await connect(brokers[0].url);
    const channel = await connection.createChannel();
    await channel.assertQueue('q');
    expect(await brokers[0].queue('q')).toEqual({ ready: 0, unacked: 0 });
    expect(await brokers[1].queue('q')).toBeUndefined();
    await connection.close();
    const databases = [await sharedPostgres(), await sharedPostgres()] as const;
    expect(databases[0].url).not.toBe(databases[1].url);
    await Promise.all([...brokers, ...databases].map((part) => part.stop()));
  });
});

describe('a test run that is killed', () => {
  it('takes its private servers with it, and their directories', async () => {
    const jest = join('node_modules', 'jest', 'bin', 'jest.js');
    const file = '**/test/support/fixtures/hang-with-servers.ts';
    const shared = ['TEST_REDIS_URL', 'TEST_RABBITMQ_URL', 'TEST_POSTGRES_URL'].map((name) => [name, process.env[name] ?? '']);
    const run = await startProcess({
      command: process.execPath,
      args: ['--experimental-vm-modules', jest, '--testMatch', file, '--runInBand'],
      env: Object.fromEntries(shared),
      readyWhen: /^servers /,
    });
    const dirs = (await run.waitForLine(/^servers /)).split(' ').slice(1);
    expect(dirs.map(existsSync)).toEqual([true, true]);
    run.signal('SIGKILL');
    for (const dir of dirs) {
      await waitFor(() => !existsSync(dir), { what: `${dir} to be gone` });
      expect(await processesWith(dir)).toEqual([]);
    }
  });
});
