/**
 * Makes conversions one after the other: takes one that is due, makes it, records it, or says why not.
 * Invariant: what one image does to its conversion holds up no other for longer than the deadlines here. What may pass is tried again, each time
 * later and not for ever; a claim that nobody answers for ends with its lease. The hint is a hint: what it misses, the poll finds.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { backoffMs, type BackoffOptions } from '../../runtime/backoff.js';
import { asError } from '../../runtime/as-error.js';
import { Poller } from '../../runtime/poller.js';
import type { Logger } from '../../runtime/logger.js';
import type { BlobStore } from '../bytes/blob-store.js';
import type { Collections, ConversionRule } from '../files/collections.js';
import { cleanText } from '../files/file-names.js';
import { inspectFile } from '../files/file-types.js';
import type { ConversionJob, ConversionStore } from '../rows/conversion-store.js';
import { count, type Counters } from '../rows/counters.js';
import { ConverterFailed, Unconvertible, type Converter } from './converter.js';
import { withJobFiles, type JobFiles } from './job-files.js';

export interface LaneOptions {
  store: Omit<ConversionStore, 'find'>;
  blobs: Pick<BlobStore, 'open' | 'stage'>;
  collections: Collections;
  counters: Pick<Counters, 'add'>;
  converter: Converter;
  /** Of the files of jobs. */
  directory: string;
  log: Logger;
  /** Called after a transaction that has added events. */
  onCommit: () => void;
  leaseMs: number;
  copyMs: number;
  pollMs: number;
  retry: BackoffOptions;
}

/** Claims of one conversion: fewer where it may be the image that ends converters, more where the stores are out of reach. */
const maxTries = { converter: 3, other: 12 };
const claimBackoff = { firstMs: 200, maxMs: 5_000 };
const maxReason = 500;

export class ConversionLane {
  readonly #options: LaneOptions;
  readonly #poller: Poller;
  /** Aborted to end the reading of an original. */
  #copying = new AbortController();

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#poller = new Poller({
      look: () => this.#next(),
      pollMs: options.pollMs,
      retry: claimBackoff,
      failed: (error, failures) => {
        if (failures === 1) options.log.warn({ err: error }, 'the conversions cannot be read or written, trying again');
      },
    });
  }

  /** There may be something to do. */
  wake(): void {
    this.#poller.wake();
  }

  /** What is made now is given back, unless it is being recorded. Idempotent, never rejects. */
  async stop(): Promise<void> {
    const stopped = this.#poller.stop();
    this.#copying.abort(new Error('the service stops'));
    await this.#options.converter.stop();
    await stopped;
  }

  /** False: nothing was due. */
  async #next(): Promise<boolean> {
    const { store, leaseMs } = this.#options;
    const now = Date.now();
    const [job] = await store.claim(new Date(now), new Date(now + leaseMs), 1);
    if (!job) return false;
    try {
      await this.#make(job);
    } catch (error) {
      if (this.#poller.signal.aborted) await store.release(job);
      else await this.#settle(job, asError(error));
    }
    return true;
  }

  /** @throws Unconvertible, ConverterFailed, and what the stores throw. */
  async #make(job: ConversionJob): Promise<void> {
    const { media, name, attempts } = job;
    const { collections, directory, counters, onCommit, log } = this.#options;
    const rule = new Map(Object.entries(collections.rule(media.collectionName).conversions)).get(name);
    if (!rule) throw new Unconvertible(`the collection ${media.collectionName} has no conversion ${name} any more`);
    if (attempts >= maxTries.other) throw new Unconvertible(`it was begun ${attempts} times and never ended`);
    const isRecorded = await withJobFiles(directory, (files) => this.#convert(job, rule, files));
    if (!isRecorded) return log.debug({ mediaId: media.id, conversion: name }, 'the file of a conversion is gone');
    onCommit();
    await count(counters, { conversions: 1 }, log);
  }

  /** False: the media has gone meanwhile. */
  async #convert({ media, name }: ConversionJob, rule: ConversionRule, files: JobFiles): Promise<boolean> {
    const { store, blobs, converter } = this.#options;
    await this.#copy(media.sha256, files.input);
    await converter.convert({ ...rule, ...files });
    const staged = await blobs.stage(createReadStream(files.output));
    try {
      // By its bytes, not by what the converter says of them: hostile bytes may have taken it over.
      const { mimeType, width, height } = await inspectFile(staged, '', { types: [`image/${rule.format}`] });
      const { sha256, md5, size } = staged;
      return await store.finish(media.id, name, { sha256, md5, size, mimeType, width, height }, () => staged.commit());
    } finally {
      await staged.discard();
    }
  }

  async #copy(sha256: string, path: string): Promise<void> {
    const { blobs, copyMs } = this.#options;
    const copying = (this.#copying = new AbortController());
    // A stop that came before could not abort this one.
    if (this.#poller.signal.aborted) throw new Error('the service stops');
    const timer = setTimeout(() => copying.abort(new Error(`reading the file took longer than ${copyMs} ms`)), copyMs);
    try {
      const original = await blobs.open(sha256);
      if (!original) throw new Error('the bytes of the file are missing');
      await pipeline(original, createWriteStream(path, { mode: 0o600 }), { signal: copying.signal });
    } catch (error) {
      throw copying.signal.aborted ? copying.signal.reason : error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #settle({ media, name, attempts }: ConversionJob, error: Error): Promise<void> {
    const { store, counters, log, retry } = this.#options;
    const reason = cleanText(error.message).slice(0, maxReason);
    const about = { mediaId: media.id, conversion: name, reason };
    const tries = attempts + 1;
    if (!(error instanceof Unconvertible) && tries < maxTries[error instanceof ConverterFailed ? 'converter' : 'other']) {
      log.info({ ...about, tries }, 'a conversion was not made, trying again later');
      return store.postpone(media.id, name, reason, new Date(Date.now() + backoffMs(tries, retry)));
    }
    log.warn(about, 'a conversion cannot be made');
    await store.fail(media.id, name, reason);
    await count(counters, { failed_conversions: 1 }, log);
  }
}
