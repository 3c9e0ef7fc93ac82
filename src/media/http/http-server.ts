/**
 * The media service's own HTTP server: the bytes, and what an orchestrator asks.
 * Invariant: an answer never waits for a client that does not read when the server stops.
 */
import Fastify, { type FastifyPluginAsync } from 'fastify';
import type { Registry } from 'prom-client';
import { httpUrlOf, listenHost } from '../../runtime/http-url.js';
import type { Logger } from '../../runtime/logger.js';
import type { HostPort } from '../../runtime/setting-types.js';
import { usable } from '../../runtime/settings.js';
import type { MediaParts } from '../media-service.js';
import { withProcessMetrics } from '../metrics.js';

export interface MediaHttpOptions {
  address: HostPort;
  routes: FastifyPluginAsync;
  /** The metrics, to which those of the process are added. */
  registry: Registry;
  /** The state of each part; `database` is what it cannot do without. */
  parts: () => Promise<MediaParts>;
  log: Logger;
}

export interface MediaHttpServer {
  /** The base of the URLs of what it serves. */
  url: string;
  /** Lets answers finish for a second, then cuts them off. Idempotent, never rejects. */
  stop(): Promise<void>;
}

const drainMs = 1_000;

/** Resolves once requests are answered. @throws Error when the address cannot be bound. */
export async function startMediaHttp({ address, routes, registry, parts, log }: MediaHttpOptions): Promise<MediaHttpServer> {
  const server = Fastify({ logger: false, requestTimeout: 30_000, keepAliveTimeout: 30_000, maxRequestsPerSocket: 10_000 });
  let ready = true;
  server.get('/livez', () => ({ status: 'alive' }));
  server.get('/readyz', async (_request, reply) => {
    const states = await parts();
    const able = states.database === 'ready' ? 'ready' : 'unavailable';
    const status = ready ? able : 'stopping';
    return reply.code(status === 'ready' ? 200 : 503).send({ status, parts: states });
  });
  const metrics = withProcessMetrics(registry);
  server.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.metrics()));
  await server.register(routes);
  const { host } = address;
  await usable('MEDIA_HTTP_ADDR', server.listen({ host: listenHost(host), port: address.port }));
  const url = httpUrlOf(host, server.server.address());
  const stop = async (): Promise<void> => {
    ready = false;
    const cut = setTimeout(() => server.server.closeAllConnections(), drainMs);
    await server.close().catch((error: unknown) => log.warn({ err: error }, 'the HTTP server did not close'));
    clearTimeout(cut);
  };
  let stopped: Promise<void> | undefined;
  return { url, stop: () => (stopped ??= stop()) };
}
