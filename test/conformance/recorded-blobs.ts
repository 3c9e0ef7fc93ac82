/** Recorded blobs with real bytes, for the suites of their records. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { BlobStore, StagedBlob } from '../../src/media/bytes/blob-store.js';
import type { BlobRecords } from '../../src/media/rows/blob-records.js';
import type { Media, MediaStore } from '../../src/media/rows/media-store.js';
import { createSqlBlobRecords } from '../../src/media/rows/sql-blob-records.js';
import type { SqlDatabase } from '../../src/media/rows/sql-database.js';
import { createSqlMediaStore } from '../../src/media/rows/sql-media-store.js';
import { chunksOf } from './blob-store.js';
import { newMedia } from './new-media.js';

export interface TestBlobRecords {
  /** Empty. */
  database: SqlDatabase;
  /** Another connection, of what would be another process. */
  other: SqlDatabase;
  /** Whether one connection may wait for the other within one process. */
  canWait: boolean;
  blobs: BlobStore;
  close(): Promise<void>;
}

export const hour = 3_600_000;
export const inMs = (ms: number): Date => new Date(Date.now() + ms);
export const hourAgo = (): Date => inMs(-hour);

export class RecordedBlobs {
  readonly records: BlobRecords;
  readonly media: MediaStore;
  readonly #test: TestBlobRecords;

  constructor(test: TestBlobRecords) {
    this.#test = test;
    this.records = createSqlBlobRecords(test.database);
    this.media = createSqlMediaStore(test.database);
  }

  stage(bytes: Buffer = randomBytes(100)): Promise<StagedBlob> {
    return this.#test.blobs.stage(chunksOf(bytes));
  }

  /** As the library does it. */
  async upload(staged: StagedBlob, store = this.media): Promise<Media> {
    const { sha256, md5, size } = staged;
    await staged.commit();
    return store.insert(newMedia(randomUUID(), { sha256, md5, size }), () => staged.commit());
  }

  async orphan(ageMs = 2 * hour, bytes?: Buffer): Promise<string> {
    const { id, sha256 } = await this.upload(await this.stage(bytes));
    await this.media.remove(id);
    await this.setBlob(sha256, { orphaned_at: inMs(-ageMs).toISOString() });
    return sha256;
  }

  async isThere(sha256: string): Promise<boolean> {
    return (await this.#test.blobs.stat(sha256)) !== undefined;
  }

  async setBlob(sha256: string, values: Partial<Record<'orphaned_at' | 'kept_until' | 'created_at', string>>): Promise<void> {
    await this.#test.database.db.updateTable('blobs').set(values).where('sha256', '=', sha256).execute();
  }
}
