/**
 * A private pair of Redis servers under the name `media`, and the sentinels that make one of them the master.
 * Invariant: who is master is Sentinel's decision alone; each process keeps what it is told in its configuration file,
 * so that it returns after `kill()` and `start()` as what it was, and an old master is then made a replica.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { startProcess } from '../processes.js';
import { freePort, tempDir, waitFor } from '../wait.js';
import { findOrInstall } from './binaries.js';
import { exchange, startServer, type PrivateServer } from './private-server.js';
import { ask, follows, inSync, isRunning, roleOf, running, startTopology, type Stoppable } from './redis-topology.js';

export interface SentinelPairOptions {
  /** Default 1. Of three, two must agree. */
  sentinels?: 1 | 3;
  /** Default 1000. Milliseconds without an answer until a server counts as down. */
  downAfterMs?: number;
  /** Default 400. Milliseconds, and up to 2000 more, that an old master is back as a second one until it is demoted; Sentinel's own is 8000. */
  demotionDelayMs?: number;
  /** Default false: a server that starts again is empty. True: all that it acknowledged outlives `kill()`. */
  persistence?: boolean;
  /** Default none. What the servers ask for, one another and the sentinels included. */
  password?: string;
  /** Default none. What the sentinels ask for. */
  sentinelPassword?: string;
  /** Default none. Further lines of both servers' redis.conf, such as `['user app on >secret ~* &* +@all']`. */
  config?: readonly string[];
}

export interface SentinelPair extends Stoppable {
  /** Names the sentinels, and holds the passwords. */
  readonly url: string;
  /** The first begins as the master. */
  readonly servers: readonly [PrivateServer, PrivateServer];
  readonly sentinels: readonly PrivateServer[];
  /** The master as clients are told, by the first sentinel that runs; it may be down already. */
  master(): Promise<PrivateServer>;
  /**
   * Resolves when the other server is the master, says every sentinel that runs and says itself, and the old one, if it
   * runs, follows it. Sentinel is told to fail over, unless the master is down or frozen: then it must find out.
   * When only one server runs, that one is meant; so a failover that has happened meanwhile does not happen again.
   * @throws Error after a minute.
   */
  failover(): Promise<void>;
  /**
   * Keeps every later write from the replica; every earlier one has arrived. Resolves with the function that ends this:
   * called when the master is dead, those writes are lost for certain; with a living master they arrive.
   * The replica is frozen, and then the master closes the link: a frozen replica alone would, once thawed, still read what
   * the dead master had sent. Until the end nothing can fail over.
   */
  holdReplication(): Promise<() => void>;
}

const NAME = 'media';

/** Starts them, about three seconds; resolves when the replica is in sync and every sentinel knows everyone. */
export function startSentinelPair(options: SentinelPairOptions = {}): Promise<SentinelPair> {
  return startTopology(async (own) => {
    const start = async (recipe: FileRecipe) => {
      const server = await startFromFile(recipe);
      own(server);
      return server;
    };
    const first = await start(serverRecipe(options));
    const second = await start(serverRecipe(options, first));
    const sentinels: PrivateServer[] = [];
    await waitFor(() => follows(second, first), { what: 'the replica to be in sync', timeoutMs: 30_000 });
    while (sentinels.length < (options.sentinels ?? 1)) sentinels.push(await start(sentinelRecipe(options, first)));
    const pair = new Pair([first, second], sentinels, urlOf(sentinels, options));
    await waitFor(() => pair.isSettled(first), { what: 'the sentinels to know one another and the replica', timeoutMs: 30_000 });
    return pair;
  });
}

class Pair implements Omit<SentinelPair, 'stop'> {
  readonly servers: readonly [PrivateServer, PrivateServer];
  readonly sentinels: readonly PrivateServer[];
  readonly url: string;

  constructor(servers: readonly [PrivateServer, PrivateServer], sentinels: readonly PrivateServer[], url: string) {
    this.servers = servers;
    this.sentinels = sentinels;
    this.url = url;
  }

  async master(): Promise<PrivateServer> {
    const address = await ask(await this.#sentinel(), 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME);
    const [, port] = z.tuple([z.string(), z.coerce.number()]).parse(address);
    return port === this.servers[0].port ? this.servers[0] : this.servers[1];
  }

  async failover(): Promise<void> {
    const target = await this.#successor();
    const reached = async () => {
      await this.#demand(target);
      return this.isSettled(target);
    };
    await waitFor(reached, { what: `${target.url} to be the master`, timeoutMs: 60_000 });
  }

  async holdReplication(): Promise<() => void> {
    const master = await this.master();
    const replica = this.#other(master);
    await inSync(replica, master);
    replica.pause();
    await waitFor(async () => !(await isRunning(replica)), { what: 'the replica to be frozen' });
    await ask(master, 'CLIENT', 'KILL', 'TYPE', 'replica');
    return () => replica.resume();
  }

  /** Whether nothing is left to do for `master` to be the master. */
  async isSettled(master: PrivateServer): Promise<boolean> {
    const replica = this.#other(master);
    const views = await Promise.all((await running(this.sentinels)).map(viewOf));
    const expected = { port: master.port, flags: 'master', 'num-slaves': 1, 'num-other-sentinels': this.sentinels.length - 1 };
    const agreed = views.every((view) => isDeepStrictEqual(view, expected));
    return agreed && (await roleOf(master)).master && (!(await isRunning(replica)) || (await follows(replica, master)));
  }

  async #successor(): Promise<PrivateServer> {
    const [first, second] = await running(this.servers);
    if (!first) throw new Error('no server runs that could be the master');
    return second ? this.#other(await this.master()) : first;
  }

