/**
 * Removes what nothing needs any more: interrupted uploads, bytes that nothing refers to, bytes that were put and never recorded. On the way it
 * finds records whose bytes are gone, and has them fetched again where that is possible (integrity.ts).
 * Invariant: bytes that a media or a conversion refers to are never removed, nothing younger than the grace is, and nothing for want of a record
 * where database and byte store do not fit together; one cleanup at a time.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { AppError } from '../../contract/errors.js';
import type { Logger } from '../../runtime/logger.js';
import type { BlobStore, StoredBlob } from '../bytes/blob-store.js';
import type { BlobRecord, BlobRecords } from '../rows/blob-records.js';
import type { Counters } from '../rows/counters.js';
import type { SqlDatabase } from '../rows/sql-database.js';
import type { Integrity } from './integrity.js';
import { sideBySide } from './side-by-side.js';

/** What was removed, or, of a dry run, what would be. */
export interface CleanupReport {
  /** Blobs that nothing referred to, and their bytes. */
  removed_blobs: number;
  removed_bytes: number;
  /** Blobs that had no record. */
  unrecorded_blobs: number;
  unrecorded_bytes: number;
  /** Of uploads that were interrupted. */
  temporary_files: number;
  temporary_bytes: number;
  /** Records whose bytes are gone, and how many bytes that were. Nothing is removed of them. */
  missing_blobs: number;
  missing_bytes: number;
  /** Found without a record or without bytes, and left alone, because most are: database and byte store do not belong together. */
  unmatched_blobs: number;
  /** False: it was stopped half-way. */
  is_complete: boolean;
}

export interface CleanupOptions {
  database: Pick<SqlDatabase, 'exclusively'>;
  records: Pick<BlobRecords, 'orphans' | 'deleteOrphan' | 'withoutRecord' | 'page'>;
  blobs: Pick<BlobStore, 'list' | 'stat' | 'remove' | 'sweepTemporary'>;
  integrity: Pick<Integrity, 'verify'>;
  counters: Pick<Counters, 'add'>;
  log: Logger;
  /** How long what nothing refers to is kept. */
  graceSeconds: number;
}

const batchSize = 200;

/** An upload that still arrives is not an old one, however short the grace. */
const leastTemporaryMs = 3_600_000;

/** Of one cleanup; the next one finds the others. */
const maxFound = 10_000;

/** After so many in a row the store or the database is away. */
const maxFailures = 5;

