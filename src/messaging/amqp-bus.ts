/**
 * The event bus on RabbitMQ.
 * Invariant: it neither fails nor delays a start, and comes back by itself after every outage of the broker.
 *
 * Publishing and consuming have a connection each: the broker stops reading from a connection that publishes when its memory or
 * disk is full, and the acknowledgements that would free it must still get through.
 */
import { endsWithin } from '../runtime/deadline.js';
import type { Logger } from '../runtime/logger.js';
import { AmqpConnection } from './amqp-connection.js';
import { AmqpConsumer } from './amqp-consumer.js';
import { AmqpPublisher } from './amqp-publisher.js';
import { AmqpTopology } from './amqp-topology.js';
import type { BusState, MessageBus, OutgoingMessage, QueueMessage, Subscription } from './message-bus.js';

export interface AmqpBusOptions {
  /** amqp or amqps URL. Its `heartbeat` parameter, in seconds, overrides ours of 5. */
  url: string;
  /** Durable topic exchange; declared when it is missing. */
  exchange: string;
  log: Logger;
  /** Default 5,000. Milliseconds until a publishing without the broker's confirm rejects. */
  publishDeadlineMs?: number;
  /** Default 1,000. Publishings without a confirm; beyond it `publish` rejects at once. Each holds its body in memory. */
  maxInFlight?: number;
  /** Default 5,000. Milliseconds of silence that end a try to connect. */
  connectTimeoutMs?: number;
  /** Default 5,000. Milliseconds that `stop` takes at most; a handler that still runs then gets its message again later. */
  stopDeadlineMs?: number;
}

/** Connects in the background. @throws TypeError when `url` is not a URL. */
export function createAmqpBus(options: AmqpBusOptions): MessageBus {
  return new AmqpBus(options);
}

class AmqpBus implements MessageBus {
  readonly #options: AmqpBusOptions;
  readonly #topology: AmqpTopology;
  readonly #connections: AmqpConnection[] = [];
  readonly #publisher: AmqpPublisher;
  /** Made with the first subscription: who only publishes needs one connection. */
  #consuming: AmqpConnection | undefined;
  readonly #consumers: AmqpConsumer[] = [];
  #reached: boolean | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: AmqpBusOptions) {
    const { exchange, log, publishDeadlineMs = 5_000, maxInFlight = 1_000 } = options;
    this.#options = options;
    this.#topology = new AmqpTopology(exchange, log);
    this.#publisher = new AmqpPublisher({
      connection: this.#connect('publishing'),
      topology: this.#topology,
      log,
      deadlineMs: publishDeadlineMs,
      maxInFlight,
    });
  }

  get state(): BusState {
    if (this.#stopped) return 'stopped';
    return this.#publisher.isReady && this.#connections.every((connection) => connection.isOpen) ? 'connected' : 'connecting';
  }

  async publish({ routingKey, messageId, body }: OutgoingMessage): Promise<'routed' | 'unroutable'> {
    this.#refuseWhenStopped();
    return this.#publisher.send({ exchange: this.#topology.exchange, routingKey, messageId, body });
  }

  async sendToQueue({ queue, messageId, body, expiresMs }: QueueMessage): Promise<'routed' | 'unroutable'> {
    this.#refuseWhenStopped();
    return this.#publisher.send({ exchange: '', routingKey: queue, messageId, body, expiresMs });
  }

  async subscribe(subscription: Subscription): Promise<void> {
    this.#refuseWhenStopped();
    const connection = (this.#consuming ??= this.#connect('consuming'));
    const { log } = this.#options;
    this.#consumers.push(new AmqpConsumer({ connection, publisher: this.#publisher, topology: this.#topology, subscription, log }));
  }

  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    const { log, stopDeadlineMs = 5_000 } = this.#options;
    if (!(await endsWithin(stopDeadlineMs, this.#disconnect()))) log.warn('the event bus does not stop in time, its connections are cut');
    for (const connection of this.#connections) connection.destroy();
  }

  /** Handlers may still need the publisher, for a dead letter. */
  async #disconnect(): Promise<void> {
    await Promise.all(this.#consumers.map((consumer) => consumer.stop()));
    await this.#publisher.stop();
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }

  #connect(purpose: 'publishing' | 'consuming'): AmqpConnection {
    const { url, exchange, connectTimeoutMs = 5_000 } = this.#options;
    const onChange = (error: unknown): void => this.#report(error);
    const connection = new AmqpConnection({ url, name: `${exchange} ${purpose}`, connectTimeoutMs, onChange });
    this.#connections.push(connection);
    return connection;
  }

  /** One line when the broker gets out of reach and one when it is back, however many connections and tries that takes. */
  #report(error: unknown): void {
    const { log } = this.#options;
    if (error !== undefined) {
      log[this.#reached === false ? 'debug' : 'warn']({ err: error }, 'the event broker is out of reach, trying again');
      this.#reached = false;
    } else if (!this.#reached && this.#connections.every((connection) => connection.isOpen)) {
      log.info('connected to the event broker');
      this.#reached = true;
    }
  }

  #refuseWhenStopped(): void {
    if (this.#stopped) throw new Error('the event bus is stopped');
  }
}
