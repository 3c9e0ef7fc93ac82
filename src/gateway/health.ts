/** `/livez`, `/readyz` and `/metrics`. Ready means: requests are answered; that a part is missing is said, but does not make it unready. */
import type { FastifyInstance } from 'fastify';
import type { MetricsPage } from './metrics.js';

/** The state of each part, in a word. */
export type Parts = Readonly<Record<'cache' | 'broker' | 'mediaService' | 'userService', string>>;

export interface HealthOptions {
  metricsPage: MetricsPage;
  /** False from the moment that stopping begins. */
  ready: () => boolean;
  parts: () => Parts;
}

export function serveHealth(app: FastifyInstance, { metricsPage, ready, parts }: HealthOptions): void {
  app.get('/livez', () => ({ status: 'alive' }));
  app.get('/readyz', (_request, reply) => reply.code(ready() ? 200 : 503).send({ status: ready() ? 'ready' : 'stopping', parts: parts() }));
  app.get('/metrics', async (_request, reply) => reply.type(metricsPage.contentType).send(await metricsPage.metrics()));
}