  /**
   * Tells Sentinel to fail over to `target`, unless it is doing so, has done so, or must find the master down. It would
   * also promote a server that has just returned and is still empty, hence the look at `target`.
   */
  async #demand(target: PrivateServer): Promise<void> {
    const sentinel = await this.#sentinel();
    const { port, flags } = await viewOf(sentinel);
    if (port === target.port || flags.includes('failover_in_progress') || !(await isRunning(this.#other(target)))) return;
    if (await follows(target, this.#other(target))) await ask(sentinel, 'SENTINEL', 'FAILOVER', NAME);
  }

  async #sentinel(): Promise<PrivateServer> {
    const [sentinel] = await running(this.sentinels);
    if (!sentinel) throw new Error('no sentinel runs');
    return sentinel;
  }

  #other(server: PrivateServer): PrivateServer {
    return server === this.servers[0] ? this.servers[1] : this.servers[0];
  }
}

const viewSchema = z.object({ port: z.coerce.number(), flags: z.string(), 'num-slaves': z.coerce.number(), 'num-other-sentinels': z.coerce.number() });

/** What a sentinel thinks of the master; unlike what it tells clients, this changes only when a failover is over. */
async function viewOf(sentinel: PrivateServer): Promise<z.infer<typeof viewSchema>> {
  const reply = z.array(z.string()).parse(await ask(sentinel, 'SENTINEL', 'MASTER', NAME));
  return viewSchema.parse(Object.fromEntries(reply.flatMap((name, index) => (index % 2 === 0 ? [[name, reply[index + 1]]] : []))));
}

interface FileRecipe {
  name: string;
  lines: readonly string[];
  args: readonly string[];
  password: string | undefined;
  /** Done after each start; a failure is a failed start. */
  prepare: (server: { url: string }) => Promise<unknown>;
}

function serverRecipe({ persistence = false, password, config = [] }: SentinelPairOptions, master?: PrivateServer): FileRecipe {
  const lines = [
    'save ""',
    `appendonly ${persistence ? 'yes' : 'no'}`,
    'repl-diskless-sync-delay 0',
    ...(password === undefined ? [] : [`requirepass ${JSON.stringify(password)}`, `masterauth ${JSON.stringify(password)}`]),
    ...(master ? [`replicaof 127.0.0.1 ${master.port}`] : []),
    ...config,
  ];
  return { name: 'Redis', lines, args: [], password, prepare: () => Promise.resolve() };
}

/**
 * Sentinel demotes an old master four times its publishing period after that has said to be one. It does nothing for half
 * a minute when its own clock seems to jump (TILT), which is nothing but a busy machine here.
 */
function sentinelRecipe(options: SentinelPairOptions, master: PrivateServer): FileRecipe {
  const { sentinels = 1, downAfterMs = 1_000, demotionDelayMs = 400, password, sentinelPassword } = options;
  const lines = [
    `sentinel monitor ${NAME} 127.0.0.1 ${master.port} ${sentinels === 1 ? 1 : 2}`,
    `sentinel down-after-milliseconds ${NAME} ${downAfterMs}`,
    `sentinel failover-timeout ${NAME} 3000`,
    `sentinel parallel-syncs ${NAME} 1`,
    ...(password === undefined ? [] : [`sentinel auth-pass ${NAME} ${JSON.stringify(password)}`]),
    ...(sentinelPassword === undefined ? [] : [`requirepass ${JSON.stringify(sentinelPassword)}`, `sentinel sentinel-pass ${JSON.stringify(sentinelPassword)}`]),
  ];
  const periods = { 'INFO-PERIOD': 1_000, 'PUBLISH-PERIOD': Math.ceil(demotionDelayMs / 4), 'TILT-TRIGGER': 60_000 };
  const prepare = (sentinel: { url: string }) => ask(sentinel, 'SENTINEL', 'DEBUG', ...Object.entries(periods).flat());
  return { name: 'Sentinel', lines, args: ['--sentinel'], password: sentinelPassword, prepare };
}

/** A file, because Sentinel lets the processes rewrite it; on the command line its changes would be undone at the next start. */
async function startFromFile({ name, lines, args, password, prepare }: FileRecipe): Promise<PrivateServer> {
  const command = join(await findOrInstall('redis'), 'redis-server');
  const port = await freePort();
  const dir = await tempDir('redis');
  const file = join(dir.path, 'redis.conf');
  await writeFile(file, `${[`port ${port}`, 'bind 127.0.0.1', `dir ${dir.path}`, ...lines].join('\n')}\n`);
  const url = `redis://${loginOf(password)}127.0.0.1:${port}`;
  const answers = async () => /^(\+PONG|-NOAUTH)/.test((await exchange(port, 'PING\r\n')).toString()) && (await prepare({ url }), true);
  const launch = () => startProcess({ command, args: [file, ...args], cwd: dir.path, scratch: dir.path, readyWhen: answers });
  return startServer({ name, url, port, dir, launch });
}

function urlOf(sentinels: readonly PrivateServer[], { password, sentinelPassword }: SentinelPairOptions): string {
  const hosts = sentinels.map(({ host, port }) => `${host}:${port}`).join(',');
  const query = sentinelPassword === undefined ? '' : `?sentinel-password=${encodeURIComponent(sentinelPassword)}`;
  return `redis+sentinel://${loginOf(password)}${hosts}/${NAME}${query}`;
}

const loginOf = (password: string | undefined): string => (password === undefined ? '' : `:${encodeURIComponent(password)}@`);
