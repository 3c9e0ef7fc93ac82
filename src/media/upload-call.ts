/**
 * One UploadFile call as the library wants it: the meta, then bytes, then the check against the client's Finish.
 * Invariant: only a Finish that fits what has arrived makes an upload; a cancelled call can look like one that ended well. Messages are
 * read one by one, so a slow disk slows the client down.
 */
import type { ServerReadableStream } from '@grpc/grpc-js';
import { AppError } from '../contract/errors.js';
import type { UploadFileRequest } from '../contract/generated/media/v1/UploadFileRequest.js';
import type { UploadFinish } from '../contract/generated/media/v1/UploadFinish.js';
import type { UploadMeta } from '../contract/generated/media/v1/UploadMeta.js';
import type { Media as MediaMessage } from '../contract/generated/media/v1/Media.js';
import type { Media } from './rows/media-store.js';
import type { Library } from './library.js';

/** The upload did not come to its end as announced; nothing is kept. The message may reach the client. */
export class UploadAborted extends Error {
  override readonly name = 'UploadAborted';
}

export interface UploadTimeouts {
  /** Milliseconds without a message. */
  idleMs: number;
  /** Milliseconds in all. */
  totalMs: number;
}

export type UploadCall = ServerReadableStream<UploadFileRequest, MediaMessage>;

/** @throws UploadAborted, and what `Library.upload` throws. */
export async function receiveUpload(call: UploadCall, library: Library, timeouts: UploadTimeouts): Promise<Media> {
  const abort = (reason: string) => () => call.destroy(new UploadAborted(reason));
  const idle = setTimeout(abort(`No data arrived for ${timeouts.idleMs / 1000} seconds.`), timeouts.idleMs);
  const total = setTimeout(abort(`The upload took longer than ${timeouts.totalMs / 1000} seconds.`), timeouts.totalMs);
  try {
    return await new Upload(call, () => idle.refresh()).store(library);
  } finally {
    clearTimeout(idle);
    clearTimeout(total);
  }
}

class Upload {
  readonly #call: UploadCall;
  readonly #onMessage: () => void;
  readonly #messages: AsyncIterator<UploadFileRequest, unknown>;
  #finish: UploadFinish | undefined;

  constructor(call: UploadCall, onMessage: () => void) {
    this.#call = call;
    this.#onMessage = onMessage;
    this.#messages = call[Symbol.asyncIterator]();
  }

  async store(library: Library): Promise<Media> {
    const meta = await this.#meta();
    const request = {
      modelType: meta.model_type,
      modelId: meta.model_id,
      collectionName: meta.collection_name,
      fileName: meta.file_name,
      name: meta.name,
      customProperties: meta.custom_properties,
      idempotencyKey: meta.idempotency_key,
    };
    return library.upload(request, { chunks: this.#chunks(), verify: (received) => this.#verify(received) });
  }

  async #meta(): Promise<UploadMeta> {
    const first = await this.#next();
    if (first?.part === 'meta' && first.meta) return first.meta;
    throw new AppError('BAD_USER_INPUT', 'The first message of an upload must be its meta.');
  }

  /** Ends at the finish. */
  async *#chunks(): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop
      const message = await this.#next();
      if (!message) throw new UploadAborted('The upload ended without its finish.');
      if (message.part === 'finish' && message.finish) {
        this.#finish = message.finish;
        return;
      }
      if (message.part !== 'chunk' || !message.chunk) throw new AppError('BAD_USER_INPUT', 'After the meta an upload has chunks, and a finish.');
      if (message.chunk.length > 0) yield message.chunk;
    }
  }

  async #next(): Promise<UploadFileRequest | undefined> {
    try {
      const { done, value } = await this.#messages.next();
      this.#onMessage();
      return done ? undefined : value;
    } catch (error) {
      if (error instanceof UploadAborted) throw error;
      throw new UploadAborted('The client left.', { cause: error });
    }
  }

  #verify({ size, sha256 }: { size: number; sha256: string }): void {
    if (this.#call.cancelled) throw new UploadAborted('The client left.');
    if (this.#finish?.size !== size) throw new UploadAborted(`The finish announces ${this.#finish?.size} bytes, ${size} have arrived.`);
    if (this.#finish.sha256.toLowerCase() !== sha256) throw new UploadAborted('The bytes that have arrived do not have the announced sha256.');
  }
}
