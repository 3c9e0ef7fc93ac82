/**
 * The connections of one request with its redirects, and the clocks that run over them.
 * Invariant: after `end` no socket, timer or listener of it is left; whatever the other side does, or does not do, each wait ends in time.
 */
import { request as requestHttp, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { bytesPassed } from '../../runtime/young-generation.js';
import { ImportFailure } from './import-failure.js';

export interface ExchangeLimits {
  /** Milliseconds until the head of the last answer, from the start: names, connections, redirects, and what is sent. */
  answerMs: number;
  /** Milliseconds without a byte of the body. */
  idleMs: number;
  /** Milliseconds for all of it. */
  totalMs: number;
}

export class Exchange {
  readonly #limits: ExchangeLimits;
  readonly #signal: AbortSignal;
  readonly #answerTimer: NodeJS.Timeout;
  readonly #totalTimer: NodeJS.Timeout;
  #request: ClientRequest | undefined;
  #response: IncomingMessage | undefined;
  /** Whether anything can have been sent on any of its connections. */
  #isConnected = false;
  /** Why it was ended from this side. */
  #failure: ImportFailure | undefined;

  constructor(limits: ExchangeLimits, signal: AbortSignal) {
    this.#limits = limits;
    this.#signal = signal;
    this.#answerTimer = this.#failAfter(limits.answerMs);
    this.#totalTimer = this.#failAfter(limits.totalMs);
    signal.addEventListener('abort', this.#abort);
    if (signal.aborted) this.#abort();
  }

  /** The head of the answer to a GET, or to a POST of `body`, on a connection of its own. @throws ImportFailure, also when `body` throws. */
  async send(url: URL, options: RequestOptions, body?: AsyncIterable<Buffer>): Promise<IncomingMessage> {
    if (this.#failure) throw this.#failure;
    this.#close();
    const [send, connected] = url.protocol === 'https:' ? [requestHttps, 'secureConnect'] : [requestHttp, 'connect'];
    const request = send(url, { ...options, method: body ? 'POST' : 'GET', agent: false });
    request.once('socket', (socket) => socket.once(connected, () => (this.#isConnected = true)));
    this.#request = request;
    try {
      this.#response = await new Promise<IncomingMessage>((resolve, reject) => {
        request.once('response', resolve);
        // Also after the answer: a connection that breaks then is no uncaught error.
        request.on('error', reject);
        // Without an error and without an answer: the other side has switched protocols.
        request.once('close', () => reject(new Error('the connection was closed without an answer')));
        // An answer that comes before all is sent is an answer all the same.
        if (body) pipeline(Readable.from(body), request).catch(reject);
        else request.end();
      });
    } catch (error) {
      throw this.#failure ?? this.#asFailure(error);
    }
    this.#response.on('error', () => undefined);
    return this.#response;
  }

  /** The body as it arrives, up to the end that its headers announce. @throws ImportFailure */
  async *body(response: IncomingMessage): AsyncGenerator<Buffer, void, undefined> {
    clearTimeout(this.#answerTimer);
    let timer = this.#failAfter(this.#limits.idleMs);
    try {
      for await (const chunk of response) {
        // The clock is the sender's: what the reader takes does not count.
        clearTimeout(timer);
        if (!Buffer.isBuffer(chunk)) continue;
        bytesPassed(chunk.length);
        yield chunk;
        timer = this.#failAfter(this.#limits.idleMs);
      }
    } catch (error) {
      throw this.#failure ?? this.#asFailure(error);
    } finally {
      clearTimeout(timer);
    }
    if (!response.complete) throw this.#failure ?? this.#lost(undefined);
  }

  /** Closes what is open. Idempotent. */
  end(): void {
    clearTimeout(this.#answerTimer);
    clearTimeout(this.#totalTimer);
    this.#signal.removeEventListener('abort', this.#abort);
    this.#close();
  }

  readonly #abort = (): void => this.#fail(new ImportFailure('busy', 'It was ended because the service stops.', { isUnsent: !this.#isConnected }));

  #failAfter(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#fail(new ImportFailure('transient', `The source did not answer within ${ms / 1_000} s.`, { isUnsent: !this.#isConnected })), ms);
  }

  #fail(failure: ImportFailure): void {
    this.#failure ??= failure;
    this.#close();
  }

  #close(): void {
    this.#response?.destroy();
    this.#request?.destroy();
  }

  /** By code, not by class: errors of Node's own have another `Error` than code that runs in a context of its own, as tests do. */
  #asFailure(error: unknown): ImportFailure {
    if (error instanceof ImportFailure) return error;
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return new ImportFailure('transient', 'The host of the source was not found.', { cause: error, isUnsent: true });
    return this.#lost(error);
  }

  #lost(cause: unknown): ImportFailure {
    return new ImportFailure('transient', 'The source could not be reached, or the connection to it was lost.', { cause, isUnsent: !this.#isConnected });
  }
}
