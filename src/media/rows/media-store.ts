/**
 * The contract of the media rows: who owns which file, under which name, with which bytes.
 * Implementation: sql-media-store.ts, on SQLite and on PostgreSQL; one conformance suite runs on both.
 * Invariant: a change of rows, the state of the blobs and the events that tell of it are one transaction.
 */
import type { Origin } from './sources.js';

export interface Media {
  /** A positive integer as text. */
  id: string;
  modelType: string;
  modelId: string;
  uuid: string;
  collectionName: string;
  name: string;
  fileName: string;
  mimeType: string;
  disk: string;
  conversionsDisk: string;
  /** Bytes. */
  size: number;
  /** These four are JSON text. */
  manipulations: string;
  customProperties: string;
  generatedConversions: string;
  responsiveImages: string;
  /** From 1, rising within the collection of one owner. */
  orderColumn: number;
  /** Pixels; 0 when not an image. */
  width: number;
  height: number;
  /** RFC 3339. */
  createdAt: string;
  updatedAt: string;
  /** Hex; names the bytes. */
  sha256: string;
}

/** What is known of a media before it has a row. */
export interface NewMedia
  extends Pick<
    Media,
    'modelType' | 'modelId' | 'collectionName' | 'name' | 'fileName' | 'mimeType' | 'disk' | 'size' | 'customProperties' | 'width' | 'height' | 'sha256'
  > {
  md5: string;
  /** The collection keeps so many files, the last ones: what exceeds it goes. Undefined: all. */
  keepLatest: number | undefined;
  /** The names of the conversions to be made of it. */
  conversions: readonly string[];
  /** Where the bytes came from, when they were imported (sources.ts), and how they are called there. */
  from: Origin | undefined;
  /** Empty: none. */
  idempotencyKey: string;
}

/** Undefined: as it is. */
export interface MediaChanges {
  name: string | undefined;
  fileName: string | undefined;
  customProperties: string | undefined;
}

export type CollectionKey = Pick<Media, 'modelType' | 'modelId' | 'collectionName'>;

export interface ModelQuery {
  modelType: string;
  modelId: string;
  /** Empty: all collections. */
  collectionName: string;
  /** 0: all. */
  limit: number;
}

export interface ModelFiles {
  /** By orderColumn, then id. */
  media: Media[];
  /** Rows that match, also beyond the limit. */
  total: number;
}

export interface MediaStore {
  /**
   * Adds a row at the end of its collection, with the event `uploaded`; what the collection does not keep goes, each file with its event
   * `deleted`. With an idempotency key that a row of the same owner and collection has, that row is returned and nothing changes.
   * The bytes must be in the blob store already. Where a cleanup may have removed them meanwhile, `putBytes` is called, under the lock that
   * cleanups take, to make sure of them. Writes of one owner run one after the other.
   * @throws AppError BAD_USER_INPUT when the idempotency key belongs to another owner or collection; and what `putBytes` throws.
   */
  insert(media: NewMedia, putBytes: () => Promise<void>): Promise<Media>;
  /** In the order of `ids`; undefined where there is no such row, also for ids that are no ids. */
  findByIds(ids: readonly string[]): Promise<(Media | undefined)[]>;
  findByUuid(uuid: string): Promise<Media | undefined>;
  /**
   * The row that an upload with this key made, to answer a retry before its bytes; undefined: none, or the key is empty.
   * @throws AppError BAD_USER_INPUT when the key belongs to another owner or collection.
   */
  findUploaded(media: CollectionKey & Pick<NewMedia, 'idempotencyKey'>): Promise<Media | undefined>;
  /** In the order of `queries`. @throws AppError RESULT_TOO_LARGE when they match more rows together than one answer may hold. */
  filesByModels(queries: readonly ModelQuery[]): Promise<ModelFiles[]>;
  /** The row that went, with its event `deleted`; undefined when there was none, and no event then. Idempotent. */
  remove(id: string): Promise<Media | undefined>;
  /** The row as it is now, with the event `updated` when that is a change; undefined when there is none. Idempotent. */
  update(id: string, changes: MediaChanges): Promise<Media | undefined>;
  /**
   * Puts `ids` first, in this order, the others after them as they were; each file that moved has its event `updated`. The collection, in order.
   * Idempotent. @throws AppError BAD_USER_INPUT when one of them is not in the collection, or is named twice.
   */
  reorder(collection: CollectionKey, ids: readonly string[]): Promise<Media[]>;
  /** The files with these bytes, oldest first, at most `limit`. */
  findByHash(sha256: string, limit: number): Promise<Media[]>;
}
