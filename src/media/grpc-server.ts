/**
 * MediaService over gRPC: messages to verbs and back, errors to statuses.
 * Invariant: a client sees an error of the closed list, or a masked one with an id that the log knows; uploads in flight outlive the begin of the stop.
 */
import { Server, status, type handleUnaryCall, type sendUnaryData, type ServiceError } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { randomUUID } from 'node:crypto';
import { AppError } from '../contract/errors.js';
import type { MediaInput } from '../contract/generated/media/v1/Media.js';
import type { MediaServiceHandlers } from '../contract/generated/media/v1/MediaService.js';
import { toGrpcError } from '../contract/grpc-errors.js';
import { maxBatchSize, MediaService } from '../contract/services.js';
import { wideWindows } from '../runtime/flow-control.js';
import { listenGrpc, serverCredentials, type TlsFiles } from '../runtime/grpc.js';
import type { Logger } from '../runtime/logger.js';
import type { HostPort } from '../runtime/setting-types.js';
import { InFlight } from './in-flight.js';
import type { Messages } from './messages/messages.js';
import { filesMessage, fromImport, fromQuery, fromSend, messageMessage, sendMessage, sourceOf, toMessage } from './grpc-messages.js';
import type { Library } from './library.js';
import type { Integrity } from './upkeep/integrity.js';
import type { Statistics } from './upkeep/statistics.js';
import type { Media } from './rows/media-store.js';
import type { Templates } from './templates/templates.js';
import { receiveUpload, UploadAborted, type UploadCall, type UploadTimeouts } from './upload-call.js';

export interface MediaGrpcOptions {
  library: Library;
  integrity: Pick<Integrity, 'verify'>;
  statistics: Pick<Statistics, 'read'>;
  messages: Pick<Messages, 'find' | 'list' | 'retry'>;
  templates: Pick<Templates, 'send'>;
  log: Logger;
  address: HostPort;
  tls: TlsFiles;
  /** Default 30 s without a message, 5 min in all. */
  uploadTimeouts?: UploadTimeouts;
  /** Default 6,000. Milliseconds that calls in flight have to finish when it stops. */
  drainMs?: number;
}

export interface MediaGrpcServer {
  address: HostPort;
  /** Idempotent, never rejects. */
  stop(): Promise<void>;
}

const serviceName = 'media.v1.MediaService';
const maxReordered = 1_000;

/** For the last answers to leave, once no call is in flight. */
const farewellMs = 100;

const serverOptions = {
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
  'grpc.max_concurrent_streams': 1_000,
  // Clients of ours ping every 5 minutes, also without calls. A client that is gone is noticed.
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.keepalive_time_ms': 300_000,
  'grpc.keepalive_timeout_ms': 20_000,
};

/** Resolves once calls are answered. @throws Error when the address cannot be bound. */
export async function startMediaGrpc(options: MediaGrpcOptions): Promise<MediaGrpcServer> {
  const { log, address, tls, drainMs = 6_000 } = options;
  const inFlight = new InFlight();
  const server = new Server({ ...serverOptions, interceptors: [wideWindows()] });
  server.addService(MediaService.service, handlers(options, inFlight));
  const health = new HealthImplementation({ '': 'SERVING', [serviceName]: 'SERVING' });
  health.addToServer(server);
  const listening = await listenGrpc(server, address, await serverCredentials(tls));
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    for (const name of ['', serviceName]) health.setStatus(name, 'NOT_SERVING');
    const closed = listening.stop(drainMs);
    if (!(await inFlight.idle(drainMs))) log.warn({ calls: inFlight.size }, 'calls were cut off');
    // A client that watches the health service would hold up the end for all of drainMs.
    const cut = setTimeout(() => server.forceShutdown(), farewellMs);
    await closed;
    clearTimeout(cut);
  };
  return { address: listening.address, stop: () => (stopped ??= stop()) };
}

