/**
 * Imports: a file from elsewhere for as long as somebody uses it, each source once at a time however many ask.
 * Invariant: what its users do not commit is not kept; neither the negative cache nor a counter can make an import fail.
 */
import type { LookupAddress } from 'node:dns';
import { setMaxListeners } from 'node:events';
import { AppError } from '../../contract/errors.js';
import { checkIdentifier } from '../../contract/identifier.js';
import type { pause } from '../../runtime/backoff.js';
import type { Logger } from '../../runtime/logger.js';
import type { Settings } from '../../runtime/settings.js';
import type { BlobStore } from '../bytes/blob-store.js';
import { extensionOf } from '../files/file-names.js';
import { detectType } from '../files/type-detection.js';
import { InFlight } from '../in-flight.js';
import { errorCounter, type Amounts, type CounterName, type Counters } from '../rows/counters.js';
import type { SourcedBlob, Sources } from '../rows/sources.js';
import { Acquisition, type Acquired, type AcquisitionOptions, type Attempt } from './acquisition.js';
import { Downloads, type DownloadTimeouts } from './downloads.js';
import type { FailedMedia } from './failed-media.js';
import { sourceLabel, sourceName, sourceNamed, type FetchedFile, type ImportSource } from './fetched-file.js';
import { Flights } from './flights.js';
import { fetchFor } from './guarded-fetch.js';
import { ImportCounts } from './import-counts.js';
import { FileTooLarge, ImportFailure, type FailureKind } from './import-failure.js';
import type { LiveBytes } from './live-bytes.js';
import type { MediaProvider } from './provider.js';
import { CopyGone, StoredCopies } from './stored-copies.js';

export interface ImporterOptions {
  sources: Pick<Sources, 'find' | 'keep'>;
  counters: Counters;
  blobs: Pick<BlobStore, 'stage' | 'open' | 'stat'>;
  failedMedia: Pick<FailedMedia, 'find' | 'mark'>;
  providers: readonly MediaProvider[];
  settings: AcquisitionOptions['settings'] & Pick<Settings, 'UPLOAD_MAX_BYTES' | 'MEDIA_CACHE_DAYS' | 'MEDIA_IMPORT_ALLOWED_HOSTS'>;
  log: Logger;
  /** Default the machine's resolver and Node's authorities. */
  network?: { resolve?: (hostname: string) => Promise<LookupAddress[]>; ca?: string };
  /** Default the real ones. */
  time?: { now?: () => number; pause?: typeof pause; timeouts?: Partial<DownloadTimeouts> };
}

/** How an import is made. */
export interface ImportLimits {
  maxBytes: number;
  /** Default true. Whether it is tried again, after a wait, when what has failed may pass: who has a queue of imports tries again later, and is not told then of this time. */
  waits?: boolean;
  /** Shows the bytes as they arrive, where this import is the one that downloads them. */
  live?: LiveBytes | undefined;
}

type Use<T> = (acquired: Acquired) => Promise<T>;

const dayMs = 86_400_000;

/** A kept copy that may be removed sooner is kept anew before it is given out. */
const leastKeptMs = 3_600_000;

/** How often bytes may vanish, or a limit rise, during one import. */
const maxRestarts = 3;
const stopMs = 1_500;
const countMs = 300;

export class Importer {
  readonly #options: ImporterOptions;
  readonly #downloads: Downloads;
  readonly #acquisition: Acquisition;
  readonly #flights = new Flights<Acquired>();
  readonly #running = new InFlight();
  readonly #counts: ImportCounts;
  readonly #stopping = new AbortController();
  readonly #now: () => number;

