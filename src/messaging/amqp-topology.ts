/**
 * The exchange, queues and bindings on the broker: durable, classic, without arguments. All declarations are idempotent.
 * Invariant: what already exists with other properties is used as it is, after an error in the log that names it.
 */
import type { Channel, ChannelModel } from 'amqplib';
import type { Logger } from '../runtime/logger.js';
import { isNotFound, isRefusal, openChannel } from './amqp-channel.js';
import type { Subscription } from './message-bus.js';

export class AmqpTopology {
  readonly exchange: string;
  readonly #log: Logger;
  /** Logged once each. */
  readonly #differing = new Set<string>();

  constructor(exchange: string, log: Logger) {
    this.exchange = exchange;
    this.#log = log;
  }

  /** @throws Error when the broker refuses it, or is lost. So do the other declarations. */
  async declareExchange(model: ChannelModel): Promise<void> {
    const { exchange } = this;
    await this.#declareOrUse(model, `exchange ${exchange}`, {
      declare: (channel) => channel.assertExchange(exchange, 'topic', { durable: true }),
      look: (channel) => channel.checkExchange(exchange),
    });
  }

  async declareQueue(model: ChannelModel, queue: string): Promise<void> {
    await this.#declareOrUse(model, `queue ${queue}`, {
      declare: (channel) => channel.assertQueue(queue, { durable: true }),
      look: (channel) => channel.checkQueue(queue),
    });
  }

  /** @throws Error when the broker does not tell. */
  async hasQueue(model: ChannelModel, queue: string): Promise<boolean> {
    try {
      await onChannel(model, (channel) => channel.checkQueue(queue));
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /** Declares all that a subscription needs, and returns the name of the queue to consume. */
  async declareSubscription(model: ChannelModel, { queue, routingKeys, deadLetterQueue }: Subscription): Promise<string> {
    await this.declareExchange(model);
    if (deadLetterQueue !== undefined) await this.declareQueue(model, deadLetterQueue);
    if (queue !== undefined) await this.declareQueue(model, queue);
    return onChannel(model, async (channel) => {
      const name = queue ?? (await channel.assertQueue('', { exclusive: true, autoDelete: true, durable: false })).queue;
      await Promise.all(routingKeys.map((pattern) => channel.bindQueue(name, this.exchange, pattern)));
      return name;
    });
  }

  /** A refused declaration costs its channel, so the second look takes another one. */
  async #declareOrUse(model: ChannelModel, what: string, { declare, look }: Record<'declare' | 'look', ChannelUse<unknown>>): Promise<void> {
    try {
      await onChannel(model, declare);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      await onChannel(model, look);
      if (!this.#differing.has(what)) this.#log.error({ err: error }, `cannot declare the ${what}, it is used as it is`);
      this.#differing.add(what);
    }
  }
}

type ChannelUse<T> = (channel: Channel) => Promise<T>;

async function onChannel<T>(model: ChannelModel, use: ChannelUse<T>): Promise<T> {
  const open = await openChannel(model.createChannel());
  try {
    return await use(open.channel);
  } finally {
    await open.close();
  }
}
