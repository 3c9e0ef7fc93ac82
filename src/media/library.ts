/**
 * The verbs of the media service, without any transport.
 * Invariant: bytes are stored before the row that names them, and a failed upload leaves neither; every name is checked before the first byte is read.
 */
import { AppError } from '../contract/errors.js';
import { checkIdentifier } from '../contract/identifier.js';
import type { BlobStore, ByteRange, StagedBlob } from './bytes/blob-store.js';
import { limitSize, type CollectionRule, type Collections } from './files/collections.js';
import { safeFileName, stemOf } from './files/file-names.js';
import { acceptType, inspectFile, isConvertible } from './files/file-types.js';
import type { SignedUrl, UrlSigner } from './http/signed-urls.js';
import { sourceName, type FetchedFile, type ImportSource } from './import/fetched-file.js';
import type { ImportLimits } from './import/importer.js';
import type { ArrivingFile } from './import/live-bytes.js';
import type { ConversionStore } from './rows/conversion-store.js';
import type { Counters } from './rows/counters.js';
import type { Origin } from './rows/sources.js';
import type { CollectionKey, Media, MediaChanges, MediaStore, ModelFiles, ModelQuery } from './rows/media-store.js';
import { acceptChanges, acceptOwner, acceptUpload, type UploadRequest } from './requests.js';
import type { Readable } from 'node:stream';

export interface UploadContent {
  /** What it throws ends the upload, with nothing kept. */
  chunks: AsyncIterable<Buffer>;
  /** Called after the last chunk with what has arrived; what it throws ends the upload, with nothing kept. */
  verify(received: { size: number; sha256: string }): void;
}

/** A file as it is served: itself, or one of its conversions. */
export interface ServedFile {
  media: Media;
  /** Hex. */
  sha256: string;
  mimeType: string;
  /** Bytes. */
  size: number;
  fileName: string;
  /** Shared caches may keep it. */
  isPublic: boolean;
}

export interface ModelMedia extends ModelFiles {
  /** Of a collection that was asked for, is empty and has one; else empty. */
  fallbackUrl: string;
}

/** What a transaction may have added. */
export type Added = 'events' | 'events and conversions';

