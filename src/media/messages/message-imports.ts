/**
 * Imports the media of messages: takes those that are due, has the library import each, and writes down what became of it. Instances share the work.
 * Invariant: an import that has ended is never made again, and one that has not is never forgotten: a claim that nobody answers for ends with its
 * lease, and the library knows by an idempotency key what it has added. A provider that fails is left alone by all instances, ever longer.
 */
import { AppError } from '../../contract/errors.js';
import { backoffMs, pause } from '../../runtime/backoff.js';
import { endsWithin } from '../../runtime/deadline.js';
import type { Logger } from '../../runtime/logger.js';
import { Poller } from '../../runtime/poller.js';
import { InFlight } from '../in-flight.js';
import type { ImportSource } from '../import/fetched-file.js';
import { ImportFailure, type FailureKind } from '../import/import-failure.js';
import { LiveBytes, type ArrivingFile, type LiveWatcher } from '../import/live-bytes.js';
import type { Library } from '../library.js';
import type { UploadRequest } from '../requests.js';
import { count, type Amounts, type Counters } from '../rows/counters.js';
import type { Inbox } from './message.js';
import { messageFiles, type ImportJob, type Message, type MessageStore } from './message-store.js';

export interface MessageImportsOptions {
  /** Whose media are imported. */
  provider: string;
  messages: Pick<MessageStore, 'add' | 'find' | 'claim' | 'claimOne' | 'renew' | 'ready' | 'fail' | 'postpone' | 'pause' | 'resume'>;
  library: Pick<Library, 'import' | 'foresee'>;
  counters: Pick<Counters, 'add'>;
  log: Logger;
  /** Imports at a time. */
  concurrency: number;
  /** Default 20,000. Milliseconds after which an import is due again whose instance has died; renewed while it goes on. */
  leaseMs?: number;
  /** Default 2,000. Milliseconds between looks without a hint. */
  pollMs?: number;
  /** Default the real one. Milliseconds since 1970. */
  now?: () => number;
}

/** The media of a message of which bytes arrive. */
export interface LiveMedia extends Pick<ArrivingFile, 'fileName' | 'size'> {
  readonly mimeType: string;
  /** From the first one on. Whoever asked for them closes them. */
  readonly bytes: LiveWatcher;
  /** The import, well or not. Never rejects. */
  readonly ended: Promise<void>;
}

export interface Imported {
  /** Undefined: there is none. */
  readonly message: Message | undefined;
  /** Undefined: nothing is to be seen here before it is stored. */
  readonly live: LiveMedia | undefined;
}

/** An import that goes on in this process. */
interface UnderWay {
  readonly upload: UploadRequest;
  readonly live: LiveBytes;
  readonly ended: Promise<void>;
}

const minuteMs = 60_000;
/** How long somebody waits who asks for the media of one message. */
const clientWaitMs = 25_000;
const lookAgainMs = 200;
const stopMs = 1_500;
const claimBackoff = { firstMs: 200, maxMs: 5_000 };
/** Of one import, where its bytes or its URL are at fault and not the provider. */
const importBackoff = { firstMs: minuteMs, maxMs: 60 * minuteMs };
const maxAttempts = 8;
/** Some carriers block who makes 20 calls in an hour that fail. */
const pauseBackoff = { firstMs: 10 * minuteMs, maxMs: 40 * minuteMs };
/** However long a provider wants to be left alone. */
const longestPauseMs = 24 * 60 * minuteMs;
/** A single failure says little of a provider. */
const toleratedFailures = 2;

/** What a failure means for the queue. */
type Verdict =
  /** It will not be had. */
  | 'over'
  /** Gone from the provider. */
  | 'expired'
  /** Of this import: tried again, not for ever. */
  | 'again'
  /** Of the provider, which is left alone for a while; then it is tried again, as long as the provider keeps the media. */
  | 'paused'
  /** Of this process. */
  | 'later';

const verdicts: Readonly<Record<FailureKind, Verdict>> = {
  gone: 'expired',
  expired: 'expired',
  refused: 'over',
  corrupt: 'again',
  'dead-link': 'again',
  remembered: 'again',
  transient: 'paused',
  throttled: 'paused',
  unauthorised: 'paused',
  busy: 'later',
};

