/** The gateway's metrics: typed events in, Prometheus text out. Labels are bounded: no owner, id or query is ever one. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { CacheEvent } from '../cache/cache-events.js';

export interface GatewayMetrics {
  readonly registry: Registry;
  cache(event: CacheEvent): void;
  /** An event that was applied, or a write of this gateway. */
  invalidation(source: 'event' | 'write'): void;
  request(statusCode: number, seconds: number): void;
}

export function createMetrics(callsInFlight: () => number): GatewayMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const reads = new Counter({ name: 'media_cache_reads_total', help: 'Reads of the media cache by outcome', labelNames: ['outcome'], registers: [registry] });
  const invalidations = new Counter({
    name: 'media_cache_invalidations_total',
    help: 'Invalidations of the media cache by source',
    labelNames: ['source'],
    registers: [registry],
  });
  const requests = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Duration of HTTP requests by status class',
    labelNames: ['status'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    registers: [registry],
  });
  registry.registerMetric(
    new Gauge({
      name: 'media_origin_calls_in_flight',
      help: 'Calls to the media service that are under way',
      registers: [],
      collect() {
        this.set(callsInFlight());
      },
    }),
  );
  return {
    registry,
    cache: (event) => reads.inc({ outcome: event.type === 'miss' ? `miss-${event.reason}` : event.type }),
    invalidation: (source) => invalidations.inc({ source }),
    request: (statusCode, seconds) => requests.observe({ status: `${Math.floor(statusCode / 100)}xx` }, seconds),
  };
}
