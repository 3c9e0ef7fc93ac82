/**
 * Sends the template messages of one provider. One whose media the provider refuses, at once or in a status later, is sent once more with a fresh
 * handle; instances share the resends that statuses ask for.
 * Invariant: what may have been sent is never sent again: an attempt is written down before the provider is asked, and only a failure that the
 * provider has told, of the media, leads to another one.
 */
import { setMaxListeners } from 'node:events';
import { backoffMs } from '../../runtime/backoff.js';
import { Limiter } from '../../runtime/limiter.js';
import type { Logger } from '../../runtime/logger.js';
import { Poller } from '../../runtime/poller.js';
import { InFlight } from '../in-flight.js';
import type { BlobStore } from '../bytes/blob-store.js';
import type { GuardedFetch } from '../import/guarded-fetch.js';
import { ImportFailure } from '../import/import-failure.js';
import { providerAnswer } from '../import/provider-answer.js';
import type { Post } from '../import/provider-call.js';
import { count, errorCounter, type Amounts, type Counters } from '../rows/counters.js';
import { Handles } from './handles.js';
import type { HandleStore } from './handle-store.js';
import { SendFailure, type SendFailureKind } from './send-failure.js';
import type { HeaderFile, NewSend, Send, SendStore } from './send-store.js';
import type { StatusUpdate, TemplateChannel, TemplateHeader } from './template-channel.js';

export interface TemplateSenderOptions {
  /** The name of the provider. */
  provider: string;
  channel: TemplateChannel;
  /** Calls the provider. */
  fetch: Pick<GuardedFetch, 'post'>;
  sends: SendStore;
  handles: HandleStore;
  blobs: Pick<BlobStore, 'open'>;
  counters: Pick<Counters, 'add'>;
  log: Logger;
  /** Default 2,000. Milliseconds between looks for resends without a hint. */
  pollMs?: number;
  /** Default the real one. Milliseconds since 1970. */
  now?: () => number;
  /** Default 15 s for a message, 40 s for an upload. Milliseconds. */
  timeouts?: { readonly sendMs: number; readonly uploadMs: number };
}

/** What came of a message, after one attempt or two: it was taken, or why not. `send`: the first one. */
export type Sent = { readonly send: Send } & ({ readonly messageId: string; readonly failure?: undefined } | { readonly messageId?: undefined; readonly failure: SendFailure });

const sendsAtOnce = { max: 32, maxQueued: 500, maxWaitMs: 10_000 };
const resendsTogether = 5;
const pollBackoff = { firstMs: 200, maxMs: 5_000 };
/** Also what a provider may ask for. */
const resendBackoff = { firstMs: 60_000, maxMs: 3_600_000 };
/** What was to be known so long ago is not sent any more. */
const resentWithinMs = 86_400_000;
/** What leaves no doubt that nothing was sent, and passes. */
const notSent: ReadonlySet<SendFailureKind> = new Set(['throttled', 'unauthorised', 'unsent']);
/** Whoever takes over from one that is slower than this, and not dead, finds the resend begun, or begins it in its place. */
const resendLeaseMs = 15_000;
const stopMs = 1_500;
/** Beyond the time that the calls of an attempt may take. */
const marginMs = 20_000;

export class TemplateSender {
  readonly #options: Required<TemplateSenderOptions>;
  readonly #handles: Handles;
  readonly #post: Post;
  readonly #poller: Poller;
  readonly #running = new InFlight();
  readonly #limiter = new Limiter(sendsAtOnce);
  readonly #stopping = new AbortController();
  /** Milliseconds for an upload, after that of somebody else, for a message, and for what is between them. */
  readonly #attemptMs: number;

