/**
 * The gateway's way to the media service: one method per verb, AppErrors out.
 * Invariant: no call without a deadline, and never more in flight than `ORIGIN_MAX_CONCURRENCY`; imports and template messages, which may last
 * for minutes, and uploads take nothing from that.
 */
import { connectivityState, status } from '@grpc/grpc-js';
import { AppError } from '../contract/errors.js';
import type { DeleteFileResponse } from '../contract/generated/media/v1/DeleteFileResponse.js';
import type { FileURL } from '../contract/generated/media/v1/FileURL.js';
import type { ImportFileRequestInput } from '../contract/generated/media/v1/ImportFileRequest.js';
import type { ListMessagesRequestInput } from '../contract/generated/media/v1/ListMessagesRequest.js';
import type { ListMessagesResponse } from '../contract/generated/media/v1/ListMessagesResponse.js';
import type { Media } from '../contract/generated/media/v1/Media.js';
import type { MediaServiceClient } from '../contract/generated/media/v1/MediaService.js';
import type { Message } from '../contract/generated/media/v1/Message.js';
import type { ModelFiles } from '../contract/generated/media/v1/ModelFiles.js';
import type { ModelQueryInput } from '../contract/generated/media/v1/ModelQuery.js';
import type { ReorderFilesRequestInput } from '../contract/generated/media/v1/ReorderFilesRequest.js';
import type { SendTemplateRequestInput } from '../contract/generated/media/v1/SendTemplateRequest.js';
import type { SendTemplateResponse } from '../contract/generated/media/v1/SendTemplateResponse.js';
import type { UpdateFileRequestInput } from '../contract/generated/media/v1/UpdateFileRequest.js';
import type { UploadMetaInput } from '../contract/generated/media/v1/UploadMeta.js';
import { fromGrpcError, hasGrpcStatus } from '../contract/grpc-errors.js';
import { MediaService } from '../contract/services.js';
import { channelOptions, clientCredentials, taken, unary } from '../runtime/grpc.js';
import { asError } from '../runtime/as-error.js';
import { DeadlineExceeded } from '../runtime/deadline.js';
import { Coalescer } from '../runtime/coalescer.js';
import { Limiter, Overloaded } from '../runtime/limiter.js';
import { formatHostPort } from '../runtime/setting-types.js';
import type { Settings } from '../runtime/settings.js';
import { streamUpload } from './media-upload.js';

const methods = MediaService.service;

const readDeadlineMs = 2_000;
const writeDeadlineMs = 5_000;
/** Each file that moves is a row and an event, and collections have no bound. */
const reorderDeadlineMs = 30_000;
/** Three tries of 30 seconds, with pauses between them, and their turn to wait for. */
const importDeadlineMs = 150_000;
/** Of a message that is sent twice, with two uploads before each. */
const sendDeadlineMs = 210_000;
const maxImports = 32;

/**
 * While so many calls are under way, further large ones wait and go together: a call costs as much as a dozen things in it. Not for as many as there may be
 * in one: while the service is at work on what all wait for, this process has nothing to do.
 */
export const batching = {
  maxCalls: 4,
  minThings: 16,
  maxThings: 200,
  maxWaitMs: 100,
  mayBeOfOne: (error: unknown): boolean => error instanceof AppError && (error.code === 'RESULT_TOO_LARGE' || error.code === 'BAD_USER_INPUT'),
};

/** How long a read can take at most: its call, after waiting for room. */
export const originDeadlineMs = batching.maxWaitMs + 2 * readDeadlineMs;

/** How long a service without the batch call is asked owner by owner before the batch call is tried again. */
const singleCallsMs = 60_000;
const singleCallsAtOnce = 8;

const unavailable = { code: 'MEDIA_SERVICE_UNAVAILABLE', message: 'The media service cannot be reached.' } as const;

export type ServiceState = 'connected' | 'connecting' | 'unavailable';

export class MediaClient {
  readonly #client: MediaServiceClient;
  readonly #limiter: Limiter;
  readonly #imports = new Limiter({ max: maxImports, maxQueued: maxImports, maxWaitMs: readDeadlineMs });
  readonly #files: Coalescer<ModelQueryInput, ModelFiles>;
  #singleCallsUntil = 0;

