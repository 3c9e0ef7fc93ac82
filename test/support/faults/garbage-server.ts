/**
 * A TCP server that stands where another one should: it answers every chunk with the same bytes, or closes each connection at once.
 * Invariant: it never answers anything that was asked for.
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { closeServer } from '../close-server.js';

export interface GarbageServer {
  /** Connections taken so far. */
  connections(): number;
  /** Closes the port and all connections. Idempotent. */
  stop(): Promise<void>;
}

/** Listens on a port of 127.0.0.1 that must be free. `answer` undefined: accepts and closes. */
export async function startGarbageServer({ port, answer }: { port: number; answer: Buffer | undefined }): Promise<GarbageServer> {
  const open = new Set<Socket>();
  let taken = 0;
  const server = createServer((socket) => {
    taken += 1;
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
    if (answer) socket.on('data', () => socket.write(answer));
    else socket.destroy();
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return {
    connections: () => taken,
    stop: () => closeServer(server, () => open.forEach((socket) => socket.destroy())),
  };
}
