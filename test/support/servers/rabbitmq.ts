/**
 * A private RabbitMQ: its own Erlang node, cookie, port mapper (epmd) and data, under one directory.
 * Invariant: it shares nothing with another broker on the machine, and leaves no process behind.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startProcess } from '../processes.js';
import { freePort, tempDir } from '../wait.js';
import { findOrInstall, findProgram } from './binaries.js';
import { exchange, startServer } from './private-server.js';
import { nodeEnvironment, ctlAdmin, rabbitmqctl } from './rabbitmqctl.js';
import type { RunningProcess } from '../processes.js';
import type { PrivateServer } from './private-server.js';
import type { BrokerNode, QueueCounts } from './rabbitmqctl.js';

export interface RabbitMQ extends PrivateServer {
  readonly node: BrokerNode;
  /** Runs `rabbitmqctl` on this broker, about a second. @throws Error with what it wrote. */
  ctl(...args: string[]): Promise<string>;
  /** What is in a queue of the vhost `/`; undefined when there is none. Takes about a second. */
  queue(name: string): Promise<QueueCounts | undefined>;
}

export interface RabbitMQOptions {
  /** Default none. Serves the management plugin's HTTP API there; boot takes longer. */
  managementPort?: number;
}

/** Boots a broker, 3 to 10 seconds. Its url names the user guest and the vhost `/`. */
export async function startRabbitMQ({ managementPort }: RabbitMQOptions = {}): Promise<RabbitMQ> {
  const scripts = await findOrInstall('rabbitmq');
  const epmd = findProgram('epmd', ['PATH', '/usr/lib/erlang/erts-*/bin', '/opt/erlang/lib/erlang/erts-*/bin']);
  const [port, distPort, epmdPort] = [await freePort(), await freePort(), await freePort()];
  const dir = await tempDir('rabbitmq');
  const node = { name: 'gw@localhost', command: join(scripts, 'rabbitmqctl'), home: dir.path, epmdPort };
  const env = { ...(await writeFiles(dir.path, { port, managementPort })), ...nodeEnvironment(node), RABBITMQ_DIST_PORT: String(distPort) };
  const listensAtEpmd = () => exchange(epmdPort, Buffer.from([0, 1, 'n'.charCodeAt(0)]));
  let portMapper: Promise<RunningProcess> | undefined;
  const server = await startServer({
    name: 'RabbitMQ',
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    port,
    dir,
    launch: async () => {
      // Without one that answers, Erlang starts a daemon which outlives everything.
      await (portMapper ??= startProcess({
        command: epmd,
        args: ['-port', String(epmdPort), '-address', '127.0.0.1'],
        readyWhen: listensAtEpmd,
      }));
      return startProcess({
        command: join(scripts, 'rabbitmq-server'),
        env,
        cwd: dir.path,
        scratch: dir.path,
        readyWhen: async () => (await exchange(port, 'AMQP\0\0\x09\x01'))[0] === METHOD_FRAME,
        readyTimeoutMs: 90_000,
      });
    },
    release: async () => (await portMapper)?.stop(),
  });
  return Object.assign(server, {
    node,
    ctl: (...args: string[]) => rabbitmqctl(node, args),
    queue: (name: string) => ctlAdmin(node).queue('/', name),
  });
}

const METHOD_FRAME = 1;

/** Writes cookie and configuration, and returns the settings that keep every file of the broker under `home`. */
async function writeFiles(
  home: string,
  { port, managementPort }: { port: number; managementPort: number | undefined },
): Promise<Record<string, string>> {
  const path = (name: string) => join(home, name);
  const conf = [
    `listeners.tcp.1 = 127.0.0.1:${port}`,
    'log.console = true',
    'log.file = false',
    'disk_free_limit.absolute = 50MB',
    ...(managementPort === undefined ? [] : [`management.tcp.ip = 127.0.0.1`, `management.tcp.port = ${managementPort}`]),
  ];
  await mkdir(path('log'));
  await writeFile(path('.erlang.cookie'), 'gateway-tests', { mode: 0o400 });
  await writeFile(path('rabbitmq.conf'), `${conf.join('\n')}\n`);
  await writeFile(path('enabled_plugins'), managementPort === undefined ? '[].' : '[rabbitmq_management].');
  return {
    RABBITMQ_CONFIG_FILE: path('rabbitmq.conf'),
    RABBITMQ_MNESIA_BASE: path('mnesia'),
    RABBITMQ_LOG_BASE: path('log'),
    RABBITMQ_SCHEMA_DIR: path('schema'),
    RABBITMQ_GENERATED_CONFIG_DIR: path('config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: path('enabled_plugins'),
    RABBITMQ_PID_FILE: path('pid'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none',
    // Makes the script become the server instead of waiting for it, so that pid and signals are the server's own.
    RUNNING_UNDER_SYSTEMD: 'true',
  };
}
