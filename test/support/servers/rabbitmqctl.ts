/**
 * Administration of a broker that the tests have started, from any process that knows its `BrokerNode`.
 * One call takes 0.5 to 1 s, because rabbitmqctl boots an Erlang machine.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';

export const brokerNodeSchema = z.object({
  name: z.string(),
  command: z.string(),
  /** Holds the cookie that both sides must show. */
  home: z.string(),
  epmdPort: z.number(),
});

/** Where a broker can be administered. */
export type BrokerNode = z.infer<typeof brokerNodeSchema>;

export interface QueueCounts {
  /** Messages that wait for a consumer. */
  ready: number;
  /** Messages that a consumer has and has not acknowledged. */
  unacked: number;
}

/** What the tests ask of a broker beside AMQP. */
export interface BrokerAdmin {
  /** Makes a vhost in which `user` may do everything. Idempotent. */
  addVhost(vhost: string, user: string): Promise<void>;
  /** Deletes a vhost with its queues and closes its connections. Once: repeating it may fail. */
  deleteVhost(vhost: string): Promise<void>;
  /** What is in a queue; undefined when there is none of that name. */
  queue(vhost: string, queue: string): Promise<QueueCounts | undefined>;
}

/** The environment that rabbitmq-server and rabbitmqctl must share to find each other, and nothing else on the machine. */
export function nodeEnvironment({ name, home, epmdPort }: BrokerNode): Record<string, string> {
  return {
    HOME: home,
    RABBITMQ_NODENAME: name,
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
  };
}

/** Runs `rabbitmqctl` and resolves with its output. @throws Error with what it wrote, or after 60 seconds. */
export async function rabbitmqctl(node: BrokerNode, args: readonly string[]): Promise<string> {
  const env = { PATH: process.env['PATH'], RABBITMQ_CTL_ERL_ARGS: '+S 1:1 +sbwt none', ...nodeEnvironment(node) };
  const command = ['--quiet', '--node', node.name, ...args];
  const { stdout } = await promisify(execFile)(node.command, command, { env, timeout: 60_000, maxBuffer: 16 * 2 ** 20 });
  return stdout;
}

/** Administers a broker of the tests by rabbitmqctl; `queue` asks the queue itself and is exact at that moment. */
export function ctlAdmin(node: BrokerNode): BrokerAdmin {
  return {
    // One import instead of add_vhost and set_permissions: each call costs the boot of an Erlang machine.
    async addVhost(vhost, user) {
      const definitions = { vhosts: [{ name: vhost }], permissions: [{ user, vhost, ...EVERYTHING }] };
      const file = join(node.home, `definitions-${randomUUID()}.json`);
      await writeFile(file, JSON.stringify(definitions));
      await rabbitmqctl(node, ['import_definitions', file]);
    },
    async deleteVhost(vhost) {
      await rabbitmqctl(node, ['delete_vhost', vhost]);
    },
    async queue(vhost, queue) {
      const columns = ['name', 'messages_ready', 'messages_unacknowledged'];
      const output = await rabbitmqctl(node, ['--vhost', vhost, '--formatter', 'json', 'list_queues', ...columns]);
      const found = queuesSchema.parse(JSON.parse(output)).find(({ name }) => name === queue);
      return found && { ready: found.messages_ready, unacked: found.messages_unacknowledged };
    },
  };
}

/** The permissions of a user who may use all names of a vhost. */
export const EVERYTHING = { configure: '.*', write: '.*', read: '.*' };

const queuesSchema = z.array(
  z.object({ name: z.string(), messages_ready: z.number(), messages_unacknowledged: z.number() }),
);