  /** Begins at once. */
  constructor({ pollMs = 2_000, now = Date.now, timeouts = { sendMs: 15_000, uploadMs: 40_000 }, ...options }: TemplateSenderOptions) {
    this.#options = { ...options, pollMs, now, timeouts };
    const { log, fetch } = options;
    const { sendMs, uploadMs } = timeouts;
    const { signal } = this.#stopping;
    setMaxListeners(0, signal);
    const postWithin =
      (ms: number): Post =>
      (url, headers, body) =>
        fetch.post({ url, headers, signal, answerMs: ms, idleMs: ms, totalMs: ms }, body, providerAnswer);
    this.#post = postWithin(sendMs);
    this.#attemptMs = 2 * uploadMs + sendMs + marginMs;
    this.#handles = new Handles({ ...options, store: options.handles, post: postWithin(uploadMs), now, signal, uploadMs });
    this.#poller = new Poller({
      look: () => this.#next(),
      pollMs,
      retry: pollBackoff,
      failed: (error, failures) => {
        if (failures === 1) log.warn({ err: error }, 'the template messages cannot be read or written, trying again');
      },
    });
  }

  get channel(): Pick<TemplateChannel, 'account' | 'headerOf'> {
    return this.#options.channel;
  }

  /** Not idempotent. Goes on when nobody waits any more. @throws AppError RATE_LIMITED, and what the stores throw: then nothing is known of what came of it. */
  send(send: Omit<NewSend, 'provider' | 'account'>): Promise<Sent> {
    return this.#running.track(this.#limiter.run(() => this.#send({ ...send, provider: this.#options.provider, account: this.channel.account })));
  }

  /** How messages fare. Those that were not sent here are left alone. @throws what the stores throw. */
  async report(updates: readonly StatusUpdate[]): Promise<void> {
    const { sends, provider, now } = this.#options;
    const reported = await sends.report(provider, updates, new Date(now()));
    const resends = reported.filter((one) => one === 'resend').length;
    if (resends > 0) {
      this.#poller.wake();
      await this.#count({ template_retries: resends });
    }
    const failures = updates.flatMap(({ failure }, index) => (failure && ['noted', 'resend'].includes(reported[index] ?? '') ? failure : []));
    for (const failure of failures) {
      // oxlint-disable-next-line no-await-in-loop -- counts are buffered
      await this.#countFailure(failure, 'template_failed');
    }
  }

  /**
   * Uploads anew what will end within seven days: `files`, and what was sent with lately. How many there were, and how many could not be had.
   * Ends early when `signal` aborts.
   */
  async checkHandles(files: readonly HeaderFile[], signal?: AbortSignal): Promise<{ checked: number; failed: number }> {
    const all = new Map([...files, ...(await this.#handles.ending())].map((file) => [file.sha256, file]));
    let [checked, failed] = [0, 0];
    for (const file of all.values()) {
      if (signal?.aborted || this.#stopping.signal.aborted) break;
      // oxlint-disable-next-line no-await-in-loop -- a provider is not to be called by many at once for what nobody waits for
      const handle = await this.#handles.of(file).catch(asSendFailure);
      checked += 1;
      if (handle instanceof SendFailure) failed += 1;
    }
    return { checked, failed };
  }

  /** Waits a moment for what goes on, then ends it. Idempotent, never rejects. */
  async stop(): Promise<void> {
    const stopped = this.#poller.stop();
    await this.#running.idle(stopMs);
    this.#stopping.abort();
    await Promise.all([stopped, this.#running.idle(stopMs)]);
  }

  async #send(asked: NewSend): Promise<Sent> {
    const { sends, now } = this.#options;
    const file = asked.header?.file;
    await this.#count({ template_sends: 1 });
    const handle = file && (await this.#handles.of(file).catch(asSendFailure));
    if (handle instanceof SendFailure) {
      const send = await sends.begin(asked, new Date(now()), { state: 'FAILED', failure: handle });
      await this.#countFailure(handle, 'template_failed');
      return { send, failure: handle };
    }
    const header = file && asked.header ? { ...asked.header, link: undefined, file, handle } : asked.header;
    const send = await sends.begin({ ...asked, header }, new Date(now()));
    const first = await this.#attempt(send);
    if (first.failure?.kind !== 'media') return first;
    // For as long as it may take: somebody waits for it here.
    const resend = await sends.endAndResend(send.id, first.failure, new Date(now()), new Date(now() + this.#attemptMs));
    if (resend) await this.#count({ template_retries: 1 });
    const second = resend && (await this.#resend(resend));
    return second instanceof SendFailure || !second ? first : { ...second, send };
  }

  /** Asks the provider, once, and writes down what came of it; a failure of the media, of a first attempt, is left to the caller. */
  async #attempt(send: Send): Promise<Sent> {
    const { channel, sends, log, now } = this.#options;
    const { file } = send.header ?? {};
    let messageId: string;
    try {
      messageId = await channel.send({ ...send, sendId: send.id, header: headerOf(send) }, this.#post);
    } catch (error) {
      const failure = asSendFailure(error);
      log.warn({ sendId: send.id, kind: failure.kind, code: failure.providerCode, err: failure }, 'a template message was not sent');
      const isUnknown = failure.kind === 'unknown';
      await this.#countFailure(failure, isUnknown ? 'template_unknown' : 'template_failed');
      const isRepeated = failure.kind === 'media' && file !== undefined && send.resendOf === undefined;
      const until = notSent.has(failure.kind) ? this.#again(send, failure) : undefined;
      if (until) await this.#write(send, sends.requeue(send.id, until, new Date(now())));
      else if (!isRepeated) await this.#write(send, sends.end(send.id, { state: isUnknown ? 'UNKNOWN' : 'FAILED', failure }, new Date(now())));
      return { send, failure };
    }
    await this.#write(send, sends.accept(send.id, messageId, new Date(now())));
    if (file) await this.#write(send, this.#handles.used(file));
    await this.#count({ template_accepted: 1 });
    return { send, messageId };
  }

  /** What has happened is told, also when it cannot be written down: then it stays unknown here, until a status says more. */
  async #write({ id }: Send, writing: Promise<void>): Promise<void> {
    await writing.catch((error: unknown) => this.#options.log.error({ err: error, sendId: id }, 'what came of a template message could not be written down'));
  }

  /** Of a resend that is this instance's. The failure of the refresh, where that failed. Undefined: somebody else has begun it. */
  async #resend(resend: Send): Promise<Sent | SendFailure | undefined> {
    const { sends, log, now } = this.#options;
    const { header } = resend;
    if (!header?.file) return undefined;
    const refused = header.handle;
    const handle = await this.#handles.of(header.file, refused).catch(asSendFailure);
    if (handle instanceof SendFailure) {
      await this.#withoutHandle(resend, handle);
      return handle;
    }
    if (!(await sends.start(resend.id, handle, new Date(now())))) return undefined;
    log.info({ sendId: resend.id, resendOf: resend.resendOf, language: resend.language, oldMediaId: refused, newMediaId: handle }, 'a template message is sent once more, with a fresh handle');
    return this.#attempt({ ...resend, header: { ...header, handle } });
  }

  /** When a resend is tried again. Undefined: somebody waits for it, and is told of the failure; or it is too old, or it cannot work. */
  #again({ tries, createdAt }: Send, { kind, retryAfterMs = 0 }: SendFailure): Date | undefined {
    const { now } = this.#options;
    const isWaitedFor = tries === 0;
    if (isWaitedFor || kind === 'rejected' || now() - createdAt.getTime() >= resentWithinMs) return undefined;
    const waitMs = Math.max(retryAfterMs, backoffMs(tries, resendBackoff));
    return new Date(now() + Math.min(waitMs, resendBackoff.maxMs));
  }

  async #withoutHandle(resend: Send, failure: SendFailure): Promise<void> {
    const { sends, log, now } = this.#options;
    const { id } = resend;
    const until = this.#again(resend, failure);
    if (until) await sends.postpone(id, until);
    else if (await sends.giveUp(id, failure, new Date(now()))) {
      log.warn({ sendId: id, kind: failure.kind, code: failure.providerCode }, 'a template message is not sent once more: its media cannot be had');
      await this.#countFailure(failure, 'template_failed');
    }
  }

  /** False: nothing was due. */
  async #next(): Promise<boolean> {
    const { provider, channel, sends, log, now } = this.#options;
    const abandoned = await sends.abandon(provider, new Date(now() - this.#attemptMs), new Date(now()));
    if (abandoned > 0) {
      log.warn({ messages: abandoned }, 'it is not known whether template messages were sent: the service ended meanwhile');
      await this.#count({ template_unknown: abandoned });
    }
    const due = await sends.claim(provider, channel.account, new Date(now()), new Date(now() + resendLeaseMs), resendsTogether);
    const results = await Promise.allSettled(due.map((resend) => this.#running.track(this.#resend(resend))));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    return due.length > 0;
  }

  #countFailure({ providerCode }: SendFailure, outcome: 'template_failed' | 'template_unknown'): Promise<void> {
    return this.#count({ [outcome]: 1, ...(providerCode !== undefined && { [errorCounter(providerCode)]: 1 }) });
  }

  #count(amounts: Amounts): Promise<void> {
    const { counters, log } = this.#options;
    return count(counters, amounts, log);
  }
}

function headerOf({ header }: Send): TemplateHeader | undefined {
  if (!header) return undefined;
  const { type, fileName } = header;
  return header.file ? { type, fileName, handle: header.handle ?? '' } : { type, fileName, link: header.link };
}

/** What is no failure of the call is rethrown. */
function asSendFailure(error: unknown): SendFailure {
  if (error instanceof SendFailure) return error;
  if (error instanceof ImportFailure) {
    return error.isUnsent
      ? new SendFailure('unsent', 'The provider could not be reached.', { cause: error })
      : new SendFailure('unknown', 'The provider did not answer: it is not known whether the message was sent, and sending it again may send it twice.', { cause: error });
  }
  throw error;
}
