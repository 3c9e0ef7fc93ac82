/** Program 1, put together: HTTP → GraphQL → loaders → cache → media client; event → invalidation. */
import type { FastifyPluginAsync } from 'fastify';
import type { Registry } from 'prom-client';
import type { CacheObserver, Source } from '../cache/cache-events.js';
import type { CacheStore, EntryKey } from '../cache/cache-store.js';
import { noStore } from '../cache/no-store.js';
import type { MediaEvent } from '../contract/media-event.js';
import type { MessageBus } from '../messaging/message-bus.js';
import { startWith, type Lifecycle } from '../runtime/lifecycle.js';
import type { Logger } from '../runtime/logger.js';
import type { Settings } from '../runtime/settings.js';
import type { WorkerLink } from '../runtime/workers/worker-link.js';
import { mediaEventQueues, subscribeToMediaEvents, subscribeToUserEvents } from './event-subscriber.js';
import type { Parts } from './health.js';
import { startHttpServer } from './http-server.js';
import { InvalidationLag } from './invalidation-lag.js';
import { keptMemory, type KeptMemory } from './kept-memory.js';
import { MediaClient } from './media-client.js';
import { describeEntry, MediaReader } from './media-reader.js';
import { createMetrics, type GatewayMetrics } from './metrics.js';
import { allowEverything, type Policy } from './policy.js';
import type { Services } from './request-context.js';
import { UserClient } from './user-client.js';
import { metricsOfAll } from './workers/metrics-of-all.js';
import { SiblingCaches } from './workers/sibling-caches.js';

export interface GatewayOptions {
  settings: Settings;
  log: Logger;
  /** Undefined: nothing is cached. */
  store: CacheStore | undefined;
  /** Undefined: entries end by their TTL only. */
  bus: MessageBus | undefined;
  /** Default: everyone may do everything, until there is a sign-in. */
  policy?: Policy;
  /** Routes of other programs that share the port, and their metrics. */
  extraRoutes?: FastifyPluginAsync;
  extraMetrics?: readonly Registry[];
  /** Default none. To the other workers on the same address. */
  link?: WorkerLink | undefined;
}

export interface Gateway {
  readonly url: string;
  /** Idempotent, never rejects. Store and bus are ended by who made them. */
  stop(): Promise<void>;
}

const httpStopMs = 8_000;

/** Resolves once requests are answered; services, cache and broker may come later. */
export function createGateway(options: GatewayOptions): Promise<Gateway> {
  return startWith(options.log, (lifecycle) => build(options, lifecycle));
}

async function build({ settings, log, store, bus, policy = allowEverything, extraRoutes, extraMetrics = [], link }: GatewayOptions, lifecycle: Lifecycle): Promise<Gateway> {
  const media = await MediaClient.connect(settings);
  lifecycle.own('media client', () => media.stop());
  const users = await UserClient.connect(settings);
  lifecycle.own('user client', () => users.stop());

  const lag = bus && store ? measureLag(bus, store, settings) : undefined;
  if (lag) lifecycle.own('canary', () => lag.stop());
  const gauges = {
    callsInFlight: () => media.callsInFlight,
    storeIsAvoided: () => store?.state === 'unavailable',
    invalidationLag: () => lag?.seconds(),
  };
  const metrics = createMetrics(gauges, extraMetrics);
  store?.watch({ invalidated: () => metrics.invalidation('local', 'announced'), lost: () => undefined });
  // Without a store nothing is cached that they would have to drop.
  const siblings = link && store ? new SiblingCaches({ link, coherenceMs: settings.CACHE_L1_LEASE_MS, hasCopies: settings.CACHE_L1 === 'on' }) : undefined;
  const kept = keptMemory(settings);
  tellOfLittleMemory(kept, settings, log);
  const mediaReader = new MediaReader({
    client: media,
    store: store ?? noStore,
    settings,
    maxCopyBytes: kept.copies,
    observe: observer(metrics, log),
    // Without a broker nothing but the TTL ends an entry, so there is nothing to miss.
    maxAgeMs: () => lag?.maxAgeMs() ?? Infinity,
    siblings,
  });
  lifecycle.own('media reader', () => mediaReader.stop());
  const metricsPage = link ? metricsOfAll(metrics.registry, link) : metrics.registry;
  link?.join();
  await siblings?.catchUp();

  // Without a cache of its own a gateway must leave the events to those that have one: who takes an event answers for it.
  if (bus && lag) await subscribeToMediaEvents({ bus, reader: mediaReader, lag, settings, log, applied: (event) => countApplied(event, metrics) });
  if (bus) await subscribeToUserEvents(bus, users);

  const explain = { token: settings.EXPLAIN_TOKEN, storeTier: store?.tier ?? 'none' };
  const services: Services = { media, mediaReader, users, policy, metrics, maxUploadBytes: settings.UPLOAD_MAX_BYTES, explain, log };
  const parts = (): Parts => ({
    cache: store?.state ?? 'off',
    broker: bus?.state ?? 'off',
    mediaService: media.state,
    userService: users.state,
  });
  const { HOST: host, PORT: port } = settings;
  const http = await startHttpServer({ host, port, services, parts, maxKept: kept, metricsPage, extraRoutes });
  lifecycle.own('HTTP', () => http.stop(), httpStopMs);
  return { url: http.url, stop: () => lifecycle.stop() };
}

function tellOfLittleMemory({ copies, answers }: KeptMemory, { CACHE_L1_MAX_MB }: Settings, log: Logger): void {
  const keptMb = Math.floor((copies + answers) / 1e6);
  if (keptMb < CACHE_L1_MAX_MB) log.warn({ keptMb, wantedMb: CACHE_L1_MAX_MB }, 'The heap is too small for CACHE_L1_MAX_MB; less is kept');
}

function measureLag(bus: MessageBus, store: CacheStore, settings: Settings): InvalidationLag {
  const queues = mediaEventQueues(settings).map(({ queue }) => queue);
  return new InvalidationLag({ bus, store, queues, unprovenMaxAgeMs: settings.CACHE_UNSYNCED_MAX_AGE_SECONDS * 1_000 });
}

function observer(metrics: GatewayMetrics, log: Logger): CacheObserver {
  return (event) => {
    metrics.cache(event);
    // The line is not even made when nobody reads it: this is on the way of every read.
    if (!log.isLevelEnabled('debug')) return;
    if (event.type === 'load') log.debug({ key: event.key, reason: event.reason }, `Cache miss for ${describeEntry(event.key)}`);
    else if (event.type === 'answered-many') for (const key of event.keys) logHit(log, key, event.source);
    else if (event.type === 'answered' && event.source !== 'origin') logHit(log, event.key, event.source);
  };
}

function logHit(log: Logger, key: EntryKey, source: Source): void {
  log.debug({ key, source }, `Cache hit for ${describeEntry(key)}`);
}

function countApplied({ occurredAt }: MediaEvent, metrics: GatewayMetrics): void {
  metrics.invalidation('store', 'event');
  if (occurredAt !== undefined) metrics.eventApplied(Math.max(0, (Date.now() - occurredAt) / 1_000));
}

/** Once per program, when requests are answered at `url`. */
export function logReady(url: string, { HOST }: Settings, log: Logger): void {
  const isPrivate = ['127.0.0.1', '::1', 'localhost'].includes(HOST);
  if (!isPrivate) log.warn({ host: HOST }, 'HOST is reachable from elsewhere and there is no sign-in: everyone who reaches it may read, upload and delete');
  log.info({ graphql: `${url}/graphql` }, 'gateway is ready');
}