function handlers({ library, integrity, statistics, messages, templates, log, uploadTimeouts = { idleMs: 30_000, totalMs: 300_000 } }: MediaGrpcOptions, inFlight: InFlight): MediaServiceHandlers {
  const failure = (error: unknown): Partial<ServiceError> => {
    if (error instanceof UploadAborted) return { code: status.ABORTED, details: error.message };
    const answer = toGrpcError(error);
    if (error instanceof AppError) return answer;
    const errorId = randomUUID();
    log.error({ err: error, errorId }, 'a call failed unexpectedly');
    return { ...answer, details: `${answer.details ?? 'internal error'} (${errorId})` };
  };

  const respond = async <Response>(work: Promise<Response>, callback: sendUnaryData<Response>): Promise<void> => {
    try {
      const answer = await inFlight.track(work);
      callback(null, answer);
    } catch (error) {
      callback(failure(error));
    }
  };

  const unary =
    <Request, Response>(verb: (request: Request) => Promise<Response>): handleUnaryCall<Request, Response> =>
    ({ request }, callback) =>
      void respond(verb(request), callback);

  const upload = async (call: UploadCall): Promise<MediaInput> => toMessage(await receiveUpload(call, library, uploadTimeouts));

  return {
    UploadFile: (call, callback) => void respond(upload(call), callback),
    GetFileByID: unary(async ({ id }) => toMessage(found(await library.findById(id)))),
    GetFileByUUID: unary(async ({ uuid }) => toMessage(found(await library.findByUuid(uuid)))),
    GetFilesByModel: unary(async (query) => {
      const [files] = await library.filesByModels([fromQuery(query)]);
      return filesMessage(files);
    }),
    GetFilesByModels: unary(async ({ queries }) => {
      checkBatch(queries, 'owners');
      const results = await library.filesByModels(queries.map(fromQuery));
      return { results: results.map(filesMessage) };
    }),
    GetFileURLs: unary(async ({ ids, expiry_seconds: expirySeconds, conversion }) => {
      checkBatch(ids, 'files');
      const urls = await library.urls(ids, expirySeconds, conversion);
      return { results: urls.map((signed) => ({ url: signed?.url ?? '', expires_at: signed?.expiresAt ?? '' })) };
    }),
    DeleteFile: unary(async ({ id }) => {
      const removed = await library.remove(id);
      return removed ? { deleted: true, media: toMessage(removed) } : { deleted: false };
    }),
    UpdateFile: unary(async ({ id, name, file_name: fileName, custom_properties: customProperties }) =>
      toMessage(found(await library.update(id, { name, fileName, customProperties }))),
    ),
    ReorderFiles: unary(async ({ model_type: modelType, model_id: modelId, collection_name: collectionName, ids }) => {
      if (ids.length > maxReordered) throw new AppError('BAD_USER_INPUT', `At most ${maxReordered} files can be ordered at once, not ${ids.length}.`);
      const media = await library.reorder({ modelType, modelId, collectionName }, ids);
      return filesMessage({ media, total: media.length, fallbackUrl: '' });
    }),
    ImportFile: unary(async (request) => toMessage(await library.import(fromImport(request), sourceOf(request)))),
    VerifyFile: unary(async (request) => {
      const sha256 = request.file === 'id' ? found(await library.findById(request.id ?? '')).sha256 : (request.sha256 ?? '').toLowerCase();
      const { state, size } = await integrity.verify(sha256);
      return { state, sha256, size };
    }),
    GetStats: unary(() => statistics.read()),
    GetMessages: unary(async ({ ids }) => {
      checkBatch(ids, 'messages');
      const known = await messages.find(ids);
      return { results: known.map((message) => (message ? { message: messageMessage(message) } : {})) };
    }),
    ListMessages: unary(async (query) => {
      const page = await messages.list(query);
      return { messages: page.messages.map(messageMessage), has_more: page.hasMore };
    }),
    RetryMessageMedia: unary(async ({ id }) => messageMessage(await messages.retry(id))),
    SendTemplate: unary(async (request) => sendMessage(await templates.send(fromSend(request)))),
  };
}

function checkBatch(keys: readonly unknown[], what: string): void {
  if (keys.length > maxBatchSize) throw new AppError('BAD_USER_INPUT', `At most ${maxBatchSize} ${what} can be asked for at once, not ${keys.length}.`);
}

function found(media: Media | undefined): Media {
  if (media) return media;
  throw new AppError('NOT_FOUND', 'There is no such file.');
}
