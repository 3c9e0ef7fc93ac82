/**
 * The channel that publishes, with confirms.
 * Invariant: a message counts as taken only after the broker's confirm; what is unconfirmed is bounded in number and in time.
 */
import { randomUUID } from 'node:crypto';
import type { ConfirmChannel, Message } from 'amqplib';
import type { Logger } from '../runtime/logger.js';
import { isRefusal, openChannel, type OpenChannel } from './amqp-channel.js';
import type { AmqpConnection } from './amqp-connection.js';
import type { AmqpTopology } from './amqp-topology.js';
import { aborted, repeat } from './waiting.js';

export interface PublisherOptions {
  connection: AmqpConnection;
  topology: AmqpTopology;
  log: Logger;
  deadlineMs: number;
  maxInFlight: number;
}

export interface AmqpMessage {
  /** The empty text is the default exchange, whose routing keys are the names of queues. */
  exchange: string;
  routingKey: string;
  messageId: string | undefined;
  body: Buffer;
  headers?: Record<string, string>;
  /** After so many milliseconds the queue may drop it, and the broker need not keep it on disk. Undefined: it is persistent and never expires. */
  expiresMs?: number;
}

/** Names one publishing: a message that is published twice has the same messageId both times. */
const publishingHeader = 'x-publishing-id';

const reopenBackoff = { firstMs: 100, maxMs: 1_000 };

export class AmqpPublisher {
  readonly #options: PublisherOptions;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #open: OpenChannel<ConfirmChannel> | undefined;
  /** amqplib's buffer is full. */
  #congested = false;
  /** The publishings without a confirm. Each stays until the broker confirms or the channel closes, past its deadline too. */
  readonly #unconfirmed = new Set<string>();
  /** Those of them that came back: the broker sends the return before the confirm. */
  readonly #returned = new Set<string>();

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#running = repeat(() => this.#openAndStay(), {
      stopping: this.#stopping.signal,
      backoff: reopenBackoff,
      onFailure: (error, news) => {
        const level = news && isRefusal(error) ? 'error' : 'debug';
        options.log[level]({ err: error, exchange: options.topology.exchange }, 'the publishing channel failed, it is opened again');
      },
    });
  }

  get isReady(): boolean {
    return this.#open !== undefined;
  }

  /** As MessageBus.publish, to any exchange. */
  async send(message: AmqpMessage): Promise<'routed' | 'unroutable'> {
    const { deadlineMs } = this.#options;
    const channel = this.#usableChannel();
    const id = randomUUID();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the event broker did not confirm within ${deadlineMs} ms`)), deadlineMs);
      const settle = (error: Error | null) => {
        clearTimeout(timer);
        this.#unconfirmed.delete(id);
        const returned = this.#returned.delete(id);
        if (error) reject(error);
        else resolve(returned ? 'unroutable' : 'routed');
      };
      this.#unconfirmed.add(id);
      try {
        this.#congested = !transmit(channel, message, { id, onConfirm: settle });
      } catch (error) {
        settle(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  /** Waits for the confirms that are due, then closes the channel. Idempotent, never rejects. */
  stop(): Promise<void> {
    this.#stopping.abort();
    this.#open?.end();
    return this.#running;
  }

  /** @throws Error when publishing now could only wait or pile up. */
  #usableChannel(): ConfirmChannel {
    const { connection, maxInFlight } = this.#options;
    if (!this.#open) throw new Error('the event broker is out of reach');
    if (connection.isBlocked) throw new Error('the event broker takes no messages, its memory or disk is full');
    if (this.#congested) throw new Error('the event broker takes messages too slowly');
    if (this.#unconfirmed.size >= maxInFlight) throw new Error(`${maxInFlight} messages wait for the confirm of the event broker`);
    return this.#open.channel;
  }

  async #openAndStay(): Promise<void> {
    const { connection, topology } = this.#options;
    const model = await connection.opened(this.#stopping.signal);
    await topology.declareExchange(model);
    const open = await openChannel(model.createConfirmChannel());
    open.channel.on('return', (message) => this.#onReturn(message));
    open.channel.on('drain', () => (this.#congested = false));
    this.#congested = false;
    this.#open = open;
    try {
      if (this.#stopping.signal.aborted) open.end();
      await aborted(open.ended);
      if (!open.closed) await open.answered(open.channel.waitForConfirms());
    } finally {
      this.#open = undefined;
      await open.close();
    }
    open.throwIfFailed();
  }

  #onReturn({ properties }: Message): void {
    const id: unknown = properties.headers?.[publishingHeader];
    if (typeof id === 'string' && this.#unconfirmed.has(id)) this.#returned.add(id);
  }
}

/** False when amqplib's buffer is full afterwards. @throws Error when the message cannot be encoded. */
function transmit(channel: ConfirmChannel, message: AmqpMessage, { id, onConfirm }: { id: string; onConfirm: (error: Error | null) => void }): boolean {
  const { exchange, routingKey, messageId, body, headers, expiresMs } = message;
  const options = {
    persistent: expiresMs === undefined,
    mandatory: true,
    contentType: 'application/json',
    headers: { ...headers, [publishingHeader]: id },
    ...(messageId === undefined ? {} : { messageId }),
    ...(expiresMs === undefined ? {} : { expiration: expiresMs }),
  };
  return channel.publish(exchange, routingKey, body, options, onConfirm);
}
