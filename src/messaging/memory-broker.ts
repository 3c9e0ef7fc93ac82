/**
 * The broker of the embedded mode: named queues in memory, bound by topic patterns.
 * Invariant: a published message is in all of its queues or in none, and leaves a queue only when its consumer is done with it.
 * Queues last as long as the broker; who consumes them, and for how long, is left to memory-bus.ts.
 */
import type { Logger } from '../runtime/logger.js';
import type { IncomingMessage } from './message-bus.js';
import { topicMatches } from './topic-pattern.js';

export interface StoredMessage extends IncomingMessage {
  /** Of a dead letter: why it could not be read. */
  reason?: string;
  /** On the clock of `performance.now()`. Undefined: never. */
  expiresAt?: number;
}

export interface MemoryBrokerOptions {
  log: Logger;
  /** Default 1,000. Messages that a queue holds; when it is full, publishing is refused, and dead letters push out the oldest. */
  maxQueueLength?: number;
}

export class MemoryBroker {
  readonly #queues = new Map<string, MemoryQueue>();
  readonly #log: Logger;
  readonly #maxQueueLength: number;

  constructor({ log, maxQueueLength = 1_000 }: MemoryBrokerOptions) {
    this.#log = log;
    this.#maxQueueLength = maxQueueLength;
  }

  has(name: string): boolean {
    return this.#queues.has(name);
  }

  /** The queue of this name, made when there is none. Idempotent. */
  queue(name: string): MemoryQueue {
    const queue = this.#queues.get(name) ?? new MemoryQueue();
    this.#queues.set(name, queue);
    return queue;
  }

  /** Forgets a queue with its messages; nothing happens when there is none. */
  delete(name: string): void {
    this.#queues.delete(name);
  }

  /** @throws Error when a queue is full; then no queue got the message. */
  publish(message: StoredMessage): 'routed' | 'unroutable' {
    return this.#route(message, [...this.#queues].filter(([, queue]) => queue.accepts(message.routingKey)));
  }

  /** As `publish`, to the queue that the routing key names. */
  sendToQueue(message: StoredMessage): 'routed' | 'unroutable' {
    return this.#route(message, [...this.#queues].filter(([name]) => name === message.routingKey));
  }

  deadLetter(name: string, message: StoredMessage): void {
    const queue = this.queue(name);
    const [oldest] = queue.messages;
    if (oldest && queue.messages.length >= this.#maxQueueLength) {
      queue.remove(oldest);
      this.#log.warn({ queue: name, messageId: oldest.messageId, reason: oldest.reason }, 'the dead letter queue is full, its oldest message is dropped');
    }
    queue.push(message);
  }

  #route(message: StoredMessage, queues: readonly [string, MemoryQueue][]): 'routed' | 'unroutable' {
    const full = queues.find(([, queue]) => !queue.hasRoom(this.#maxQueueLength));
    if (full) throw new Error(`the queue ${full[0]} is full: it holds ${this.#maxQueueLength} messages`);
    for (const [, queue] of queues) queue.push({ ...message });
    return queues.length > 0 ? 'routed' : 'unroutable';
  }
}

/** Resolves true when the message is done with, false when it is to stay because the consumer ends. Never rejects. */
export type MemoryConsumer = (message: StoredMessage) => Promise<boolean>;

/** Its messages go to one consumer, the one that came first; the others take over when it goes. */
export class MemoryQueue {
  readonly #patterns = new Set<string>();
  readonly #messages: StoredMessage[] = [];
  readonly #consumers: MemoryConsumer[] = [];
  /** Who has a message in hand; a consumer that left while handling does not hold up its successor. */
  #busy: MemoryConsumer | undefined;

  /** What waits, the message in hand included, oldest first. */
  get messages(): readonly StoredMessage[] {
    return this.#messages;
  }

  bind(pattern: string): void {
    this.#patterns.add(pattern);
  }

  accepts(routingKey: string): boolean {
    return [...this.#patterns].some((pattern) => topicMatches(pattern, routingKey));
  }

  /** Whether it holds fewer than `maxLength` messages; what has expired goes before anything is refused. */
  hasRoom(maxLength: number): boolean {
    if (this.#messages.length >= maxLength) this.#dropExpired();
    return this.#messages.length < maxLength;
  }

  push(message: StoredMessage): void {
    this.#messages.push(message);
    this.#deliverSoon();
  }

  remove(message: StoredMessage): void {
    const index = this.#messages.indexOf(message);
    if (index !== -1) this.#messages.splice(index, 1);
  }

  attach(consumer: MemoryConsumer): void {
    this.#consumers.push(consumer);
    this.#deliverSoon();
  }

  detach(consumer: MemoryConsumer): void {
    const index = this.#consumers.indexOf(consumer);
    if (index !== -1) this.#consumers.splice(index, 1);
    this.#deliverSoon();
  }

  /** Not within the call: a publisher goes on before the handlers run. */
  #deliverSoon(): void {
    setImmediate(() => void this.#deliver());
  }

  async #deliver(): Promise<void> {
    const [consumer] = this.#consumers;
    if (!consumer || this.#busy === consumer) return;
    this.#dropExpired();
    const [message] = this.#messages;
    if (!message) return;
    this.#busy = consumer;
    const delivered = { ...message };
    message.redelivered = true;
    const done = await consumer(delivered);
    if (this.#busy === consumer) this.#busy = undefined;
    // A message that stays is for the next consumer, once this one is detached.
    if (!done) return;
    this.remove(message);
    this.#deliverSoon();
  }

  /** A message in hand may be among them: whoever has it goes on. */
  #dropExpired(): void {
    const now = performance.now();
    for (const message of this.#messages.filter(({ expiresAt = Infinity }) => expiresAt <= now)) this.remove(message);
  }
}
