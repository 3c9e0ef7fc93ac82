/** The gateway's metrics: typed events in, Prometheus text out. Labels are bounded: no owner, id or query is ever one. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { CacheEvent, Source } from '../cache/cache-events.js';

/** What `/metrics` answers. */
export type MetricsPage = Pick<Registry, 'contentType' | 'metrics'>;

export interface GatewayMetrics {
  readonly registry: Registry;
  cache(event: CacheEvent): void;
  /** In the store: by an event that was applied, or a write of this gateway. In this process: announced by the store. */
  invalidation(tier: 'store' | 'local', source: 'event' | 'write' | 'announced'): void;
  /** From the change to its invalidation, where the event says when it occurred. */
  eventApplied(seconds: number): void;
  /** A GraphQL request that was answered by the hot lane; `request` counts it too. */
  hotAnswer(): void;
  readonly request: (statusCode: number, seconds: number) => void;
}

/** Asked when the metrics are. */
export interface GatewayGauges {
  /** Calls to the media service that are under way. */
  callsInFlight: () => number;
  /** True while reads go past the store, because it is out of reach or too slow. */
  storeIsAvoided: () => boolean;
  /** Seconds since the newest moment up to which all events are known to be applied; undefined when there is none. */
  invalidationLag: () => number | undefined;
}

/** `others`: those of programs that share the process and its routes. */
export function createMetrics({ callsInFlight, storeIsAvoided, invalidationLag }: GatewayGauges, others: readonly Registry[]): GatewayMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> => new Counter({ name, help, labelNames, registers });
  /** `aggregator`: of several workers. */
  const gauge = (name: string, help: string, { read, aggregator }: { read: () => number; aggregator: 'sum' | 'max' }): Gauge =>
    new Gauge({
      name,
      help,
      aggregator,
      registers,
      collect() {
        this.set(read());
      },
    });
  const reads = countReads(registers);
  const loads = countLoads(registers);
  const refused = counter('media_cache_fills_refused_total', 'Loaded entries that were not stored, because an invalidation or an outage came in between', []);
  const undecodable = counter('media_cache_undecodable_total', 'Stored entries that could not be decoded', []);
  const invalidations = counter('media_cache_invalidations_total', 'Invalidations by tier and source', ['tier', 'source']);
  const applied = new Histogram({
    name: 'media_event_applied_seconds',
    help: 'From the change of the media to its invalidation',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300],
    registers,
  });
  const hot = counter('graphql_hot_answers_total', 'GraphQL requests that were answered by the hot lane', []);
  const request = observeRequests(registers);
  gauge('media_origin_calls_in_flight', 'Calls to the media service that are under way', { read: callsInFlight, aggregator: 'sum' });
  gauge('media_cache_breaker_open', '1 while reads go past the store, because it is out of reach or too slow', { read: () => (storeIsAvoided() ? 1 : 0), aggregator: 'max' });
  gauge('media_invalidation_lag_seconds', 'Age of the newest moment up to which all events are known to be applied; NaN: unknown', { read: () => invalidationLag() ?? Number.NaN, aggregator: 'max' });
  return {
    registry: Registry.merge([registry, ...others]),
    cache: (event) => {
      switch (event.type) {
        case 'answered':
          reads[event.source][event.negative ? 'negative' : 'found']();
          break;
        case 'answered-many':
          reads[event.source].found(event.keys.length - event.negatives);
          reads[event.source].negative(event.negatives);
          break;
        case 'load':
          loads[event.reason]();
          break;
        case 'waited':
          loads.waited();
          break;
        case 'lease-expired':
          loads.expired();
          break;
        case 'fill-refused':
          refused.inc();
          break;
        case 'undecodable':
          undecodable.inc();
          break;
      }
    },
    invalidation: (tier, source) => invalidations.inc({ tier, source }),
    eventApplied: (seconds) => applied.observe(seconds),
    hotAnswer: () => hot.inc(),
    request,
  };
}

/** Adds to the count of some labels, one unless told otherwise. */
type Count = (count?: number) => void;

/** A counter that is added up when it is asked for: on the way of every read, a labelled one costs more than the read. */
function tally<L extends string>(name: string, help: string, labelNames: readonly L[], registers: Registry[]): (labels: Record<L, string>) => Count {
  const counts: { readonly labels: Record<L, string>; count: number }[] = [];
  const counter = new Counter({
    name,
    help,
    labelNames,
    registers,
    collect: () => {
      for (const counted of counts) {
        if (counted.count > 0) counter.inc(counted.labels, counted.count);
        counted.count = 0;
      }
    },
  });
  return (labels) => {
    const counted = { labels, count: 0 };
    counts.push(counted);
    return (count = 1) => void (counted.count += count);
  };
}

function countReads(registers: Registry[]): Record<Source, { readonly found: Count; readonly negative: Count }> {
  const reads = tally('media_cache_reads_total', 'Reads of media that were answered, by where the answer came from', ['source', 'negative'], registers);
  const of = (source: Source): { found: Count; negative: Count } => ({ found: reads({ source, negative: 'false' }), negative: reads({ source, negative: 'true' }) });
  return { local: of('local'), store: of('store'), origin: of('origin'), stale: of('stale') };
}

function countLoads(registers: Registry[]): Record<'leased' | 'refresh' | 'bypass' | 'waited' | 'expired', Count> {
  const loads = tally('media_cache_loads_total', 'Entries loaded from the media service, by reason', ['reason'], registers);
  const leases = tally('media_cache_leases_total', 'Leases granted, waited for, and taken over because their holder let them expire', ['state'], registers);
  const granted = leases({ state: 'granted' });
  const under = (reason: string): Count => {
    const loaded = loads({ reason });
    return (count) => {
      loaded(count);
      granted(count);
    };
  };
  return { leased: under('leased'), refresh: under('refresh'), bypass: loads({ reason: 'bypass' }), waited: leases({ state: 'waited' }), expired: leases({ state: 'expired' }) };
}

/** Durations of successful requests that are not in the histogram yet; to put in many at a time costs a fraction. */
const maxPending = 512;

function observeRequests(registers: Registry[]): GatewayMetrics['request'] {
  const pending = new Float64Array(maxPending);
  let count = 0;
  const settle = (): void => {
    const succeeded = requests.labels({ status: '2xx' });
    for (let index = 0; index < count; index += 1) succeeded.observe(pending[index] ?? 0);
    count = 0;
  };
  const requests = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Duration of HTTP requests by status class',
    labelNames: ['status'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    registers,
    collect: settle,
  });
  return (statusCode, seconds) => {
    if (statusCode < 200 || statusCode >= 300) {
      requests.observe({ status: `${Math.floor(statusCode / 100)}xx` }, seconds);
      return;
    }
    if (count === maxPending) settle();
    pending[count] = seconds;
    count += 1;
  };
}
