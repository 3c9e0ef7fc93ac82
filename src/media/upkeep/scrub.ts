/**
 * Reads every stored blob again from time to time, the longest unread first, so that damage is found while its source may still have the bytes.
 * Invariant: it never reads faster than its pace. Where it is lives in the records: it goes on after a restart, and several instances share
 * the work, each taking any of those that are due most.
 */
import { randomInt } from 'node:crypto';
import { AppError } from '../../contract/errors.js';
import { pause, type BackoffOptions } from '../../runtime/backoff.js';
import { Poller } from '../../runtime/poller.js';
import type { Logger } from '../../runtime/logger.js';
import type { BlobRecords } from '../rows/blob-records.js';
import type { Integrity } from './integrity.js';

export interface ScrubOptions {
  records: Pick<BlobRecords, 'unverified'>;
  integrity: Pick<Integrity, 'verify'>;
  /** Within how many days each blob is read again; 0: never. */
  days: number;
  log: Logger;
  /** Default 8 MiB. Bytes read in a second at most; a 30-day round takes 20 TiB with it. */
  bytesPerSecond?: number;
  /** Default an hour. Milliseconds between looks when nothing is due. */
  idleMs?: number;
  /** Default 1 s, up to 5 min. Pauses after reads that failed, in a row. */
  retry?: BackoffOptions;
}

const dayMs = 86_400_000;

/** Due before the time is over: reading takes time too. */
const dueShare = 0.9;

/** As many as others may be reading some of. */
const choice = 32;

/** So many blobs that could not be read wait for the others; with more of them, those are tried again first. */
const unreadableBound = 1_000;

export class Scrub {
  readonly #options: Required<ScrubOptions>;
  /** Undefined: it is off. */
  readonly #poller: Poller | undefined;
  /** When the bytes that were read so far will have taken their time. */
  #paidUntil = 0;
  /** Could not be read: they wait until the others that are due have been. */
  readonly #unreadable = new Set<string>();

  constructor({ bytesPerSecond = 8_388_608, idleMs = 3_600_000, retry = { firstMs: 1_000, maxMs: 300_000 }, ...options }: ScrubOptions) {
    this.#options = { ...options, bytesPerSecond, idleMs, retry };
    if (options.days === 0) return;
    this.#poller = new Poller({
      look: (stopping) => this.#verifyOne(stopping),
      pollMs: idleMs,
      retry,
      failed: (error) => options.log.warn({ err: error }, 'a blob could not be read again, trying on'),
    });
  }

  /** Idempotent, never rejects. */
  async stop(): Promise<void> {
    await this.#poller?.stop();
  }

  /** False: nothing is due. */
  async #verifyOne(signal: AbortSignal): Promise<boolean> {
    const { records, integrity, days } = this.#options;
    const unread = await records.unverified(new Date(Date.now() - days * dueShare * dayMs), choice + this.#unreadable.size);
    const due = unread.filter(({ sha256 }) => !this.#unreadable.has(sha256));
    const record = due[randomInt(due.length || 1)] ?? unread[0];
    if (!record) return false;
    if (due.length === 0 || this.#unreadable.size === unreadableBound) this.#unreadable.clear();
    try {
      await integrity.verify(record.sha256, { pace: (bytes) => this.#pay(bytes, signal), signal });
    } catch (error) {
      // Removed meanwhile.
      if (error instanceof AppError && error.code === 'NOT_FOUND') return true;
      this.#unreadable.add(record.sha256);
      throw error;
    }
    return true;
  }

  async #pay(bytes: number, signal: AbortSignal): Promise<void> {
    const now = performance.now();
    this.#paidUntil = Math.max(now, this.#paidUntil) + (bytes / this.#options.bytesPerSecond) * 1_000;
    // Shorter waits than this cost more than what they spread.
    if (this.#paidUntil - now > 20) await pause(this.#paidUntil - now, signal);
    signal.throwIfAborted();
  }
}