export class Cleanup {
  readonly #options: CleanupOptions;
  readonly #stopping = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: CleanupOptions) {
    this.#options = options;
  }

  /** `signal` ends it before its next blob. @throws AppError RATE_LIMITED when another cleanup is going on, here or in another process. */
  async run({ dryRun, signal }: { dryRun: boolean; signal?: AbortSignal }): Promise<CleanupReport> {
    const signals = [this.#stopping.signal, ...(signal ? [signal] : [])];
    let report: CleanupReport | undefined;
    await this.#options.database.exclusively('cleanup', async () => {
      const running = new Run(this.#options, dryRun, AbortSignal.any(signals)).toEnd();
      this.#running = running.catch(() => undefined);
      report = await running;
    });
    if (report) return report;
    throw new AppError('RATE_LIMITED', 'A cleanup is going on already.');
  }

  /** Ends a cleanup before its next blob. Idempotent, never rejects. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }
}

class Run {
  readonly #options: CleanupOptions;
  readonly #dryRun: boolean;
  readonly #signal: AbortSignal;
  /** What is younger stays. */
  readonly #before: Date;
  readonly #report: CleanupReport = {
    removed_blobs: 0,
    removed_bytes: 0,
    unrecorded_blobs: 0,
    unrecorded_bytes: 0,
    temporary_files: 0,
    temporary_bytes: 0,
    missing_blobs: 0,
    missing_bytes: 0,
    unmatched_blobs: 0,
    is_complete: false,
  };
  #failures = 0;

  constructor(options: CleanupOptions, dryRun: boolean, signal: AbortSignal) {
    this.#options = options;
    this.#dryRun = dryRun;
    this.#signal = signal;
    this.#before = new Date(Date.now() - options.graceSeconds * 1_000);
  }

  async toEnd(): Promise<CleanupReport> {
    const { counters, log } = this.#options;
    const report = this.#report;
    try {
      await this.#sweepTemporary();
      await this.#removeOrphans();
      await this.#settleDifferences();
      report.is_complete = !this.#signal.aborted;
    } finally {
      const [blobs, bytes] = [report.removed_blobs + report.unrecorded_blobs, report.removed_bytes + report.unrecorded_bytes];
      if (!this.#dryRun && blobs > 0) await counters.add({ removed_blobs: blobs, removed_bytes: bytes });
      log.info({ dryRun: this.#dryRun, ...report }, 'cleanup ended');
    }
    return report;
  }

  async #sweepTemporary(): Promise<void> {
    const before = new Date(Math.min(this.#before.getTime(), Date.now() - leastTemporaryMs));
    const { count, bytes } = await this.#options.blobs.sweepTemporary(before, { dryRun: this.#dryRun });
    this.#report.temporary_files = count;
    this.#report.temporary_bytes = bytes;
  }

  async #removeOrphans(): Promise<void> {
    const { records, blobs } = this.#options;
    for await (const { sha256, size } of this.#orphans()) {
      const removed = this.#dryRun || (await this.#attempt(sha256, () => records.deleteOrphan(sha256, this.#before, () => blobs.remove(sha256))));
      if (!removed) continue;
      this.#report.removed_blobs += 1;
      this.#report.removed_bytes += size;
    }
  }

  async #settleDifferences(): Promise<void> {
    const { matched, unrecorded, missing, damaged } = await this.#compare();
    const { log } = this.#options;
    // The wrong database, an empty one, or a disk that is not mounted: each looks like a great many differences.
    for (const [found, what] of [[unrecorded, 'stored bytes have no record'], [missing, 'records have no bytes']] as const) {
      if (found.length <= matched) continue;
      this.#report.unmatched_blobs += found.length;
      log.error({ matched, unmatched: found.length }, `most ${what}, nothing is done about them: do database and byte store belong together?`);
      found.length = 0;
    }
    for (const blob of unrecorded) await this.#unlessStopped(() => this.#removeUnrecorded(blob));
    for (const record of missing) await this.#unlessStopped(() => this.#noteMissing(record));
    if (this.#dryRun) return;
    // Their source may have been away when they were found.
    for (const { sha256 } of damaged) await this.#unlessStopped(() => this.#attempt(sha256, () => this.#options.integrity.verify(sha256)));
  }

  async #compare(): Promise<{ matched: number; unrecorded: StoredBlob[]; missing: BlobRecord[]; damaged: BlobRecord[] }> {
    const found = { matched: 0, unrecorded: new Array<StoredBlob>(), missing: new Array<BlobRecord>(), damaged: new Array<BlobRecord>() };
    for await (const { blob, record } of sideBySide(this.#options.blobs.list(), this.#records())) {
      if (this.#signal.aborted || found.unrecorded.length + found.missing.length >= maxFound) break;
      if (blob && record) found.matched += 1;
      else if (blob && blob.modifiedAt < this.#before) found.unrecorded.push(blob);
      else if (record?.state === 'stored') found.missing.push(record);
      if (record?.state === 'damaged') found.damaged.push(record);
    }
    return found;
  }

  /** An upload may have put the bytes a moment ago, or be about to record them: the age is looked at again under the lock. */
  async #removeUnrecorded({ sha256 }: StoredBlob): Promise<void> {
    const { records, blobs } = this.#options;
    let removed: StoredBlob | undefined;
    const remove = async (): Promise<void> => {
      const now = await blobs.stat(sha256);
      removed = now && now.modifiedAt < this.#before ? now : undefined;
      if (removed && !this.#dryRun) await blobs.remove(sha256);
    };
    const isUnrecorded = await this.#attempt(sha256, () => records.withoutRecord(sha256, remove));
    if (!isUnrecorded || !removed) return;
    this.#report.unrecorded_blobs += 1;
    this.#report.unrecorded_bytes += removed.size;
  }

  /** They may have been put, or the record may have gone, since they were compared. */
  async #noteMissing({ sha256, size }: BlobRecord): Promise<void> {
    const { blobs, integrity } = this.#options;
    const isMissing = await this.#attempt(sha256, async () => {
      if (await blobs.stat(sha256)) return false;
      return this.#dryRun || (await integrity.verify(sha256)).state === 'MISSING';
    });
    if (!isMissing) return;
    this.#report.missing_blobs += 1;
    this.#report.missing_bytes += size;
  }

  /** Each once, also when it cannot be removed. */
  async *#orphans(): AsyncGenerator<BlobRecord, void, undefined> {
    yield* this.#paged((last) => this.#options.records.orphans(this.#before, batchSize, last));
  }

  async *#records(): AsyncGenerator<BlobRecord, void, undefined> {
    yield* this.#paged((last) => this.#options.records.page(last?.sha256 ?? '', batchSize));
  }

  async *#paged(page: (last: BlobRecord | undefined) => Promise<BlobRecord[]>): AsyncGenerator<BlobRecord, void, undefined> {
    for (let last: BlobRecord | undefined; ; ) {
      // Each page begins where the one before ended.
      // oxlint-disable-next-line no-await-in-loop
      const batch = await page(last);
      for (const record of batch) {
        if (this.#signal.aborted) return;
        yield record;
      }
      last = batch.at(-1);
      if (!last) return;
      // SQLite answers at once: page after page, nothing else would have its turn.
      // oxlint-disable-next-line no-await-in-loop
      await turn();
    }
  }

  async #unlessStopped(work: () => Promise<unknown>): Promise<void> {
    if (!this.#signal.aborted) await work();
  }

  /** Undefined when it failed, which the next cleanup may not. @throws what failed when all that was tried lately failed. */
  async #attempt<T>(sha256: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await work();
      this.#failures = 0;
      return result;
    } catch (error) {
      this.#failures += 1;
      if (this.#failures >= maxFailures || this.#signal.aborted) throw error;
      this.#options.log.warn({ err: error, sha256 }, 'a blob could not be cleaned up');
      return undefined;
    }
  }
}
