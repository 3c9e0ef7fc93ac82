/**
 * Builds the media service: stores, library, relay, gRPC server, and the plugin that serves the bytes.
 * Invariant: what is started is ended in reverse: no new calls, uploads in flight finish, events leave, then the stores close.
 */
import type { FastifyPluginAsync } from 'fastify';
import { sql } from 'kysely';
import { join } from 'node:path';
import type { Registry } from 'prom-client';
import type { BusState, MessageBus } from '../messaging/message-bus.js';
import { withDeadline } from '../runtime/deadline.js';
import { startWith } from '../runtime/lifecycle.js';
import type { Logger } from '../runtime/logger.js';
import type { HostPort } from '../runtime/setting-types.js';
import { usable, type Settings } from '../runtime/settings.js';
import { ConversionWorker } from './conversions/conversion-worker.js';
import { createAdmin } from './http/admin.js';
import { createDelivery } from './http/delivery.js';
import { createMessageMedia } from './http/message-media.js';
import { startMediaGrpc } from './grpc-server.js';
import type { MediaProvider } from './import/provider.js';
import { openMediaCore } from './media-core.js';
import type { Added } from './library.js';
import { createMediaMetrics, type MediaMetrics } from './metrics.js';
import { startProviderWork } from './provider-work.js';
import { OutboxRelay } from './outbox-relay.js';
import type { Amounts } from './rows/counters.js';
import type { SqlDatabase } from './rows/sql-database.js';
import { createSqlOutbox } from './rows/sql-outbox.js';
import { Schedule } from './upkeep/schedule.js';
import { Scrub } from './upkeep/scrub.js';

export interface MediaServiceOptions {
  settings: Settings;
  log: Logger;
  /** Undefined: there is no broker; events stay in the outbox until one is configured. */
  bus: MessageBus | undefined;
  /** The base of the URLs of the bytes, without a trailing slash; asked for each URL. */
  publicUrl: () => string;
  /** Default none. Whose media can be imported by their id. */
  providers?: readonly MediaProvider[];
}

export interface MediaService {
  grpcAddress: HostPort;
  /** `/files/…` for everybody, `/media` and below for operators, the webhooks of providers. */
  routes: FastifyPluginAsync;
  /** Its metrics, without those of the process. */
  registry: Registry;
  /** Never rejects. */
  parts(): Promise<MediaParts>;
  /** Idempotent, never rejects. */
  stop(): Promise<void>;
}

/** The state of each part, in a word. */
export interface MediaParts {
  database: 'ready' | 'unavailable';
  broker: BusState | 'off';
}

const grpcStopMs = 6_500;
const relayStopMs = 2_500;

/** Resolves once gRPC calls are answered. @throws Error when a store cannot be opened or the address cannot be bound; nothing is left running then. */
export function createMediaService({ settings, log, bus, publicUrl, providers = [] }: MediaServiceOptions): Promise<MediaService> {
  return startWith(log, async (lifecycle) => {
    let relay: OutboxRelay | undefined;
    let converting: ConversionWorker | undefined;
    const onCommit = (added: Added): void => {
      relay?.wake();
      if (added === 'events and conversions') converting?.wake();
    };
    let metrics: MediaMetrics | undefined;
    const counted = (amounts: Amounts): void => metrics?.counted(amounts);
    const core = await openMediaCore({ settings, log, lifecycle, publicUrl, onCommit, counted, providers });
    const { database, library, signer, integrity, statistics } = core;
    const outbox = createSqlOutbox(database);
    const { registry } = (metrics = createMediaMetrics(outbox, log));
    relay = bus && new OutboxRelay({ outbox, bus, log });
    if (relay) lifecycle.own('outbox relay', () => relay?.stop(), relayStopMs);
    else log.warn('no broker is configured: events stay in the outbox, caches elsewhere end by their TTL only');

    const directory = join(settings.DATA_DIR, 'conversions');
    converting = new ConversionWorker({ ...core, store: core.conversions, directory, log, onCommit: () => relay?.wake() });
    lifecycle.own('conversions', () => converting?.stop());

    const { MEDIA_SCRUB_DAYS: days } = settings;
    const scrub = days > 0 ? new Scrub({ ...core, log, days }) : undefined;
    lifecycle.own('scrub', () => scrub?.stop());
    const daily = new Schedule({ name: 'cleanup', at: settings.MEDIA_CLEANUP_AT, task: (signal) => core.cleanup.run({ dryRun: false, signal }), log });
    lifecycle.own('daily cleanup', () => daily.stop());

    const { messages, templates, webhooks } = await startProviderWork({ core, providers, settings, lifecycle, log });
    const doors = { library, integrity, statistics, messages, templates, log };
    const grpc = await usable('MEDIA_GRPC_ADDR', startMediaGrpc({ ...doors, address: settings.MEDIA_GRPC_ADDR, tls: settings }));
    lifecycle.own('gRPC server', () => grpc.stop(), grpcStopMs);

    const delivery = createDelivery({ library, signer, log });
    const admin = createAdmin({ ...core, templates, providers: providers.map(({ name }) => name), token: settings.MEDIA_ADMIN_TOKEN, log });
    const messageMedia = createMessageMedia({ ...core, messages, token: settings.MEDIA_ADMIN_TOKEN, log });
    const routes: FastifyPluginAsync = async (server) => {
      await Promise.all([delivery, admin, messageMedia, ...webhooks].map(async (door) => {
        await server.register(door);
      }));
    };
    return { grpcAddress: grpc.address, routes, registry, parts: partsOf(database, bus), stop: () => lifecycle.stop() };
  });
}

const databaseDeadlineMs = 1_000;

function partsOf(database: SqlDatabase, bus: MessageBus | undefined): () => Promise<MediaParts> {
  return async () => {
    const answered = withDeadline(sql`select 1`.execute(database.db), databaseDeadlineMs);
    const state = await answered.then(() => 'ready' as const, () => 'unavailable' as const);
    return { database: state, broker: bus?.state ?? 'off' };
  };
}
