/**
 * Whether stored bytes are what their name says, and what becomes of those that are not: they are put aside, never served, and fetched again
 * where their source is known.
 * Invariant: a blob is marked damaged and its bytes are put aside under one lock, and only those that were read here: bytes that were put
 * meanwhile stay. A blob is read once at a time, however many ask.
 */
import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { addAbortSignal } from 'node:stream';
import { AppError } from '../../contract/errors.js';
import { endsWithin } from '../../runtime/deadline.js';
import type { Logger } from '../../runtime/logger.js';
import type { BlobStore, StoredBlob } from '../bytes/blob-store.js';
import type { BlobRecord, BlobRecords } from '../rows/blob-records.js';
import type { Counters } from '../rows/counters.js';
import type { Sources } from '../rows/sources.js';

export interface Verified {
  state: 'VERIFIED' | 'CORRUPT' | 'MISSING';
  /** Bytes, as recorded. */
  size: number;
}

export interface IntegrityOptions {
  records: Pick<BlobRecords, 'find' | 'markVerified' | 'markDamaged' | 'markHealed'>;
  /** Whose reads are not verified: that is done here. */
  blobs: Pick<BlobStore, 'open' | 'stat' | 'putAside'>;
  sources: Pick<Sources, 'of'>;
  /** Puts the bytes back when the source still has those that `sha256` names. */
  refetch: (source: string, sha256: string) => Promise<boolean>;
  counters: Pick<Counters, 'add'>;
  log: Logger;
}

export interface VerifyOptions {
  /** Called with the length of each chunk that was read; the next one is read when it resolves. What it rejects with ends the reading. */
  pace?: (bytes: number) => Promise<void>;
  /** Ends the reading. */
  signal?: AbortSignal;
}

interface Verification extends VerifyOptions {
  result: Promise<Verified>;
}

interface Found {
  state: Verified['state'];
  /** What was read, as it was before. */
  read: StoredBlob | undefined;
}

/** Further ones are forgotten: their next reader suspects them again. */
const maxSuspects = 1_000;
const stopMs = 1_000;

export class Integrity {
  readonly #options: IntegrityOptions;
  readonly #verifying = new Map<string, Verification>();
  readonly #suspects = new Set<string>();
  readonly #stopping = new AbortController();
  #followed: Promise<void> = Promise.resolve();

  constructor(options: IntegrityOptions) {
    this.#options = options;
    setMaxListeners(0, this.#stopping.signal);
  }

  /**
   * Reads all of a blob again. The answer is what was found; a damaged blob that could be fetched again is verified the next time.
   * Idempotent. @throws AppError NOT_FOUND when there is no such blob; Error when its bytes cannot be read, from which nothing follows.
   */
  verify(sha256: string, options: VerifyOptions = {}): Promise<Verified> {
    const running = this.#verifying.get(sha256);
    if (running) {
      // Whoever waits for it now has no time for a pace.
      if (!options.pace) delete running.pace;
      return running.result;
    }
    const begun: Verification = {
      ...options,
      result: Promise.resolve()
        .then(() => this.#verify(sha256, begun))
        .finally(() => this.#verifying.delete(sha256)),
    };
    this.#verifying.set(sha256, begun);
    return begun.result;
  }

  /** A read has found a blob to be wrong or missing: it is looked at in the background, one after the other. Never throws. */
  suspect(sha256: string): void {
    if (this.#suspects.has(sha256) || this.#suspects.size >= maxSuspects) return;
    this.#suspects.add(sha256);
    this.#followed = this.#followed.then(() => this.#follow(sha256));
  }

  /** Ends what is being read, and waits a moment at most for what is being fetched. Idempotent, never rejects. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const running = [...this.#verifying.values()].map(({ result }) => result);
    await endsWithin(stopMs, Promise.allSettled([this.#followed, ...running]));
  }

  async #verify(sha256: string, options: VerifyOptions): Promise<Verified> {
    const record = /^[0-9a-f]{64}$/.test(sha256) ? await this.#options.records.find(sha256) : undefined;
    if (!record || record.state === 'deleting') throw new AppError('NOT_FOUND', 'There are no such bytes.');
    const found = await this.#read(sha256, options);
    if (found.state === 'VERIFIED') await this.#noteVerified(record);
    else {
      await this.#noteDamage(record, found);
      await this.#heal(sha256);
    }
    return { state: found.state, size: record.size };
  }

  async #read(sha256: string, options: VerifyOptions): Promise<Found> {
    const { blobs } = this.#options;
    const read = await blobs.stat(sha256);
    const bytes = await blobs.open(sha256);
    if (!bytes) return { state: 'MISSING', read: undefined };
    for (const signal of [this.#stopping.signal, options.signal]) if (signal) addAbortSignal(signal, bytes);
    const chunks: AsyncIterable<Buffer> = bytes;
    const hash = createHash('sha256');
    for await (const chunk of chunks) {
      hash.update(chunk);
      await options.pace?.(chunk.length);
    }
    return { state: hash.digest('hex') === sha256 ? 'VERIFIED' : 'CORRUPT', read };
  }

  async #noteVerified({ sha256, state }: BlobRecord): Promise<void> {
    if (state === 'stored') await this.#options.records.markVerified(sha256, new Date());
    // An upload has put its bytes again, and has not come to its row yet, or never did.
    else await this.#noteHealed(sha256);
  }

  async #noteDamage({ sha256 }: BlobRecord, { state: found, read }: Found): Promise<void> {
    const { records, blobs, counters, log } = this.#options;
    const isDamaged = await records.markDamaged(sha256, async () => {
      const now = await blobs.stat(sha256);
      if (now && !(now.size === read?.size && now.modifiedAt.getTime() === read.modifiedAt.getTime())) return false;
      await blobs.putAside(sha256);
      return true;
    });
    if (!isDamaged) return;
    log.error({ sha256, found }, 'stored bytes are damaged, they are not served any more');
    await counters.add({ damaged_blobs: 1 });
  }

  async #heal(sha256: string): Promise<void> {
    const { sources, refetch, log } = this.#options;
    for (const source of await sources.of(sha256)) {
      if (this.#stopping.signal.aborted) return;
      try {
        // One after the other: the first that has the bytes will do.
        // oxlint-disable-next-line no-await-in-loop
        if (await refetch(source, sha256)) return await this.#noteHealed(sha256);
      } catch (error) {
        log.warn({ err: error, sha256 }, 'damaged bytes could not be fetched again');
      }
    }
  }

  async #noteHealed(sha256: string): Promise<void> {
    const { records, counters, log } = this.#options;
    if (!(await records.markHealed(sha256, new Date()))) return;
    log.info({ sha256 }, 'damaged bytes are there again as they were');
    await counters.add({ healed_blobs: 1 });
  }

  async #follow(sha256: string): Promise<void> {
    const { records, log } = this.#options;
    const { signal } = this.#stopping;
    try {
      const record = signal.aborted ? undefined : await records.find(sha256);
      // A damaged one is known; else each of its readers would call its source.
      if (record?.state === 'stored') await this.verify(sha256);
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error, sha256 }, 'a suspected blob cannot be verified');
    }
    this.#suspects.delete(sha256);
  }
}
