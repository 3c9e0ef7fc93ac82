/**
 * The bus of the embedded mode, on a broker in this process.
 * Invariant: after `stop` no handler of this bus is called; what it had not handled stays in the shared queues of the broker.
 */
import { randomUUID } from 'node:crypto';
import { endsWithin } from '../runtime/deadline.js';
import type { Logger } from '../runtime/logger.js';
import { deliver, tellMissing, type Receiver } from './delivery.js';
import { MemoryBroker, type MemoryConsumer } from './memory-broker.js';
import type { BusState, MessageBus, OutgoingMessage, QueueMessage, Subscription } from './message-bus.js';

export interface MemoryBusOptions {
  log: Logger;
  /** Default a broker of its own. Buses on one broker share its queues, as processes share RabbitMQ. */
  broker?: MemoryBroker;
  /** Default 5,000. Milliseconds that `stop` waits for running handlers. */
  stopDeadlineMs?: number;
}

export function createMemoryBus(options: MemoryBusOptions): MessageBus {
  return new MemoryBus(options);
}

class MemoryBus implements MessageBus {
  readonly #log: Logger;
  readonly #broker: MemoryBroker;
  readonly #stopDeadlineMs: number;
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<boolean>>();
  /** Each ends one subscription. */
  readonly #detach: (() => void)[] = [];
  #stopped: Promise<void> | undefined;

  constructor({ log, broker = new MemoryBroker({ log }), stopDeadlineMs = 5_000 }: MemoryBusOptions) {
    this.#log = log;
    this.#broker = broker;
    this.#stopDeadlineMs = stopDeadlineMs;
  }

  get state(): BusState {
    return this.#stopping.signal.aborted ? 'stopped' : 'connected';
  }

  async publish({ routingKey, messageId, body }: OutgoingMessage): Promise<'routed' | 'unroutable'> {
    this.#refuseWhenStopped();
    return this.#broker.publish({ routingKey, messageId, body: Buffer.from(body), redelivered: false });
  }

  async sendToQueue({ queue, messageId, body, expiresMs }: QueueMessage): Promise<'routed' | 'unroutable'> {
    this.#refuseWhenStopped();
    const expiresAt = performance.now() + expiresMs;
    return this.#broker.sendToQueue({ routingKey: queue, messageId, body: Buffer.from(body), redelivered: false, expiresAt });
  }

  async subscribe(subscription: Subscription): Promise<void> {
    this.#refuseWhenStopped();
    const name = subscription.queue ?? `private-${randomUUID()}`;
    const receiver: Receiver = {
      handle: (message) => subscription.handle(message),
      deadLetter: this.#deadLetterTo(subscription.deadLetterQueue),
      log: this.#log.child({ queue: subscription.queue ?? 'private' }),
    };
    const missing = subscription.queue !== undefined && !this.#broker.has(name);
    const queue = this.#broker.queue(name);
    for (const pattern of subscription.routingKeys) queue.bind(pattern);
    const ended = this.#stopping.signal;
    const told = missing ? this.#track(tellMissing(subscription, { log: receiver.log, ended })) : Promise.resolve(true);
    const consumer: MemoryConsumer = (message) => this.#track(told.then(() => deliver(message, receiver, ended)));
    queue.attach(consumer);
    this.#detach.push(() => {
      queue.detach(consumer);
      if (subscription.queue === undefined) this.#broker.delete(name);
    });
  }

  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    if (!(await endsWithin(this.#stopDeadlineMs, Promise.all(this.#running)))) this.#log.warn('a message handler does not end, going on');
    for (const detach of this.#detach) detach();
  }

  #deadLetterTo(queue: string | undefined): Receiver['deadLetter'] {
    if (queue === undefined) return undefined;
    this.#broker.queue(queue);
    return async (message, reason) => this.#broker.deadLetter(queue, { ...message, reason });
  }

  #track(work: Promise<boolean>): Promise<boolean> {
    this.#running.add(work);
    return work.finally(() => this.#running.delete(work));
  }

  #refuseWhenStopped(): void {
    if (this.#stopping.signal.aborted) throw new Error('the event bus is stopped');
  }
}
