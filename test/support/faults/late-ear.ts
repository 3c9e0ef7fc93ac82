/**
 * A TCP proxy in front of Redis whose subscribers hear everything late, as on a busy network or machine; all other connections are as they are.
 * What a connection is shows when it subscribes.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { closeServer } from '../close-server.js';
import { freePort } from '../wait.js';

export interface LateEar {
  /** The same url, by way of the proxy. */
  through(url: string): string;
  /** Idempotent. */
  stop(): Promise<void>;
}

export async function startLateEar({ host, port: targetPort }: { host: string; port: number }, lateMs: number): Promise<LateEar> {
  const port = await freePort();
  const open = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host, port: targetPort, noDelay: true });
    let isEar = false;
    client.on('data', (chunk: Buffer) => {
      isEar ||= /\r\nsubscribe\r\n/i.test(chunk.toString('latin1'));
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      // Timers of one length end in the order in which they began.
      if (isEar) setTimeout(() => client.write(chunk), lateMs);
      else client.write(chunk);
    });
    for (const [socket, other] of [[client, upstream], [upstream, client]] as const) {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        open.delete(socket);
        other.destroy();
      });
    }
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return {
    through: (url) => Object.assign(new URL(url), { host: `127.0.0.1:${port}` }).href,
    stop: () => closeServer(server, () => open.forEach((socket) => socket.destroy())),
  };
}
