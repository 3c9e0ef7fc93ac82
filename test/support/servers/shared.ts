/**
 * The shared servers as one test file sees them: a part of its own, which no other file can touch.
 * A test that stops, freezes or empties a server starts a private one (redis.ts, rabbitmq.ts, postgres.ts).
 */
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { z } from 'zod';
import { managementAdmin } from './rabbitmq-management.js';
import { brokerNodeSchema, ctlAdmin } from './rabbitmqctl.js';
import type { BrokerAdmin, QueueCounts } from './rabbitmqctl.js';

export interface SharedRedis {
  url: string;
  /** Begins all keys and channels of this caller. There are no databases of one's own: a server elsewhere may hold data. */
  keyPrefix: string;
}

export function sharedRedis(): SharedRedis {
  return { url: setting('TEST_REDIS_URL'), keyPrefix: uniqueName() };
}

export interface SharedRabbitMQ {
  /** Names a vhost of this caller. */
  url: string;
  vhost: string;
  /** What is in a queue of the vhost; undefined when there is none. Takes about a second. */
  queue(name: string): Promise<QueueCounts | undefined>;
  /** Deletes the vhost, which closes its connections. Idempotent. */
  stop(): Promise<void>;
}

/** Makes a fresh vhost, about a second. */
export async function sharedRabbitMQ(): Promise<SharedRabbitMQ> {
  const url = new URL(setting('TEST_RABBITMQ_URL'));
  const vhost = uniqueName();
  const admin = brokerAdmin(url);
  await admin.addVhost(vhost, decodeURIComponent(url.username || 'guest'));
  url.pathname = `/${vhost}`;
  let stopping: Promise<void> | undefined;
  return {
    url: url.href,
    vhost,
    queue: (name) => admin.queue(vhost, name),
    stop: () => (stopping ??= admin.deleteVhost(vhost)),
  };
}

export interface SharedPostgres {
  /** Names a database of this caller. */
  url: string;
  /** Drops the database, which closes its connections. Idempotent. */
  stop(): Promise<void>;
}

/** Makes a fresh database, about 50 ms. */
export async function sharedPostgres(): Promise<SharedPostgres> {
  const server = setting('TEST_POSTGRES_URL');
  const database = uniqueName();
  await runSql(server, `CREATE DATABASE ${database}`);
  const url = new URL(server);
  url.pathname = `/${database}`;
  let stopping: Promise<void> | undefined;
  return { url: url.href, stop: () => (stopping ??= runSql(server, `DROP DATABASE ${database} WITH (FORCE)`)) };
}

async function runSql(connectionString: string, sql: string): Promise<void> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 15_000, query_timeout: 30_000 });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

function brokerAdmin({ hostname, username, password }: URL): BrokerAdmin {
  const node = process.env['TEST_RABBITMQ_NODE'];
  if (node !== undefined) return ctlAdmin(brokerNodeSchema.parse(JSON.parse(node)));
  const usual = `http://${username || 'guest'}:${password || 'guest'}@${hostname}:15672`;
  return managementAdmin(process.env['TEST_RABBITMQ_MANAGEMENT_URL'] ?? usual);
}

/** @throws Error when global-setup.ts has not run. */
function setting(name: string): string {
  return z.url({ error: `${name} is unset or no URL: jest's globalSetup must run first` }).parse(process.env[name]);
}

/** Good as a Redis prefix, a vhost and an unquoted SQL name. */
function uniqueName(): string {
  return `t${randomBytes(8).toString('hex')}`;
}
