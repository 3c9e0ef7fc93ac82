/**
 * The steps by which a file is acquired: the stored copy, the negative cache, its age, then up to three tries outside.
 * Invariant: the outside is called only when nothing that is known here gives the answer, by at most so many downloads at a time.
 */
import { pause as pauseFor } from '../../runtime/backoff.js';
import { Limiter, Overloaded } from '../../runtime/limiter.js';
import type { Logger } from '../../runtime/logger.js';
import type { Settings } from '../../runtime/settings.js';
import type { SourcedBlob } from '../rows/sources.js';
import type { Download, Downloads, Try } from './downloads.js';
import type { FailedMedia } from './failed-media.js';
import { sourceLabel, type FetchedFile, type ImportSource } from './fetched-file.js';
import { ImportFailure, policies } from './import-failure.js';
import { maxTries, Retries } from './retries.js';
import type { StoredCopies } from './stored-copies.js';

export interface AcquisitionOptions {
  copies: StoredCopies;
  downloads: Downloads;
  failedMedia: Pick<FailedMedia, 'find' | 'mark'>;
  settings: Pick<
    Settings,
    'MEDIA_IMPORT_CONCURRENCY' | 'MEDIA_EXPIRATION_HOURS' | 'BASE_BACKOFF_SECONDS' | 'FAILED_MEDIA_TTL' | 'FAILED_MEDIA_TRANSIENT_TTL'
  >;
  log: Logger;
  now: () => number;
  /** Default runtime/backoff.ts. True after `ms`, false when the signal aborts. */
  pause?: typeof pauseFor;
}

export interface Attempt extends Try {
  /** Whether it is made again, after a wait, when what has failed may pass. */
  waits: boolean;
}

/** Whoever acquired it discards it in the end; what was committed, or is a stored copy, stays. */
export interface Acquired {
  file: FetchedFile;
  /** Where it came from here. */
  copy: SourcedBlob | undefined;
  discard(): Promise<void>;
}

/** Behind a full house of slow downloads; whoever asked has given up by then. */
const limits = { maxQueued: 1_000, maxWaitMs: 300_000 };

const hourMs = 3_600_000;

export class Acquisition {
  readonly #options: AcquisitionOptions;
  readonly #limiter: Limiter;
  readonly #pause: typeof pauseFor;

  constructor(options: AcquisitionOptions) {
    this.#options = options;
    this.#limiter = new Limiter({ max: options.settings.MEDIA_IMPORT_CONCURRENCY, ...limits });
    this.#pause = options.pause ?? pauseFor;
  }

  /** @throws ImportFailure; AppError FILE_TOO_LARGE, EMPTY_FILE; and what the stores throw. */
  async acquire(source: ImportSource, attempt: Attempt): Promise<Acquired> {
    const stored = await this.#options.copies.find(source);
    if (stored) {
      this.#options.log.info(`Media ${sourceLabel(source)} is served from its stored copy`);
      return { ...stored, discard: () => Promise.resolve() };
    }
    const file = await this.fetch(source, attempt);
    return { file, copy: undefined, discard: () => file.discard() };
  }

  /** Without a look at what is stored. @throws as `acquire`. */
  async fetch(source: ImportSource, attempt: Attempt): Promise<Download> {
    const label = sourceLabel(source);
    const before = await this.#options.failedMedia.find(source);
    if (before) {
      this.#options.log.info(`Media ${label} failed lately, skipping download`);
      throw new ImportFailure('remembered', `It could not be imported lately: ${before.reason}`, { outcome: before.kind });
    }
    try {
      this.#checkAge(source, label);
      return await this.#try(source, label, attempt);
    } catch (error) {
      if (error instanceof ImportFailure) await this.#remember(source, label, error, attempt);
      throw error;
    }
  }

  #checkAge(source: ImportSource, label: string): void {
    const { now, settings, log } = this.#options;
    const { MEDIA_EXPIRATION_HOURS: hours } = settings;
    const announcedMs = source.kind === 'provider' && source.announcedAt ? source.announcedAt.getTime() : NaN;
    // Also false for a time that cannot be read.
    if (!(now() - announcedMs > hours * hourMs)) return;
    const announced = new Date(announcedMs).toISOString();
    log.warn(`Media ${label} is expired (announced at ${announced}), skipping download`);
    throw new ImportFailure('expired', `Media expired: it was announced at ${announced}, and its provider keeps it for ${hours} hours.`);
  }

  async #try(source: ImportSource, label: string, attempt: Attempt): Promise<Download> {
    const { settings, downloads, log } = this.#options;
    const retries = new Retries(settings.BASE_BACKOFF_SECONDS * 1_000);
    for (;;) {
      log.info(`Fetching media ${label} (attempt ${retries.attempt}/${maxTries})`);
      try {
        // oxlint-disable-next-line no-await-in-loop -- a try is made when the one before has failed
        const download = await this.#limiter.run(() => downloads.get(source, attempt));
        log.info(`Media downloaded for ${label} (${download.size} bytes)`);
        return download;
      } catch (error) {
        // oxlint-disable-next-line no-await-in-loop
        await this.#beforeNext(retries, asFailure(error), label, attempt);
      }
    }
  }

  /** Waits as long as it takes until the next try. @throws the failure when there is none. */
  async #beforeNext(retries: Retries, failure: unknown, label: string, { signal, waits }: Attempt): Promise<void> {
    if (!(failure instanceof ImportFailure)) throw failure;
    const { log } = this.#options;
    log.warn({ err: failure }, `Failed to fetch media ${label} (attempt ${retries.attempt}/${maxTries})`);
    const wasLast = retries.attempt === maxTries;
    const waitMs = retries.after(failure, { waits });
    if (waitMs === undefined) {
      if (wasLast) log.error(`Max retries (${maxTries}) reached for media ${label}`);
      throw failure;
    }
    log.info(`Retrying media ${label} in ${Math.round(waitMs / 100) / 10}s (attempt ${retries.attempt}/${maxTries})`);
    if (!(await this.#pause(waitMs, signal))) throw new ImportFailure('busy', 'It was ended because the service stops.');
  }

  async #remember(source: ImportSource, label: string, { kind, message }: ImportFailure, { waits }: Attempt): Promise<void> {
    const { failedMedia, settings, log } = this.#options;
    const { again, remembered } = policies[kind];
    // Who does not wait here does so elsewhere: the next try is to be one, not the memory of this one.
    if (remembered === 'never' || (again === 'backoff' && !waits)) return;
    const seconds = remembered === 'long' ? settings.FAILED_MEDIA_TTL : settings.FAILED_MEDIA_TRANSIENT_TTL;
    await failedMedia.mark(source, { kind, reason: message }, seconds * 1_000);
    log.info(`Marked media ${label} as failed (TTL: ${seconds}s)`);
  }
}

function asFailure(error: unknown): unknown {
  return error instanceof Overloaded ? new ImportFailure('busy', 'Too many imports wait already.', { cause: error }) : error;
}
