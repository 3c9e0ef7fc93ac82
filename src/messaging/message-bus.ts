/**
 * The contract of the event bus: a durable topic exchange with named queues.
 * Implementations: RabbitMQ (amqp-bus.ts) and in the process (memory-bus.ts); one conformance suite runs on both.
 * The bus knows no media: bodies are bytes.
 */

export interface OutgoingMessage {
  routingKey: string;
  /** Identifies the message to consumers; a message that is published again keeps it. */
  messageId: string;
  body: Buffer;
}

/** For one queue, whatever its bindings. */
export interface QueueMessage {
  queue: string;
  messageId: string;
  body: Buffer;
  /**
   * Whole milliseconds. The queue drops the message, without a dead letter, when its turn comes later than that;
   * what the broker has sent to the consumer already is handled however late.
   */
  expiresMs: number;
}

export interface IncomingMessage {
  /** Of a message that was sent to the queue itself: the queue's name. */
  routingKey: string;
  messageId: string | undefined;
  body: Buffer;
  /** True when the broker may have delivered it before. */
  redelivered: boolean;
}

/** Thrown by a handler that will never be able to read a message: it is dead-lettered with the reason, and the queue goes on. */
export class UnreadableMessage extends Error {
  override readonly name = 'UnreadableMessage';
}

export interface Subscription {
  /** Durable and shared with the other processes that name it; undefined: a private queue that ends with the connection. */
  queue: string | undefined;
  /** Topic patterns, as in AMQP. */
  routingKeys: readonly string[];
  /**
   * Durable queue that gets what cannot be read, with the reason in the header `x-reason` and the key in `x-routing-key`;
   * undefined: it is dropped with a log line.
   */
  deadLetterQueue: string | undefined;
  /**
   * Called, before anything is consumed, when the durable queue did not exist and was made: what was published before is not in it, what is
   * published from now on is. Until it resolves this subscription consumes nothing; when it rejects it is called again with backoff, after a
   * reconnect too. Idempotent: it may be called more than once for one loss, and by several processes.
   * Not noticed: lost bindings or messages of a queue that is there, and a queue that another process has made again since the last look
   * (that one is called; should it die before its call resolves, nobody is).
   */
  onMissing?: () => Promise<void>;
  /**
   * Called at least once per message, one at a time per subscription. The message is acknowledged after it resolves. When it rejects with
   * UnreadableMessage the message is dead-lettered; with anything else the message is kept, and handled again with backoff: never lost, never spun on.
   */
  handle(message: IncomingMessage): Promise<void>;
}

/** `connecting`: the broker is out of reach, the bus goes on trying. */
export type BusState = 'connected' | 'connecting' | 'stopped';

export interface MessageBus {
  readonly state: BusState;
  /**
   * Resolves once the broker has taken responsibility: `routed`, or `unroutable` when no queue is bound for the key (the broker kept nothing).
   * Rejects within its deadline when the broker is out of reach or does not confirm; then the message may or may not have been taken.
   */
  publish(message: OutgoingMessage): Promise<'routed' | 'unroutable'>;
  /**
   * As `publish`, but straight to the queue of that name and past the exchange; `unroutable`: there is no such queue.
   * The message need not survive a restart of the broker.
   */
  sendToQueue(message: QueueMessage): Promise<'routed' | 'unroutable'>;
  /**
   * Declares queue and bindings and consumes, now or as soon as the broker is there, and again after every reconnect.
   * Resolves at once, also while the broker is out of reach. A shared queue has one active consumer; the others take over when it goes.
   */
  subscribe(subscription: Subscription): Promise<void>;
  /** Lets the running handlers finish, then disconnects. Idempotent, never rejects. */
  stop(): Promise<void>;
}
