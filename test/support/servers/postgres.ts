/**
 * A private PostgreSQL without durability (`fsync=off`): data survives `kill()` and `start()`, not a power cut.
 * PostgreSQL refuses to run as root, so root runs it as `postgres`, or as `nobody` where that user does not exist.
 */
import { execFile } from 'node:child_process';
import { chown } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startProcess } from '../processes.js';
import { freePort, tempDir } from '../wait.js';
import { findOrInstall } from './binaries.js';
import { exchange, startServer } from './private-server.js';
import type { PrivateServer } from './private-server.js';

const execute = promisify(execFile);

/** Starts a server, about a second. Its url names the user and database `postgres`. */
export async function startPostgres(): Promise<PrivateServer> {
  const bin = await findOrInstall('postgres');
  const port = await freePort();
  const dir = await tempDir('postgres');
  const user = await unprivilegedUser();
  if (user) await chown(dir.path, user.uid, user.gid);
  const data = join(dir.path, 'data');
  const settings = { port, listen_addresses: '127.0.0.1', unix_socket_directories: '', fsync: 'off', max_connections: 200 };
  const options = { cwd: dir.path, ...user };
  const initdb = ['-A', 'trust', '-N', '-U', 'postgres', '-E', 'UTF8', '--locale=C', '-D', data];
  let initialised: Promise<unknown> | undefined;
  return startServer({
    name: 'PostgreSQL',
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    port,
    dir,
    launch: async () => {
      await (initialised ??= execute(join(bin, 'initdb'), initdb, options));
      return startProcess({
        command: join(bin, 'postgres'),
        args: ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
        cwd: dir.path,
        ...(user && { user }),
        scratch: dir.path,
        readyWhen: async () => (await exchange(port, STARTUP_MESSAGE)).toString('latin1', 0, 1) === 'R',
      });
    },
    gracefulSignal: 'SIGINT',
    // SIGKILL would leave its shared memory segment behind.
    finalSignal: 'SIGQUIT',
  });
}

/** Protocol 3.0; a server that is up and trusts the user answers `R`, one that still starts or recovers answers `E`. */
const STARTUP_MESSAGE = startupMessage({ user: 'postgres', database: 'postgres' });

function startupMessage(parameters: Record<string, string>): Buffer {
  const text = Object.entries(parameters).map(([name, value]) => `${name}\0${value}\0`).join('');
  const message = Buffer.alloc(9 + text.length);
  message.writeInt32BE(message.length, 0);
  message.writeInt32BE(3 << 16, 4);
  message.write(text, 8);
  return message;
}

async function unprivilegedUser(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const id = async (kind: '-u' | '-g', name: string) => Number((await execute('id', [kind, name])).stdout);
  const name = await execute('id', ['postgres']).then(() => 'postgres', () => 'nobody');
  return { uid: await id('-u', name), gid: await id('-g', name) };
}
