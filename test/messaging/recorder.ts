/** A subscriber that keeps what it gets, and the means to wait for that. */
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../support/wait.js';
import type { IncomingMessage, MessageBus, Subscription } from '../../src/messaging/message-bus.js';

type Handle = (message: IncomingMessage) => Promise<void>;

/** Records each message when its handling begins. */
export class Recorder {
  readonly messages: IncomingMessage[] = [];
  /** The most handlers that ran at the same time. */
  maxConcurrency = 0;
  #running = 0;
  readonly #handle: Handle;

  constructor(handle: Handle = async () => {}) {
    this.#handle = handle;
  }

  get ids(): (string | undefined)[] {
    return this.messages.map(({ messageId }) => messageId);
  }

  readonly handle: Handle = async (message) => {
    this.messages.push(message);
    this.#running += 1;
    this.maxConcurrency = Math.max(this.maxConcurrency, this.#running);
    try {
      await this.#handle(message);
    } finally {
      this.#running -= 1;
    }
  };

  /** Resolves with all messages once there are at least `count`. */
  async received(count: number): Promise<readonly IncomingMessage[]> {
    await waitFor(() => this.messages.length >= count, { what: `${count} messages` });
    return this.messages;
  }
}

/** Opens once. */
export class Gate {
  open: () => void = () => {};
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}

const probePrefix = 'probe-of-a-test.';

/**
 * Subscribes on one exchange, and knows when that has taken effect: it binds a key of its own to the queue and publishes to it
 * until whoever consumes the queue has got it. The subscription's handler sees none of these.
 */
export class Subscriber {
  readonly #arrived = new Set<string>();
  #count = 0;

  /** @throws Error when the queue is not consumed in time. */
  async subscribe(bus: MessageBus, subscription: Partial<Subscription> & { handle: Handle }): Promise<void> {
    const queue = subscription.queue ?? `private ${this.#count}`;
    const probe = `${probePrefix}${(this.#count += 1)}`;
    const { routingKeys = ['media.#'] } = subscription;
    await bus.subscribe({
      ...subscription,
      queue: subscription.queue,
      deadLetterQueue: subscription.deadLetterQueue,
      routingKeys: [...routingKeys, probe],
      handle: async (message) => {
        if (message.routingKey.startsWith(probePrefix)) this.#arrived.add(`${queue} ${message.routingKey}`);
        else await subscription.handle(message);
      },
    });
    const arrived = async (): Promise<boolean> => {
      await bus.publish({ routingKey: probe, messageId: 'probe', body: Buffer.of() });
      await sleep(5);
      return this.#arrived.has(`${queue} ${probe}`);
    };
    await waitFor(arrived, { what: `the queue ${queue} to be consumed` });
  }
}
