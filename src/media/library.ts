/**
 * The verbs of the media service, without any transport.
 * Invariant: bytes are stored before the row that names them, and a failed upload leaves neither; every name is checked before the first byte is read.
 */
import { z } from 'zod';
import { AppError } from '../contract/errors.js';
import { checkIdentifier, maxIdentifierLength } from '../contract/identifier.js';
import type { BlobStore, ByteRange } from './bytes/blob-store.js';
import { collectionRule, limitSize } from './files/collections.js';
import { cleanText, safeFileName, stemOf } from './files/file-names.js';
import { inspectFile } from './files/file-types.js';
import type { Media, MediaStore, ModelFiles, ModelQuery } from './rows/media-store.js';
import type { SignedUrl, UrlSigner } from './http/signed-urls.js';
import type { Readable } from 'node:stream';

export interface UploadRequest {
  modelType: string;
  modelId: string;
  collectionName: string;
  /** Mended where it is unsafe, or refused. */
  fileName: string;
  /** Empty: the file name without its extension. */
  name: string;
  /** JSON text of an object or of `[]`; empty = {}. At most 64 KB. */
  customProperties: string;
  /** Empty: none. */
  idempotencyKey: string;
}

export interface UploadContent {
  /** What it throws ends the upload, with nothing kept. */
  chunks: AsyncIterable<Buffer>;
  /** Called after the last chunk with what has arrived; what it throws ends the upload, with nothing kept. */
  verify(received: { size: number; sha256: string }): void;
}

export interface LibraryOptions {
  store: MediaStore;
  blobs: BlobStore;
  signer: UrlSigner;
  uploadMaxBytes: number;
  /** Base of the signed URLs; asked each time. */
  publicUrl: () => string;
  /** Called after a transaction that may have added events. */
  onCommit: () => void;
}

const maxPropertiesBytes = 65_536;

export class Library {
  readonly #options: LibraryOptions;

  constructor(options: LibraryOptions) {
    this.#options = options;
  }

  /**
   * Stores a file at the end of its collection. Not idempotent without an idempotency key.
   * @throws AppError BAD_USER_INPUT, FILE_TOO_LARGE, EMPTY_FILE, UNSUPPORTED_MEDIA_TYPE, IMAGE_TOO_LARGE; and what `content` throws.
   */
  async upload(request: UploadRequest, content: UploadContent): Promise<Media> {
    const { store, blobs, uploadMaxBytes, onCommit } = this.#options;
    const accepted = acceptUpload(request);
    const rule = collectionRule(accepted.collectionName, uploadMaxBytes);
    const known = await store.findUploaded(accepted);
    if (known) return known;
    const staged = await blobs.stage(limitSize(content.chunks, rule));
    try {
      content.verify(staged);
      if (staged.size === 0) throw new AppError('EMPTY_FILE', 'The file is empty.');
      const kind = await inspectFile(staged.head, accepted.fileName, rule);
      await staged.commit();
      const { sha256, md5, size } = staged;
      const media = await store.insert({ ...accepted, ...kind, sha256, md5, size, disk: blobs.disk, singleFile: rule.singleFile });
      onCommit();
      return media;
    } finally {
      await staged.discard();
    }
  }

  /** Undefined when there is none, also for what is no id. */
  async findById(id: string): Promise<Media | undefined> {
    const [media] = await this.#options.store.findByIds([id]);
    return media;
  }

  /** Undefined when there is none, also for what is no uuid. */
  findByUuid(uuid: string): Promise<Media | undefined> {
    return this.#options.store.findByUuid(uuid);
  }

  /** In the order of `queries`. @throws AppError BAD_USER_INPUT, RESULT_TOO_LARGE */
  filesByModels(queries: readonly ModelQuery[]): Promise<ModelFiles[]> {
    for (const { modelType, modelId, collectionName, limit } of queries) {
      checkIdentifier('model_type', modelType);
      checkIdentifier('model_id', modelId);
      if (collectionName !== '') checkIdentifier('collection_name', collectionName);
      if (!(limit >= 0)) throw new AppError('BAD_USER_INPUT', 'limit must not be negative; 0 asks for all.');
    }
    return this.#options.store.filesByModels(queries);
  }

  /** Idempotent: undefined when there was none, and no event then. */
  async remove(id: string): Promise<Media | undefined> {
    const removed = await this.#options.store.remove(id);
    if (removed) this.#options.onCommit();
    return removed;
  }

  /** In the order of `ids`; undefined where there is no file. `expirySeconds` 0: fifteen minutes. @throws AppError BAD_USER_INPUT */
  async urls(ids: readonly string[], expirySeconds: number): Promise<(SignedUrl | undefined)[]> {
    const { store, signer, publicUrl } = this.#options;
    const files = await store.findByIds(ids);
    return files.map((file) => file && signer.sign(publicUrl(), file, expirySeconds));
  }

  /** The bytes of a file, or a range of them; undefined when they are lost. */
  open({ sha256 }: Media, range?: ByteRange): Promise<Readable | undefined> {
    return this.#options.blobs.open(sha256, range);
  }
}

function acceptUpload(request: UploadRequest): UploadRequest {
  checkIdentifier('model_type', request.modelType);
  checkIdentifier('model_id', request.modelId);
  checkIdentifier('collection_name', request.collectionName);
  if (request.idempotencyKey !== '') checkIdentifier('idempotency_key', request.idempotencyKey);
  const fileName = safeFileName(request.fileName);
  const name = cleanText(request.name).trim() || stemOf(fileName);
  if (name.length > maxIdentifierLength) throw new AppError('BAD_USER_INPUT', `name must have at most ${maxIdentifierLength} characters.`);
  return { ...request, fileName, name, customProperties: acceptProperties(request.customProperties) };
}

/** PHP writes an empty object as `[]`. */
const properties = z.union([z.record(z.string(), z.unknown()), z.tuple([])]);

function acceptProperties(text: string): string {
  if (text === '') return '{}';
  if (Buffer.byteLength(text) > maxPropertiesBytes) {
    throw new AppError('BAD_USER_INPUT', `custom_properties must have at most ${maxPropertiesBytes} bytes.`);
  }
  try {
    return JSON.stringify(properties.parse(JSON.parse(text)));
  } catch {
    throw new AppError('BAD_USER_INPUT', 'custom_properties must be the JSON text of an object.');
  }
}
