/**
 * The contract of the media rows: who owns which file, under which name, with which bytes.
 * Implementation: sql-media-store.ts, on SQLite and on PostgreSQL; one conformance suite runs on both.
 * Invariant: a change of rows, the state of the blobs and the events that tell of it are one transaction.
 */

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
  /** The collection holds one file: what it held goes. */
  singleFile: boolean;
  /** Empty: none. */
  idempotencyKey: string;
}

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

export interface Blob {
  sha256: string;
  md5: string;
  size: number;
  mimeType: string;
  /** RFC 3339; since when no media refers to it. */
  orphanedAt: string | undefined;
}

export interface MediaStore {
  /**
   * Adds a row at the end of its collection, with the event `uploaded`; in a single-file collection the rows before it go, each with its event
   * `deleted`. With an idempotency key that a row of the same owner and collection has, that row is returned and nothing changes.
   * The bytes must be in the blob store already. Writes of one owner run one after the other.
   * @throws AppError BAD_USER_INPUT when the idempotency key belongs to another owner or collection.
   */
  insert(media: NewMedia): Promise<Media>;
  /** In the order of `ids`; undefined where there is no such row, also for ids that are no ids. */
  findByIds(ids: readonly string[]): Promise<(Media | undefined)[]>;
  findByUuid(uuid: string): Promise<Media | undefined>;
  /**
   * The row that an upload with this key made, to answer a retry before its bytes; undefined: none, or the key is empty.
   * @throws AppError BAD_USER_INPUT when the key belongs to another owner or collection.
   */
  findUploaded(media: Pick<NewMedia, 'modelType' | 'modelId' | 'collectionName' | 'idempotencyKey'>): Promise<Media | undefined>;
  /** In the order of `queries`. @throws AppError RESULT_TOO_LARGE when they match more rows together than one answer may hold. */
  filesByModels(queries: readonly ModelQuery[]): Promise<ModelFiles[]>;
  /** The row that went, with its event `deleted`; undefined when there was none, and no event then. Idempotent. */
  remove(id: string): Promise<Media | undefined>;
  findBlob(sha256: string): Promise<Blob | undefined>;
}