export class MessageImports implements Inbox {
  readonly #options: Required<MessageImportsOptions>;
  readonly #poller: Poller;
  readonly #running = new InFlight();
  /** By the id of the message. */
  readonly #underWay = new Map<string, UnderWay>();

  /** Begins at once. */
  constructor({ leaseMs = 20_000, pollMs = 2_000, now = Date.now, ...options }: MessageImportsOptions) {
    this.#options = { ...options, leaseMs, pollMs, now };
    this.#poller = new Poller({
      look: () => this.#next(),
      pollMs,
      retry: claimBackoff,
      failed: (error, failures) => {
        if (failures === 1) options.log.warn({ err: error }, 'the messages cannot be read or written, trying again');
      },
    });
  }

  async add(messages: Parameters<Inbox['add']>[0]): Promise<void> {
    const added = await this.#options.messages.add(messages, new Date(this.#options.now()));
    this.wake();
    const failures = messages.filter(({ id, media }) => added.has(id) && media && media.id === undefined);
    await this.#count({ messages: added.size, extraction_failures: failures.length });
  }

  /** There may be something to import. */
  wake(): void {
    this.#poller.wake();
  }

  /** Ends when what goes on has ended: whoever ends the importer ends that. Idempotent, never rejects. */
  async stop(): Promise<void> {
    await Promise.all([this.#poller.stop(), this.#running.idle(stopMs)]);
  }

  /**
   * Has the media of this message imported now, where that is open, by whoever comes first of all instances. Resolves with the message as it is
   * then; as it was when that takes longer than a client waits, or, with `live`, once its bytes arrive here. Goes on when nobody waits any more.
   */
  async importNow(found: Message, { live: watches }: { live: boolean }): Promise<Imported> {
    const { messages, leaseMs, now } = this.#options;
    const giveUpAt = performance.now() + clientWaitMs;
    // Each look follows from the one before.
    // oxlint-disable no-await-in-loop
    for (let message: Message | undefined = found; ; [message] = await messages.find([found.id])) {
      const isOpen = message?.state === 'PENDING' || (message?.state === 'FAILED' && message.retryable);
      if (!isOpen || this.#poller.signal.aborted || performance.now() >= giveUpAt) return { message, live: undefined };
      const job = this.#underWay.has(found.id) ? 'busy' : await messages.claimOne(found.id, new Date(now()), new Date(now() + leaseMs));
      if (job === 'paused') return { message, live: undefined };
      if (job !== 'busy') void this.#workBehind(job);
      const underWay = this.#underWay.get(found.id);
      if (underWay) {
        const live = watches ? await this.#watch(underWay, giveUpAt) : undefined;
        if (!live) await endsWithin(giveUpAt - performance.now(), underWay.ended);
        return { message: live ? message : (await messages.find([found.id]))[0], live };
      }
      await pause(lookAgainMs, this.#poller.signal);
    }
    // oxlint-enable no-await-in-loop
  }

  /** Undefined: it has ended, or its beginning was missed, or it will be refused. */
  async #watch({ upload, live, ended }: UnderWay, giveUpAt: number): Promise<LiveMedia | undefined> {
    await endsWithin(giveUpAt - performance.now(), live.opened);
    const watched = live.watch();
    if (!watched) return undefined;
    const { file, bytes } = watched;
    try {
      return { ...(await this.#options.library.foresee(upload, file)), size: file.size, bytes, ended };
    } catch {
      bytes.close();
      return undefined;
    }
  }

  /** False: nothing was due. */
  async #next(): Promise<boolean> {
    const { provider, messages, concurrency, leaseMs, now } = this.#options;
    const jobs = await messages.claim(provider, new Date(now()), new Date(now() + leaseMs), concurrency);
    if (jobs.length > 0) await this.#work(jobs);
    return jobs.length > 0;
  }

  /** Whoever waits for it may leave. Never rejects: what the stores have refused is due again when its lease ends. */
  #workBehind(job: ImportJob): Promise<void> {
    const work = this.#work([job]).catch((error: unknown) => this.#options.log.warn({ err: error, messageId: job.messageId }, 'the import of a message could not be written down'));
    return this.#running.track(work);
  }

  /** Of claimed imports. @throws what the stores throw. */
  async #work(jobs: readonly ImportJob[]): Promise<void> {
    const { messages, leaseMs, now } = this.#options;
    const underWay = new Set(jobs.map(({ messageId }) => messageId));
    // A renewal that fails costs a second look at what is done already.
    const renewing = setInterval(() => void messages.renew([...underWay], new Date(now() + leaseMs)).catch(() => undefined), leaseMs / 3);
    const results = await Promise.allSettled(jobs.map((job) => this.#import(job).finally(() => underWay.delete(job.messageId))));
    clearInterval(renewing);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  /** Can be watched while it goes on. */
  #import(job: ImportJob): Promise<void> {
    const { messageId, fileName } = job;
    const upload = { ...messageFiles(messageId), fileName: fileName ?? '', name: '', customProperties: '', idempotencyKey: `${this.#options.provider}:${messageId}` };
    const live = new LiveBytes();
    const importing = this.#importAs(upload, job, live).finally(() => {
      this.#underWay.delete(messageId);
      live.end();
    });
    this.#underWay.set(messageId, { upload, live, ended: importing.catch(() => undefined) });
    return importing;
  }

  async #importAs(upload: UploadRequest, job: ImportJob, live: LiveBytes): Promise<void> {
    const { provider, messages, library } = this.#options;
    const { messageId, providerMediaId, sha256, sentAt } = job;
    const source: ImportSource = { kind: 'provider', provider, id: providerMediaId, announcedAt: sentAt === undefined ? undefined : new Date(sentAt), sha256 };
    try {
      await library.import(upload, source, { waits: false, live });
    } catch (error) {
      await this.#settle(job, error);
      return;
    }
    await messages.ready(messageId);
    await messages.resume(provider);
    await this.#count({ message_media_ready: 1 });
  }

  async #settle({ messageId, attempts }: ImportJob, error: unknown): Promise<void> {
    const { provider, messages, log, now } = this.#options;
    // What is not for clients is a fault of our own stores, and passes or is mended.
    if (!(error instanceof AppError) || error.code === 'INTERNAL_SERVER_ERROR') throw error;
    const { code, message: reason, cause } = error;
    const failure = cause instanceof ImportFailure ? cause : undefined;
    const verdict = failure ? verdicts[failure.outcome] : 'over';
    log.warn({ messageId, code, reason, verdict }, 'the media of a message could not be imported');
    if (failure && verdict === 'paused') {
      const until = await this.#pause(failure);
      return messages.postpone(messageId, until, { reason, code, counts: false });
    }
    if (verdict !== 'later') await messages.resume(provider);
    if (verdict === 'expired') {
      await messages.fail(messageId, 'EXPIRED', { reason, code, retryable: false });
      return this.#count({ message_media_expired: 1 });
    }
    if (verdict === 'over' || (verdict === 'again' && attempts + 1 >= maxAttempts)) {
      await messages.fail(messageId, 'FAILED', { reason, code, retryable: verdict === 'again' });
      return this.#count({ message_media_failed: 1 });
    }
    const until = new Date(now() + backoffMs(attempts + 1, importBackoff));
    return messages.postpone(messageId, until, { reason, code, counts: verdict === 'again' });
  }

  /** Until when: of its own, or as long as the provider wants. */
  async #pause({ outcome, retryAfterMs }: ImportFailure): Promise<Date> {
    const { provider, messages, log, now } = this.#options;
    let until = new Date(now());
    await messages.pause(provider, (pauses) => {
      const isTolerated = outcome === 'transient' && pauses <= toleratedFailures;
      const ms = Math.min(retryAfterMs ?? (isTolerated ? 0 : backoffMs(pauses, pauseBackoff)), longestPauseMs);
      until = new Date(now() + ms);
      return until;
    });
    if (until.getTime() > now()) await this.#count({ provider_pauses: 1 });
    if (outcome === 'unauthorised') log.error({ provider, until }, 'the provider refuses access: nothing is imported until it is granted');
    return until;
  }

  #count(amounts: Amounts): Promise<void> {
    const { counters, log } = this.#options;
    return count(counters, amounts, log);
  }
}
