/**
 * An amqplib channel whose end can be awaited.
 * Invariant: no 'error' of a channel goes unheard, and nobody waits for an answer on a channel that is gone.
 */
import type { Channel } from 'amqplib';

export class OpenChannel<C extends Channel> {
  readonly channel: C;
  readonly #ended = new AbortController();
  readonly #closed: Promise<void>;
  #isClosed = false;
  #reason: Error | undefined;

  constructor(channel: C) {
    this.channel = channel;
    this.#closed = new Promise((resolve) => {
      channel.once('close', () => {
        this.#isClosed = true;
        this.end(new Error('the channel was closed'));
        resolve();
      });
    });
    // Says why, right before 'close'. A lost connection closes its channels without it.
    channel.on('error', (error) => this.end(error));
  }

  /** Aborts when the channel has closed or its user has ended it. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** Nothing may be sent any more: what was unacknowledged is the broker's again. */
  get closed(): boolean {
    return this.#isClosed;
  }

  /** @throws the reason, when the channel ended for one. */
  throwIfFailed(): void {
    if (this.#reason) throw this.#reason;
  }

  /** Tells the user of the channel to finish; `failure` says that something went wrong. The first call counts. */
  end(failure?: Error): void {
    if (this.ended.aborted) return;
    this.#reason = failure;
    this.#ended.abort();
  }

  /** Resolves with `answer`, or at once when the channel closes: amqplib leaves some calls on a lost connection unanswered. */
  async answered(answer: Promise<unknown>): Promise<void> {
    await Promise.race([answer.catch(() => undefined), this.#closed]);
  }

  /** Closes it, and resolves once it is closed. Idempotent, never rejects. */
  async close(): Promise<void> {
    this.end();
    if (!this.#isClosed) await this.answered(this.channel.close());
  }
}

/** @throws Error when the connection is gone. */
export async function openChannel<C extends Channel>(opening: Promise<C>): Promise<OpenChannel<C>> {
  return new OpenChannel(await opening);
}

/** An answer of the broker, in contrast to a lost connection: https://www.rabbitmq.com/docs/channels#error-handling. */
export function isRefusal(error: unknown): error is Error & { code: number } {
  return error instanceof Error && 'code' in error && typeof error.code === 'number';
}

/** The answer that there is no such queue or exchange, or that the node which holds it is down. */
export function isNotFound(error: unknown): boolean {
  return isRefusal(error) && error.code === 404;
}
