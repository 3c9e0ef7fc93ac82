/**
 * A TCP proxy between a program and a real server, on which tests inject the faults of a network and count its traffic.
 * Invariant: bytes are never changed, reordered or piled up: a slow link holds its sender back, as a real one does.
 */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { closeServer } from '../close-server.js';
import { freePort } from '../wait.js';
import { Link } from './link.js';
import type { Socket } from 'node:net';
import type { Direction } from './link.js';

export interface TcpProxy {
  readonly host: string;
  readonly port: number;
  /** The same url, by way of the proxy. */
  through(url: string): string;
  /** Connections that are open now. */
  connections(): number;
  /**
   * How often a client has begun to send after the server's last bytes, or for the first time, summed over connections:
   * what a client sends at once, pipelined, counts one.
   */
  roundTrips(): number;
  /** Bytes received from either side since the last `resetCounts()`. */
  bytes(): Record<Direction, number>;
  resetCounts(): void;
  /** Stalls both directions of all connections, new ones included. Nothing is closed: a half-open link. */
  pause(): void;
  resume(): void;
  /** Limits all connections together, in each direction; undefined lifts the limit. */
  throttle(bytesPerSecond: number | undefined): void;
  /** Adds latency to each direction; a round trip takes twice as long. 0 ends it. */
  delay(ms: number): void;
  /** Closes all connections and the port: dialling is refused until `accept()`. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  /** Closes all open connections on both sides, by reset; new ones are welcome. */
  cutAll(): void;
  /** Ends the proxy. Idempotent. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';

/** Listens on a free port of 127.0.0.1; dials `target` anew for each connection, so it may go and come back. */
export async function startTcpProxy({ host, port: targetPort }: { host: string; port: number }): Promise<TcpProxy> {
  const port = await freePort();
  const link = new Link();
  const counts = { roundTrips: 0, toServer: 0, toClient: 0 };
  const open = new Set<Bridge>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = connect({ host, port: targetPort, allowHalfOpen: true, noDelay: true });
    const bridge = connectBoth({ client, upstream, link, counts });
    open.add(bridge);
    void bridge.closed.then(() => open.delete(bridge));
  });
  const cutAll = () => open.forEach((bridge) => bridge.cut());
  const accept = async () => {
    if (!server.listening) await once(server.listen(port, HOST), 'listening');
  };
  const refuse = () => closeServer(server, cutAll);
  await accept();
  return {
    host: HOST,
    port,
    through: (url) => Object.assign(new URL(url), { host: `${HOST}:${port}` }).href,
    connections: () => open.size,
    roundTrips: () => counts.roundTrips,
    bytes: () => ({ toServer: counts.toServer, toClient: counts.toClient }),
    resetCounts: () => void Object.assign(counts, { roundTrips: 0, toServer: 0, toClient: 0 }),
    pause: () => link.pause(),
    resume: () => link.resume(),
    throttle: (bytesPerSecond) => link.throttle(bytesPerSecond),
    delay: (ms) => void (link.delayMs = ms),
    refuse,
    accept,
    cutAll,
    stop: refuse,
  };
}

interface Bridge {
  cut(): void;
  closed: Promise<unknown>;
}

interface Ends {
  client: Socket;
  upstream: Socket;
  link: Link;
  counts: Record<Direction | 'roundTrips', number>;
}

function connectBoth({ client, upstream, link, counts }: Ends): Bridge {
  const gone = new AbortController();
  const { signal } = gone;
  const cut = () => {
    gone.abort();
    for (const socket of [client, upstream]) if (!socket.destroyed) socket.resetAndDestroy();
  };
  // A reset is news from the other end, so a stalled link holds it back as well.
  const fail = () => void link.open(signal).then(cut, () => {});
  let clientMaySendNext = true;
  upstream.on('data', (chunk: Buffer) => {
    counts.toClient += chunk.length;
    clientMaySendNext = true;
  });
  client.on('data', (chunk: Buffer) => {
    counts.toServer += chunk.length;
    if (clientMaySendNext) counts.roundTrips += 1;
    clientMaySendNext = false;
  });
  for (const socket of [client, upstream]) socket.on('error', fail);
  link.flow(client, upstream, { direction: 'toServer', signal }).catch(fail);
  link.flow(upstream, client, { direction: 'toClient', signal }).catch(fail);
  const closed = Promise.all([client, upstream].map((socket) => new Promise((resolve) => socket.once('close', resolve))));
  return { cut, closed };
}