  private constructor(client: MediaServiceClient, maxConcurrency: number) {
    this.#client = client;
    this.#limiter = new Limiter({ max: maxConcurrency, maxWaitMs: readDeadlineMs });
    this.#files = new Coalescer({
      call: async (queries) => taken((await this.#call(() => unary(this.#client, methods.GetFilesByModels, { queries: [...queries] }, readDeadlineMs))).results),
      ...batching,
      maxCalls: Math.min(maxConcurrency, batching.maxCalls),
    });
  }

  /** Returns without waiting for the service: it connects, and reconnects for ever, by itself. */
  static async connect(settings: Settings): Promise<MediaClient> {
    const reads = ['GetFileByID', 'GetFileByUUID', 'GetFilesByModel', 'GetFilesByModels', 'GetFileURLs', 'GetMessages', 'ListMessages'];
    const retried = [...reads, 'UpdateFile', 'ReorderFiles', 'DeleteFile', 'RetryMessageMedia'];
    const options = channelOptions(retried.map((method) => `media.v1.MediaService/${method}`));
    const client = new MediaService(formatHostPort(settings.MEDIA_SERVICE_ADDR), await clientCredentials(settings), options);
    client.getChannel().getConnectivityState(true);
    return new MediaClient(client, settings.ORIGIN_MAX_CONCURRENCY);
  }

