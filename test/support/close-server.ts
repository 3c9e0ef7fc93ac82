import { once } from 'node:events';
import type { Server } from 'node:net';

/** Ends a server: it takes no connection any more, and `cut` ends those that it has. Resolves when all are gone. Idempotent. */
export async function closeServer(server: Server, cut: () => void): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  cut();
  await closed;
}
