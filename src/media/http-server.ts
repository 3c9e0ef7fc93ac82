/**
 * The media service's own HTTP server: the bytes, and what an orchestrator asks.
 * Invariant: an answer never waits for a client that does not read when the server stops.
 */
import Fastify, { type FastifyPluginAsync } from 'fastify';
import type { Logger } from '../runtime/logger.js';
import { formatHostPort, type HostPort } from '../runtime/setting-types.js';

export interface MediaHttpOptions {
  address: HostPort;
  delivery: FastifyPluginAsync;
  log: Logger;
}

export interface MediaHttpServer {
  address: HostPort;
  /** The base of the URLs of what it serves. */
  url: string;
  /** Lets answers finish for a second, then cuts them off. Idempotent, never rejects. */
  stop(): Promise<void>;
}

const drainMs = 1_000;
const anyAddress = new Set(['0.0.0.0', '[::]']);

/** Resolves once requests are answered. @throws Error when the address cannot be bound. */
export async function startMediaHttp({ address, delivery, log }: MediaHttpOptions): Promise<MediaHttpServer> {
  const server = Fastify({ logger: false, requestTimeout: 30_000, keepAliveTimeout: 30_000, maxRequestsPerSocket: 10_000 });
  let ready = true;
  server.get('/livez', () => ({ status: 'ok' }));
  server.get('/readyz', (_request, reply) => reply.code(ready ? 200 : 503).send({ status: ready ? 'ok' : 'stopping' }));
  await server.register(delivery);
  const { host } = address;
  // Node wants an IPv6 address without the brackets that it has in a URL.
  await server.listen({ host: host.replace(/^\[|\]$/g, ''), port: address.port });
  const bound = server.server.address();
  const port = typeof bound === 'object' && bound ? bound.port : address.port;
  const stop = async (): Promise<void> => {
    ready = false;
    const cut = setTimeout(() => server.server.closeAllConnections(), drainMs);
    await server.close().catch((error: unknown) => log.warn({ err: error }, 'the HTTP server did not close'));
    clearTimeout(cut);
  };
  let stopped: Promise<void> | undefined;
  return {
    address: { host, port },
    url: `http://${formatHostPort({ host: anyAddress.has(host) ? 'localhost' : host, port })}`,
    stop: () => (stopped ??= stop()),
  };
}