  get state(): ServiceState {
    return stateOf(this.#client);
  }

  get callsInFlight(): number {
    return this.#limiter.running;
  }

  /** Undefined when there is none. */
  getById(id: string): Promise<Media | undefined> {
    return this.#find(() => unary(this.#client, methods.GetFileByID, { id }, readDeadlineMs));
  }

  /** Undefined when there is none. */
  getByUuid(uuid: string): Promise<Media | undefined> {
    return this.#find(() => unary(this.#client, methods.GetFileByUUID, { uuid }, readDeadlineMs));
  }

  /** In the order of `queries`, at most 500; one that failed alone is an Error. Rejects when all failed. */
  async filesByModels(queries: readonly ModelQueryInput[]): Promise<(ModelFiles | Error)[]> {
    if (Date.now() < this.#singleCallsUntil) return this.#filesOneByOne(queries);
    try {
      return [...(await this.#files.ask(queries))];
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (hasGrpcStatus(error.cause, status.UNIMPLEMENTED)) this.#singleCallsUntil = Date.now() + singleCallsMs;
      // Too much for one answer: the long lists of some must not cost the others theirs.
      else if (error.code !== 'RESULT_TOO_LARGE' || queries.length === 1) throw error;
      return this.#filesOneByOne(queries);
    }
  }

  /** In the order of `ids`, at most 500; `url` is empty for an unknown id, and while there is no such conversion of it. An empty `conversion`: the file itself. */
  async urls(ids: readonly string[], { expirySeconds, conversion }: { expirySeconds: number; conversion: string }): Promise<FileURL[]> {
    const request = { ids: [...ids], expiry_seconds: expirySeconds, conversion };
    const { results } = await this.#call(() => unary(this.#client, methods.GetFileURLs, request, readDeadlineMs));
    return results;
  }

  /** Streams `bytes` with backpressure. When it rejects, the service keeps nothing, unless only its answer was lost. */
  async upload(meta: UploadMetaInput, bytes: AsyncIterable<Buffer>): Promise<Media> {
    try {
      return await streamUpload(this.#client, meta, bytes);
    } catch (error) {
      if (error instanceof DeadlineExceeded) throw new AppError(unavailable.code, 'The media service does not answer.', { cause: error });
      throw fromGrpcError(error, unavailable);
    }
  }

  /** Not idempotent. When it rejects, the file may be there nevertheless: only the answer may be late or lost. */
  import(request: ImportFileRequestInput): Promise<Media> {
    return this.#call(() => unary(this.#client, methods.ImportFile, request, importDeadlineMs), this.#imports);
  }

  /** Idempotent. Undefined when there is none. */
  update(request: UpdateFileRequestInput): Promise<Media | undefined> {
    return this.#find(() => unary(this.#client, methods.UpdateFile, request, writeDeadlineMs));
  }

  /** Idempotent. The collection in its new order. */
  reorder(request: ReorderFilesRequestInput): Promise<ModelFiles> {
    return this.#call(() => unary(this.#client, methods.ReorderFiles, request, reorderDeadlineMs));
  }

  /** In the order of `ids`, at most 500; undefined for an unknown one. */
  async messages(ids: readonly string[]): Promise<(Message | undefined)[]> {
    const { results } = await this.#call(() => unary(this.#client, methods.GetMessages, { ids: [...ids] }, readDeadlineMs));
    return results.map(({ message }) => message ?? undefined);
  }

  /** The latest first. */
  listMessages(query: ListMessagesRequestInput): Promise<ListMessagesResponse> {
    return this.#call(() => unary(this.#client, methods.ListMessages, query, readDeadlineMs));
  }

  /** Idempotent. */
  retryMessageMedia(id: string): Promise<Message> {
    return this.#call(() => unary(this.#client, methods.RetryMessageMedia, { id }, writeDeadlineMs));
  }

  /** Not idempotent. When it rejects, the message may have been sent nevertheless. What the provider refuses is an answer. */
  sendTemplate(request: SendTemplateRequestInput): Promise<SendTemplateResponse> {
    const send = (): Promise<SendTemplateResponse> => unary(this.#client, methods.SendTemplate, request, sendDeadlineMs).catch(unlessUnsent);
    return this.#call(send, this.#imports);
  }

  /** Idempotent. */
  delete(id: string): Promise<DeleteFileResponse> {
    return this.#call(() => unary(this.#client, methods.DeleteFile, { id }, writeDeadlineMs));
  }

  stop(): void {
    this.#client.close();
  }

  async #filesOneByOne(queries: readonly ModelQueryInput[]): Promise<(ModelFiles | Error)[]> {
    const results: (ModelFiles | Error)[] = [];
    const rest = queries.entries();
    const end = Date.now() + readDeadlineMs;
    const worker = async (): Promise<void> => {
      for (const [index, query] of rest) {
        const call = (): Promise<ModelFiles> => unary(this.#client, methods.GetFilesByModel, query, Math.max(1, end - Date.now()));
        // One after the other: this loop is one of a bounded number that share the iterator. The deadline is that of all together.
        // oxlint-disable-next-line no-await-in-loop
        results[index] = await (Date.now() < end ? this.#call(call) : Promise.reject(new AppError(unavailable.code, unavailable.message))).catch(asError);
      }
    };
    await Promise.all(Array.from({ length: singleCallsAtOnce }, worker));
    return results;
  }

  async #find(call: () => Promise<Media>): Promise<Media | undefined> {
    try {
      return await this.#call(call);
    } catch (error) {
      if (error instanceof AppError && error.code === 'NOT_FOUND') return undefined;
      throw error;
    }
  }

  async #call<T>(call: () => Promise<T>, limiter = this.#limiter): Promise<T> {
    try {
      return await limiter.run(call);
    } catch (error) {
      if (error instanceof Overloaded) throw new AppError(unavailable.code, 'The media service is busy.', { cause: error });
      throw fromGrpcError(error, unavailable);
    }
  }
}

/** Of a message that nobody knows the outcome of. @throws AppError SEND_OUTCOME_UNKNOWN, unless the service has said what is wrong, or never heard of it. */
function unlessUnsent(error: unknown): never {
  const failure = fromGrpcError(error, unavailable);
  const wasSaid = failure.code !== unavailable.code && failure.code !== 'INTERNAL_SERVER_ERROR';
  if (wasSaid || wasNotConnected(error) || hasGrpcStatus(error, status.UNIMPLEMENTED)) throw error;
  throw new AppError('SEND_OUTCOME_UNKNOWN', 'The media service does not answer: it is not known whether the message was sent, and sending it again may send it twice.', { cause: error });
}

/** As the client words a call that found no connection: grpc-js has no other sign of it. */
function wasNotConnected(error: unknown): boolean {
  return hasGrpcStatus(error, status.UNAVAILABLE) && error instanceof Error && error.message.includes('No connection established');
}

/** Of any grpc client, from its channel. */
export function stateOf(client: Pick<MediaServiceClient, 'getChannel'>): ServiceState {
  switch (client.getChannel().getConnectivityState(false)) {
    case connectivityState.READY:
      return 'connected';
    case connectivityState.TRANSIENT_FAILURE:
    case connectivityState.SHUTDOWN:
      return 'unavailable';
    default:
      return 'connecting';
  }
}