export interface LibraryOptions {
  store: MediaStore;
  conversions: Pick<ConversionStore, 'find'>;
  blobs: BlobStore;
  collections: Collections;
  importer: {
    /** Calls `use` with the file that is at `source`, again when a stored copy vanishes before its commit; what `use` does not commit is not kept. */
    withFile<T>(source: ImportSource, limits: ImportLimits, use: (file: FetchedFile) => Promise<T>): Promise<T>;
  };
  signer: UrlSigner;
  /** Base of the signed URLs; asked each time. */
  publicUrl: () => string;
  /** Called after a transaction that may have added events, or conversions. */
  onCommit: (added: Added) => void;
  counters: Pick<Counters, 'add'>;
}

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
    const { store, blobs, collections, counters } = this.#options;
    const accepted = acceptUpload(request);
    const rule = collections.rule(accepted.collectionName);
    const known = await store.findUploaded(accepted);
    if (known) return known;
    const staged = await blobs.stage(limitSize(content.chunks, rule));
    try {
      content.verify(staged);
      const media = await this.#add(accepted, rule, staged, undefined);
      await counters.add({ uploads: 1 });
      return media;
    } finally {
      await staged.discard();
    }
  }

  /**
   * Adds the file that is at `source` to the end of a collection. An empty `fileName`: what the source calls it.
   * @throws AppError as `upload`, and IMPORT_REFUSED, IMPORT_FAILED.
   */
  async import(request: UploadRequest, source: ImportSource, limits: Pick<ImportLimits, 'waits' | 'live'> = {}): Promise<Media> {
    const { store, collections, importer } = this.#options;
    // What is wrong with the request is said before a call is made.
    const asked = acceptUpload({ ...request, fileName: request.fileName || 'file' });
    const rule = collections.rule(asked.collectionName);
    const known = await store.findUploaded(asked);
    if (known) return known;
    return importer.withFile(source, { maxBytes: rule.maxBytes, ...limits }, (file) => {
      const accepted = acceptUpload({ ...request, fileName: request.fileName || file.fileName });
      return this.#add(accepted, rule, file, { source: sourceName(source), fileName: file.fileName, fetchedAt: file.fetchedAt });
    });
  }

  /** What `import` will make of a file that arrives, as far as its first bytes tell. @throws AppError as `import`, for what can be seen by then. */
  async foresee(request: UploadRequest, file: ArrivingFile): Promise<Pick<Media, 'fileName' | 'mimeType'>> {
    const { fileName, collectionName } = acceptUpload({ ...request, fileName: request.fileName || file.fileName });
    return { fileName, mimeType: await acceptType(file.head, fileName, this.#options.collections.rule(collectionName)) };
  }

  async #add(
    accepted: UploadRequest,
    rule: CollectionRule,
    bytes: Omit<StagedBlob, 'discard'>,
    from: Origin | undefined,
  ): Promise<Media> {
    const { store, blobs, onCommit } = this.#options;
    const { sha256, md5, size } = bytes;
    if (size === 0) throw new AppError('EMPTY_FILE', 'The file is empty.');
    const kind = await inspectFile(bytes, accepted.fileName, rule);
    await bytes.commit();
    const conversions = isConvertible(kind) ? Object.keys(rule.conversions) : [];
    const media = await store.insert(
      { ...accepted, ...kind, sha256, md5, size, disk: blobs.disk, keepLatest: rule.keepLatest, conversions, from },
      () => bytes.commit(),
    );
    onCommit(conversions.length > 0 ? 'events and conversions' : 'events');
    return media;
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
  async filesByModels(queries: readonly ModelQuery[]): Promise<ModelMedia[]> {
    for (const { modelType, modelId, collectionName, limit } of queries) {
      checkIdentifier('model_type', modelType);
      checkIdentifier('model_id', modelId);
      if (collectionName !== '') checkIdentifier('collection_name', collectionName);
      if (!(limit >= 0)) throw new AppError('BAD_USER_INPUT', 'limit must not be negative; 0 asks for all.');
    }
    const results = await this.#options.store.filesByModels(queries);
    return results.map((files, index) => ({ ...files, fallbackUrl: this.#fallbackUrl(files, queries[index]) }));
  }

  #fallbackUrl({ total }: ModelFiles, query: ModelQuery | undefined): string {
    if (total > 0 || !query?.collectionName) return '';
    return this.#options.collections.rule(query.collectionName).fallbackUrl ?? '';
  }

  /** Idempotent: undefined when there was none, and no event then. */
  async remove(id: string): Promise<Media | undefined> {
    const { store, counters, onCommit } = this.#options;
    const removed = await store.remove(id);
    if (!removed) return undefined;
    onCommit('events');
    await counters.add({ deletions: 1 });
    return removed;
  }

  /** The row as it is now; undefined when there is none. Idempotent. @throws AppError BAD_USER_INPUT */
  async update(id: string, changes: MediaChanges): Promise<Media | undefined> {
    const updated = await this.#options.store.update(id, acceptChanges(changes));
    this.#options.onCommit('events');
    return updated;
  }

  /** The collection in its new order: `ids` first, then the others as they were. Idempotent. @throws AppError BAD_USER_INPUT */
  async reorder(collection: CollectionKey, ids: readonly string[]): Promise<Media[]> {
    acceptOwner(collection);
    const files = await this.#options.store.reorder(collection, ids);
    this.#options.onCommit('events');
    return files;
  }

  /**
   * In the order of `ids`; undefined where there is no file, or no such conversion of it (yet).
   * `expirySeconds` 0: fifteen minutes. An empty `conversion`: the file itself. @throws AppError BAD_USER_INPUT
   */
  async urls(ids: readonly string[], expirySeconds: number, conversion: string): Promise<(SignedUrl | undefined)[]> {
    const { signer, publicUrl } = this.#options;
    const files = await this.#served(ids, conversion);
    return files.map((file) => file && signer.sign(publicUrl(), { id: file.media.id, fileName: file.fileName, conversion }, expirySeconds));
  }

  /** What is served under a URL that `urls` gave; undefined as there. */
  async served(id: string, conversion: string): Promise<ServedFile | undefined> {
    const [file] = await this.#served([id], conversion);
    return file;
  }

  /** The bytes of a file, or a range of them; undefined when they are lost. */
  open({ sha256 }: Pick<ServedFile, 'sha256'>, range?: ByteRange): Promise<Readable | undefined> {
    return this.#options.blobs.open(sha256, range);
  }

  async #served(ids: readonly string[], conversion: string): Promise<(ServedFile | undefined)[]> {
    const { store, conversions, collections } = this.#options;
    const files = await store.findByIds(ids);
    const made = conversion === '' ? undefined : await conversions.find(ids, conversion);
    return files.map((media, index) => {
      if (!media) return undefined;
      const isPublic = collections.rule(media.collectionName).visibility === 'public';
      const { sha256, mimeType, size, fileName } = media;
      if (!made) return { media, sha256, mimeType, size, fileName, isPublic };
      const found = made[index];
      return found && { media, ...found, fileName: conversionName(fileName, conversion, found.mimeType), isPublic };
    });
  }
}

function conversionName(fileName: string, conversion: string, mimeType: string): string {
  return safeFileName(`${stemOf(fileName)}-${conversion}.${mimeType.replace('image/', '')}`);
}
