/**
 * A private Redis: nothing on disk, so that a restart is also the loss of all data unless `args` say otherwise.
 */
import { join } from 'node:path';
import type { PrivateServer } from './private-server.js';
import { startProcess } from '../processes.js';
import { freePort, tempDir } from '../wait.js';
import { findOrInstall } from './binaries.js';
import { exchange, startServer } from './private-server.js';

export interface RedisOptions {
  /** Default a free port. */
  port?: number;
  /** Further arguments of redis-server, such as `['--maxmemory', '4mb']`. */
  args?: readonly string[];
}

export async function startRedis(options: RedisOptions = {}): Promise<PrivateServer> {
  const command = join(await findOrInstall('redis'), 'redis-server');
  const dir = await tempDir('redis');
  const port = options.port ?? (await freePort());
  const settings = { port, bind: '127.0.0.1', save: '', appendonly: 'no', dir: dir.path };
  const args = [...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]), ...(options.args ?? [])];
  return startServer({
    name: 'Redis',
    url: `redis://127.0.0.1:${port}`,
    port,
    dir,
    launch: () => startProcess({ command, args, cwd: dir.path, scratch: dir.path, readyWhen: () => answersPing(port) }),
  });
}

/** A Redis that asks for a password is up as well; one that still loads its data is not. */
async function answersPing(port: number): Promise<boolean> {
  return /^(\+PONG|-NOAUTH)/.test((await exchange(port, 'PING\r\n')).toString());
}
