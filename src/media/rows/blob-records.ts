/**
 * The contract of the blobs' records: which bytes are stored, since when nobody refers to them, when they were last verified.
 * Implementation: sql-blob-records.ts; one conformance suite runs on both databases.
 * Invariant: bytes are removed or put aside only under their blob's lock, after a look that finds no media, no conversion and no term that keeps
 * them; whoever adds a reference takes the same lock and makes sure of the bytes (media-store.ts, `putBytes`).
 * What is called under a lock must be quick, may be called again, and must not use the database.
 */

export interface NewBlob {
  sha256: string;
  md5: string;
  /** Bytes. */
  size: number;
  mimeType: string;
}

export interface BlobRecord extends NewBlob {
  state: 'stored' | 'deleting' | 'damaged';
  /** RFC 3339, like all times here. */
  createdAt: string;
  /** Since when nothing refers to it. */
  orphanedAt: string | undefined;
  /** An imported copy is kept until then, although nothing refers to it. */
  keptUntil: string | undefined;
  verifiedAt: string | undefined;
}

export interface BlobRecords {
  find(sha256: string): Promise<BlobRecord | undefined>;
  /** md5 is an alias, not an identity: there may be several. */
  findByMd5(md5: string): Promise<BlobRecord[]>;
  /**
   * Those that were orphaned before `before` and are not kept any longer; the oldest first. What is being deleted is among them.
   * `after`: only those that come after this one in that order.
   */
  orphans(before: Date, limit: number, after?: BlobRecord): Promise<BlobRecord[]>;
  /**
   * Removes a blob that is still what `orphans` says: marks it, then calls `removeBytes` and removes the record under the lock.
   * False: it is referred to again, or gone. When `removeBytes` throws, it stays marked and the next call goes on.
   */
  deleteOrphan(sha256: string, before: Date, removeBytes: () => Promise<void>): Promise<boolean>;
  /** Runs `work` under the lock of a blob unless it has a record: for bytes that were put and never recorded. False: it has one. */
  withoutRecord(sha256: string, work: () => Promise<void>): Promise<boolean>;
  /** Stored blobs whose bytes were not read since `before`, the longest unread first; to put them counts as to read them. */
  unverified(before: Date, limit: number): Promise<BlobRecord[]>;
  /** Idempotent; does nothing to a blob that is damaged or being deleted. */
  markVerified(sha256: string, at: Date): Promise<void>;
  /**
   * Marks a stored blob whose bytes were found wrong or missing. `putAside` is called under the lock and says whether those bytes are out of the
   * way; false: they were replaced meanwhile, and nothing is marked. True: it was stored, and is damaged now.
   */
  markDamaged(sha256: string, putAside: () => Promise<boolean>): Promise<boolean>;
  /** A damaged blob whose bytes are right again is stored, and verified at `at`. False: it was not damaged. */
  markHealed(sha256: string, at: Date): Promise<boolean>;
  /** Every record after `after` ('' is before all), by hash. */
  page(after: string, limit: number): Promise<BlobRecord[]>;
}