  constructor(options: ImporterOptions) {
    const { sources, counters, blobs, failedMedia, providers, settings, log, network, time } = options;
    this.#options = options;
    this.#now = time?.now ?? Date.now;
    this.#counts = new ImportCounts(counters, log);
    this.#downloads = new Downloads({ fetchFor: (namedHosts) => fetchFor(settings, namedHosts, network), blobs, providers, ...(time?.timeouts && { timeouts: time.timeouts }) });
    const copies = new StoredCopies({ sources, blobs, freshMs: settings.MEDIA_CACHE_DAYS * dayMs, now: this.#now });
    const waiting = time?.pause && { pause: time.pause };
    this.#acquisition = new Acquisition({ copies, downloads: this.#downloads, failedMedia, settings, log, now: this.#now, ...waiting });
    setMaxListeners(0, this.#stopping.signal);
  }

  /**
   * Calls `use` with the file that is at `source`; what `use` does not commit is not kept. It is called again with a fresh download when
   * the stored copy that it was given vanishes before its commit, which rejects then.
   * @throws AppError IMPORT_REFUSED, IMPORT_FAILED, FILE_TOO_LARGE, EMPTY_FILE, BAD_USER_INPUT; and what `use` throws.
   */
  withFile<T>(source: ImportSource, limits: ImportLimits, use: (file: FetchedFile) => Promise<T>): Promise<T> {
    return this.#running.track(this.#import(source, limits, ({ file }) => use(file)));
  }

  /** The file that is at `source`, kept for MEDIA_CACHE_DAYS though nobody owns it. Its bytes can be read for an hour at least. @throws as `withFile`. */
  keepCopy(source: ImportSource): Promise<SourcedBlob> {
    const keep: Use<SourcedBlob> = async ({ file, copy }) => (copy && this.#isSafe(copy) ? copy : this.#keep(source, file));
    return this.#running.track(this.#import(source, { maxBytes: this.#options.settings.UPLOAD_MAX_BYTES }, keep));
  }

  /**
   * Downloads from the source with this name and puts the bytes back when they are those that `sha256` names; the records are the caller's.
   * False when they are others, or cannot be had.
   */
  refetch(name: string, sha256: string): Promise<boolean> {
    return this.#running.track(this.#refetch(name, sha256));
  }

  /** Ends what is being downloaded, and waits for those who use a file, a moment at most. Idempotent, never rejects. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running.idle(stopMs);
    await this.#counts.idle(countMs);
  }

  async #import<T>(source: ImportSource, limits: ImportLimits, use: Use<T>): Promise<T> {
    const amounts: Amounts = { total_requests: 1 };
    let inUse = false;
    const used: Use<T> = (acquired) => {
      inUse = true;
      amounts.cache_hits = acquired.copy ? 1 : 0;
      return use(acquired);
    };
    try {
      this.#check(source);
      return await this.#join(source, limits, used);
    } catch (error) {
      if (!inUse) Object.assign(amounts, failed(error));
      throw error instanceof ImportFailure ? error.toAppError() : error;
    } finally {
      this.#counts.add(amounts);
    }
  }

  #check(source: ImportSource): void {
    if (source.kind === 'provider') checkIdentifier('id', source.id);
    this.#downloads.check(source);
  }

  async #join<T>(source: ImportSource, { maxBytes, waits = true, live }: ImportLimits, use: Use<T>): Promise<T> {
    const name = sourceName(source);
    const within: Use<T> = (acquired) => (acquired.file.size > maxBytes ? Promise.reject(new FileTooLarge(maxBytes)) : use(acquired));
    for (let restarts = 0; ; restarts += 1) {
      try {
        // oxlint-disable-next-line no-await-in-loop
        return await this.#flights.join(name, maxBytes, (wanted) => this.#acquire(source, { maxBytes: wanted, waits, live }), within);
      } catch (error) {
        // It ended by the smaller limit of another just before this one joined; or it gave a copy that has vanished since.
        const outgrown = error instanceof FileTooLarge && error.maxBytes < maxBytes;
        if (!(outgrown || error instanceof CopyGone) || restarts === maxRestarts) throw error;
        this.#flights.forget(name);
      }
    }
  }

  #acquire(source: ImportSource, limits: Pick<Attempt, 'maxBytes' | 'waits' | 'live'>): Promise<Acquired> {
    return this.#counted((onCall) => this.#acquisition.acquire(source, { ...limits, signal: this.#stopping.signal, onCall }));
  }

  async #counted<T>(work: (onCall: () => void) => Promise<T>): Promise<T> {
    let calls = 0;
    try {
      return await work(() => (calls += 1));
    } finally {
      if (calls > 0) this.#counts.add({ api_calls: calls });
    }
  }

  #isSafe({ blob }: SourcedBlob): boolean {
    return blob.orphanedAt === undefined || Date.parse(blob.keptUntil ?? '') > this.#now() + leastKeptMs;
  }

  async #keep(source: ImportSource, file: FetchedFile): Promise<SourcedBlob> {
    const { sources, settings, log } = this.#options;
    const { sha256, md5, size, head, fileName, fetchedAt } = file;
    const mimeType = await detectType(head, extensionOf(fileName));
    await file.commit();
    const until = new Date(this.#now() + Math.max(settings.MEDIA_CACHE_DAYS * dayMs, leastKeptMs));
    const name = sourceName(source);
    await sources.keep({ sha256, md5, size, mimeType }, { source: name, fileName, fetchedAt }, until, () => file.commit());
    log.info(`Saved media ${sourceLabel(source)} to the store`);
    const kept = await sources.find(name);
    if (!kept) throw new Error('a copy that was just kept is not found');
    return kept;
  }

  async #refetch(name: string, sha256: string): Promise<boolean> {
    const { settings, log } = this.#options;
    const source = sourceNamed(name);
    if (!source) return false;
    const wanted = { maxBytes: () => settings.UPLOAD_MAX_BYTES, signal: this.#stopping.signal, waits: true };
    try {
      this.#check(source);
      const file = await this.#counted((onCall) => this.#acquisition.fetch(source, { ...wanted, onCall }));
      try {
        if (file.sha256 === sha256) await file.commit();
        else log.warn(`Media ${sourceLabel(source)} has other bytes now: nothing is put back`);
        return file.sha256 === sha256;
      } finally {
        await file.discard();
      }
    } catch (error) {
      if (!(error instanceof ImportFailure || error instanceof AppError)) throw error;
      log.warn({ err: error }, `Media ${sourceLabel(source)} cannot be fetched again`);
      return false;
    }
  }
}

function failed(error: unknown): Amounts {
  if (!(error instanceof ImportFailure)) return { failed_calls: 1 };
  const { kind, providerCode } = error;
  const said = providerCode === undefined ? {} : { [errorCounter(providerCode)]: 1 };
  return { [failureCounters[kind] ?? 'failed_calls']: 1, ...said };
}

const failureCounters: Partial<Record<FailureKind, CounterName>> = { expired: 'expired_media', remembered: 'negative_hits' };
