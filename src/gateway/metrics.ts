/** The gateway's metrics: typed events in, Prometheus text out. Labels are bounded: no owner, id or query is ever one. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { CacheEvent, Source } from '../cache/cache-events.js';

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
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  const answered = countAnswers(registers);
  const loads = counter('media_cache_loads_total', 'Entries loaded from the media service, by reason', ['reason']);
  const leases = counter('media_cache_leases_total', 'Leases granted, waited for, and taken over because their holder let them expire', ['state']);
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
  gauge('media_origin_calls_in_flight', 'Calls to the media service that are under way', callsInFlight);
  gauge('media_cache_breaker_open', '1 while reads go past the store, because it is out of reach or too slow', () => (storeIsAvoided() ? 1 : 0));
  gauge('media_invalidation_lag_seconds', 'Age of the newest moment up to which all events are known to be applied; NaN: unknown', () => invalidationLag() ?? Number.NaN);
  return {
    registry: Registry.merge([registry, ...others]),
    cache: (event) => {
      switch (event.type) {
        case 'answered':
          answered(event.source, event.negative, 1);
          break;
        case 'answered-many':
          answered(event.source, false, event.keys.length - event.negatives);
          answered(event.source, true, event.negatives);
          break;
        case 'load':
          loads.inc({ reason: event.reason });
          if (event.reason !== 'bypass') leases.inc({ state: 'granted' });
          break;
        case 'waited':
          leases.inc({ state: 'waited' });
          break;
        case 'lease-expired':
          leases.inc({ state: 'expired' });
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

/** Added up when they are asked for: on the way of every read, a labelled counter costs more than the read. */
function countAnswers(registers: Registry[]): (source: Source, negative: boolean, count: number) => void {
  const answers = new Map<string, { source: Source; negative: boolean; count: number }>();
  const reads = new Counter({
    name: 'media_cache_reads_total',
    help: 'Reads of media that were answered, by where the answer came from',
    labelNames: ['source', 'negative'],
    registers,
    collect: () => {
      for (const answer of answers.values()) {
        reads.inc({ source: answer.source, negative: String(answer.negative) }, answer.count);
        answer.count = 0;
      }
    },
  });
  return (source, negative, count) => {
    if (count === 0) return;
    const name = negative ? `${source} negative` : source;
    const answer = answers.get(name) ?? { source, negative, count: 0 };
    answer.count += count;
    answers.set(name, answer);
  };
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
