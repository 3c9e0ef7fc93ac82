/**
 * Builds the media service: stores, library, relay, gRPC server, and the plugin that serves the bytes.
 * Invariant: what is started is ended in reverse: no new calls, uploads in flight finish, events leave, then the stores close.
 */
import type { FastifyPluginAsync } from 'fastify';
import { sql } from 'kysely';
import type { BusState, MessageBus } from '../messaging/message-bus.js';
import { withDeadline } from '../runtime/deadline.js';
import { startWith } from '../runtime/lifecycle.js';
import type { Logger } from '../runtime/logger.js';
import type { HostPort } from '../runtime/setting-types.js';
import { usable, type Settings } from '../runtime/settings.js';
import { createDelivery } from './http/delivery.js';
import { startMediaGrpc } from './grpc-server.js';
import { Library } from './library.js';
import { OutboxRelay } from './outbox-relay.js';
import { UrlSigner } from './http/signed-urls.js';
import type { SqlDatabase } from './rows/sql-database.js';
import { createSqlMediaStore } from './rows/sql-media-store.js';
import { createSqlOutbox } from './rows/sql-outbox.js';
import { openBlobStore, openDatabase } from './storage.js';
import { keptKeys } from './http/url-keys.js';

export interface MediaServiceOptions {
  settings: Settings;
  log: Logger;
  /** Undefined: there is no broker; events stay in the outbox until one is configured. */
  bus: MessageBus | undefined;
  /** The base of the URLs of the bytes, without a trailing slash; asked for each URL. */
  publicUrl: () => string;
}

export interface MediaService {
  grpcAddress: HostPort;
  /** GET and HEAD of `/files/…`. */
  delivery: FastifyPluginAsync;
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

const minSecretLength = 16;
const grpcStopMs = 6_500;
const relayStopMs = 2_500;

/** Resolves once gRPC calls are answered. @throws Error when a store cannot be opened or the address cannot be bound; nothing is left running then. */
export function createMediaService({ settings, log, bus, publicUrl }: MediaServiceOptions): Promise<MediaService> {
  return startWith(log, async (lifecycle) => {
    const database = await usable(settings.MEDIA_DATABASE_URL ? 'MEDIA_DATABASE_URL' : 'DATA_DIR', openDatabase(settings, log));
    lifecycle.own('database', () => database.stop());
    const blobs = await usable(settings.MEDIA_STORAGE_URL ? 'MEDIA_STORAGE_URL' : 'DATA_DIR', openBlobStore(settings));
    lifecycle.own('blob store', () => blobs.stop());
    const keys = settings.MEDIA_URL_KEYS ?? (await keptKeys(settings.DATA_DIR));
    if (keys.some(({ secret }) => secret.length < minSecretLength)) {
      log.warn(`MEDIA_URL_KEYS has a secret of less than ${minSecretLength} characters: it can be guessed, and signed URLs forged`);
    }
    const signer = new UrlSigner(keys);

    const relay = bus && new OutboxRelay({ outbox: createSqlOutbox(database), bus, log });
    if (relay) lifecycle.own('outbox relay', () => relay.stop(), relayStopMs);
    else log.warn('no broker is configured: events stay in the outbox, caches elsewhere end by their TTL only');

    const library = new Library({
      store: createSqlMediaStore(database),
      blobs,
      signer,
      uploadMaxBytes: settings.UPLOAD_MAX_BYTES,
      publicUrl,
      onCommit: () => relay?.wake(),
    });
    const grpc = await usable('MEDIA_GRPC_ADDR', startMediaGrpc({ library, log, address: settings.MEDIA_GRPC_ADDR, tls: settings }));
    lifecycle.own('gRPC server', () => grpc.stop(), grpcStopMs);

    return { grpcAddress: grpc.address, delivery: createDelivery({ library, signer, log }), parts: partsOf(database, bus), stop: () => lifecycle.stop() };
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
