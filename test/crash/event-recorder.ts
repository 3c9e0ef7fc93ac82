/**
 * Every event that the broker was given, in the order in which it was given them: a durable queue, and a consumer of it.
 * Invariant: what was published after `keepEvents` is recorded once for each time it was published.
 */
import { connect, type ChannelModel } from 'amqplib';
import { z } from 'zod';
import { mediaEventKeys } from '../../src/contract/media-event.js';

const body = z.object({
  event_id: z.string(),
  media_id: z.string(),
  model_type: z.string(),
  model_id: z.string(),
  collection_name: z.string(),
  file_name: z.string(),
});

export type EventKind = keyof typeof mediaEventKeys;

export interface RecordedEvent extends z.infer<typeof body> {
  kind: EventKind;
}

const kindOf = new Map<string, EventKind>([
  [mediaEventKeys.uploaded, 'uploaded'],
  [mediaEventKeys.deleted, 'deleted'],
  [mediaEventKeys.updated, 'updated'],
]);

const exchange = 'media.events';
const queue = 'proof';

/** Makes the durable queue that keeps every event from now on; idempotent. */
export async function keepEvents(url: string): Promise<void> {
  const model = await connect(url);
  try {
    const channel = await model.createChannel();
    await channel.assertExchange(exchange, 'topic', { durable: true });
    await channel.assertQueue(queue, { durable: true });
    await channel.bindQueue(queue, exchange, 'media.event.*');
  } finally {
    await model.close();
  }
}

export class EventRecorder {
  readonly events: RecordedEvent[] = [];
  readonly #model: ChannelModel;
  #lastAt = performance.now();

  private constructor(model: ChannelModel) {
    this.#model = model;
  }

  /** Records what the queue has kept, and what comes; resolves once no event can be missed. It does not outlive its connection. */
  static async start(url: string): Promise<EventRecorder> {
    await keepEvents(url);
    const model = await connect(url);
    model.on('error', () => {});
    const recorder = new EventRecorder(model);
    const channel = await model.createChannel();
    channel.on('error', () => {});
    await channel.consume(queue, (message) => {
      if (!message) return;
      recorder.#record(message.fields.routingKey, message.content);
      channel.ack(message);
    });
    return recorder;
  }

  /** Whether no event has come for a second. */
  isQuiet(): boolean {
    return performance.now() - this.#lastAt > 1_000;
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    await this.#model.close().catch(() => undefined);
  }

  #record(routingKey: string, content: Buffer): void {
    this.#lastAt = performance.now();
    const kind = kindOf.get(routingKey);
    if (!kind) throw new Error(`an event with the routing key ${routingKey}`);
    this.events.push({ kind, ...body.parse(JSON.parse(content.toString())) });
  }
}
