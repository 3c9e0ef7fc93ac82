/**
 * One connection to RabbitMQ, opened again for ever, and its socket.
 * Invariant: `opened` gives out a connection only after it has answered, and a connection that is gone leaves no socket behind.
 *
 * amqplib's own recovery is not used: it begins to listen for 'close' after its set-up, so that a connection which the broker
 * closes together with opening it stays "open" for ever, and it keeps a half-open socket until the kernel gives up.
 */
import { EventEmitter, once } from 'node:events';
import { connect, type ChannelModel, type SocketOptions } from 'amqplib';
import { openChannel } from './amqp-channel.js';
import { repeat } from './waiting.js';

export interface AmqpConnectionOptions {
  url: string;
  /** Shown by the broker's administration. */
  name: string;
  connectTimeoutMs: number;
  /** Called when the connection is there, and with the error whenever it is lost or cannot be made. */
  onChange: (error: unknown) => void;
}

/** Seconds. Either side drops a peer that was silent for two to three of them. */
const heartbeat = 5;
const reconnectBackoff = { firstMs: 100, maxMs: 2_000 };

export class AmqpConnection {
  readonly #options: AmqpConnectionOptions;
  readonly #stopping = new AbortController();
  readonly #events = new EventEmitter().setMaxListeners(0);
  readonly #running: Promise<void>;
  /** Aborting it destroys the socket, whatever state that is in. */
  #socket = new AbortController();
  #model: ChannelModel | undefined;
  #blocked = false;

  /** Connects in the background. @throws TypeError when `url` is none. */
  constructor(options: AmqpConnectionOptions) {
    this.#options = { ...options, url: withHeartbeat(options.url) };
    this.#running = repeat(() => this.#connectAndStay(), {
      stopping: this.#stopping.signal,
      backoff: reconnectBackoff,
      onFailure: options.onChange,
    });
  }

  get isOpen(): boolean {
    return this.#model !== undefined;
  }

  /** The broker reads nothing from this connection until its memory or disk alarm is over. */
  get isBlocked(): boolean {
    return this.#blocked;
  }

  /** Resolves with the open connection, now or as soon as the broker is there; rejects when `signal` aborts. */
  async opened(signal: AbortSignal): Promise<ChannelModel> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#model) return this.#model;
      await once(this.#events, 'open', { signal });
    }
  }

  /** Ends the connection properly; it may hang with the broker, until `destroy`. Idempotent, never rejects. */
  async close(): Promise<void> {
    this.#stopping.abort();
    // Without the race, a connection that breaks now would never answer.
    if (this.#model) await Promise.race([this.#model.close().catch(() => undefined), this.#running]);
    this.destroy();
    await this.#running;
  }

  /** Ends the connection at once, whatever state it is in. Idempotent. */
  destroy(): void {
    this.#stopping.abort();
    this.#socket.abort();
  }

  async #connectAndStay(): Promise<void> {
    this.#socket = new AbortController();
    try {
      const model = await this.#connect();
      const closed = new Promise<Error | undefined>((resolve) => model.once('close', resolve));
      // 'close' follows, with the same error.
      model.on('error', () => undefined);
      model.on('blocked', () => (this.#blocked = true));
      model.on('unblocked', () => (this.#blocked = false));
      // Fails when it was closed before we listened.
      await (await openChannel(model.createChannel())).close();
      this.#model = model;
      this.#options.onChange(undefined);
      this.#events.emit('open');
      throw (await closed) ?? new Error('the connection was closed');
    } finally {
      this.#model = undefined;
      this.#blocked = false;
      this.#socket.abort();
    }
  }

  #connect(): Promise<ChannelModel> {
    const { url, name, connectTimeoutMs } = this.#options;
    const options: SocketOptions & { signal: AbortSignal } = {
      timeout: connectTimeoutMs,
      noDelay: true,
      clientProperties: { connection_name: name },
      signal: this.#socket.signal,
    };
    return connect(url, options);
  }
}

/** An interval that the URL itself names is kept. */
function withHeartbeat(url: string): string {
  const target = new URL(url);
  if (!target.searchParams.has('heartbeat')) target.searchParams.set('heartbeat', String(heartbeat));
  return target.href;
}
