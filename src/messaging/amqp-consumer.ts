/**
 * One subscription on RabbitMQ, on a channel of its own, taken up again after every loss.
 * Invariant: one handler runs at a time, also across reconnects, and a message is acknowledged on the channel that delivered it or not at all.
 * A shared queue has one consumer, by the `exclusive` flag: it needs no queue argument, so that existing queues match.
 */
import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import { backoffMs, pause } from '../runtime/backoff.js';
import type { Logger } from '../runtime/logger.js';
import { isNotFound, isRefusal, openChannel, type OpenChannel } from './amqp-channel.js';
import type { AmqpConnection } from './amqp-connection.js';
import type { AmqpPublisher } from './amqp-publisher.js';
import type { AmqpTopology } from './amqp-topology.js';
import { deliver, tellMissing, type Receiver } from './delivery.js';
import type { IncomingMessage, Subscription } from './message-bus.js';
import { aborted, repeat } from './waiting.js';

export interface ConsumerOptions {
  connection: AmqpConnection;
  publisher: AmqpPublisher;
  topology: AmqpTopology;
  subscription: Subscription;
  log: Logger;
}

/** Messages that the broker sends ahead of their acknowledgement. */
const prefetch = 32;
const takeoverBackoff = { firstMs: 100, maxMs: 1_000 };

export class AmqpConsumer {
  readonly #options: ConsumerOptions;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #open: OpenChannel<Channel> | undefined;
  /** The durable queue was missing, and the subscriber has not been told yet: the next look may find the queue that was made since. */
  #missing = false;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#log = options.log.child({ queue: options.subscription.queue ?? 'private' });
    this.#running = repeat(() => this.#consumeOnce(), {
      stopping: this.#stopping.signal,
      backoff: takeoverBackoff,
      onFailure: (error, news) => {
        if (error instanceof QueueGone || isNotFound(error)) this.#missing = true;
        this.#log[news && isWorthALine(error) ? 'error' : 'debug']({ err: error }, 'consuming failed, it is tried again');
      },
    });
  }

  /** Takes no further message, and resolves when the running handler has ended and its message is acknowledged. Idempotent, never rejects. */
  stop(): Promise<void> {
    this.#stopping.abort();
    this.#open?.end();
    return this.#running;
  }

  /** Consumes until the channel ends: by `stop`, with the connection, or with the queue. */
  async #consumeOnce(): Promise<void> {
    const { connection, topology, subscription } = this.#options;
    const model = await connection.opened(this.#stopping.signal);
    if (subscription.queue !== undefined && !(await topology.hasQueue(model, subscription.queue))) this.#missing = true;
    const queue = await topology.declareSubscription(model, subscription);
    const open = await openChannel(model.createChannel());
    this.#open = open;
    if (this.#stopping.signal.aborted) open.end();
    const receiver = this.#receiver(model);
    const inbox = new Inbox((message) => this.#handle(open, message, receiver));
    try {
      await open.channel.prefetch(prefetch);
      if (subscription.queue !== undefined) {
        if (this.#missing) this.#missing = !(await tellMissing(subscription, { log: this.#log, ended: open.ended }));
        await this.#waitForTurn(open, queue);
      }
      if (!open.ended.aborted) await this.#consume(open, queue, inbox);
    } finally {
      // Before the channel closes: the running handler's message is to be acknowledged on it.
      await inbox.done;
      await open.close();
    }
    open.throwIfFailed();
  }

  /**
   * Resolves when nobody consumes the queue. Trying to consume would do as well, but each refusal costs the channel
   * and a line in the broker's log.
   */
  async #waitForTurn({ channel, ended }: OpenChannel<Channel>, queue: string): Promise<void> {
    for (let attempt = 1; !ended.aborted; attempt += 1) {
      const { consumerCount } = await channel.checkQueue(queue);
      if (consumerCount === 0) return;
      if (attempt === 1) this.#log.debug('another process consumes the queue, waiting for it to go');
      await pause(backoffMs(attempt, takeoverBackoff), ended);
    }
  }

  async #consume(open: OpenChannel<Channel>, queue: string, inbox: Inbox): Promise<void> {
    const onMessage = (message: ConsumeMessage | null): void => {
      if (message) inbox.add(message);
      else open.end(new QueueGone('the broker cancelled the consumer: its queue was deleted'));
    };
    const { consumerTag } = await open.channel.consume(queue, onMessage, { exclusive: this.#options.subscription.queue !== undefined });
    this.#log.info('consuming the queue');
    await aborted(open.ended);
    if (!open.closed) await open.answered(open.channel.cancel(consumerTag));
  }

  async #handle(open: OpenChannel<Channel>, message: ConsumeMessage, receiver: Receiver): Promise<void> {
    const done = await deliver(incoming(message), receiver, open.ended);
    if (!done || open.closed) return;
    try {
      open.channel.ack(message);
    } catch (error) {
      // The connection is closing: the broker delivers the message again.
      this.#log.debug({ err: error }, 'could not acknowledge a message');
    }
  }

  #receiver(model: ChannelModel): Receiver {
    const { publisher, topology, subscription } = this.#options;
    const queue = subscription.deadLetterQueue;
    const receiver = { handle: (message: IncomingMessage) => subscription.handle(message), log: this.#log };
    if (queue === undefined) return { ...receiver, deadLetter: undefined };
    const deadLetter: Receiver['deadLetter'] = async ({ routingKey, messageId, body }, reason) => {
      const headers = { 'x-reason': reason, 'x-routing-key': routingKey };
      const outcome = await publisher.send({ exchange: '', routingKey: queue, messageId, body, headers });
      if (outcome === 'routed') return;
      await topology.declareQueue(model, queue);
      throw new Error(`the dead letter queue ${queue} was missing`);
    };
    return { ...receiver, deadLetter };
  }
}

/** Handles messages in their order, one at a time. The prefetch bounds it. */
class Inbox {
  /** Resolves when all that was added has been handled. */
  done: Promise<void> = Promise.resolve();
  readonly #handle: (message: ConsumeMessage) => Promise<void>;

  constructor(handle: (message: ConsumeMessage) => Promise<void>) {
    this.#handle = handle;
  }

  add(message: ConsumeMessage): void {
    this.done = this.done.then(() => this.#handle(message));
  }
}

class QueueGone extends Error {
  override readonly name = 'QueueGone';
}

/** A lost connection is logged by the bus; that another process was faster is no error. */
function isWorthALine(error: unknown): boolean {
  return error instanceof QueueGone || (isRefusal(error) && !error.message.includes('in exclusive use'));
}

function incoming({ content, fields, properties }: ConsumeMessage): IncomingMessage {
  const messageId: unknown = properties.messageId;
  return {
    routingKey: fields.routingKey,
    messageId: typeof messageId === 'string' ? messageId : undefined,
    body: content,
    redelivered: fields.redelivered,
  };
}
