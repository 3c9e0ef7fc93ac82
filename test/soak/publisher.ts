/**
 * The outbox of the soak's media service: events go to the broker until it has confirmed them.
 * Invariant: an event that was taken is routed to a queue at least once, however often the broker goes away meanwhile.
 */
import { connect, type ConfirmChannel } from 'amqplib';
import { once } from 'node:events';
import { mediaEventKeys, type MediaEventKind } from '../../src/contract/media-event.js';
import { pause } from '../../src/runtime/backoff.js';

export interface OutgoingEvent {
  /** The message id too, by which the tap knows it again. */
  readonly id: string;
  readonly kind: MediaEventKind;
  readonly body: Buffer;
}

const returnedPauseMs = 200;

export class Publisher {
  readonly #url: string;
  readonly #outbox = new Map<string, OutgoingEvent>();
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #channel: ConfirmChannel | undefined;
  /** Ids of events that came back: no queue is bound yet. */
  readonly #returned = new Set<unknown>();

  constructor(url: string) {
    this.#url = url;
    this.#running = this.#run();
  }

  /** Events that no broker has confirmed yet. */
  get size(): number {
    return this.#outbox.size;
  }

  publish(event: OutgoingEvent): void {
    this.#outbox.set(event.id, event);
    this.#send(event);
  }

  /** Idempotent, never rejects. What is unconfirmed is given up. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      // One connection after the other.
      // oxlint-disable-next-line no-await-in-loop
      await this.#connectAndStay().catch(() => undefined);
      this.#channel = undefined;
      // oxlint-disable-next-line no-await-in-loop
      await pause(100, this.#stopping.signal);
    }
  }

  async #connectAndStay(): Promise<void> {
    const url = new URL(this.#url);
    url.searchParams.set('heartbeat', '5');
    const model = await connect(url.href, { timeout: 2_000 });
    model.on('error', () => undefined);
    const closed = new Promise((resolve) => model.once('close', resolve));
    const channel = await model.createConfirmChannel();
    channel.on('error', () => undefined);
    // The broker sends the return before the confirm.
    const returned = this.#returned;
    returned.clear();
    channel.on('return', ({ properties }) => returned.add(properties.messageId));
    this.#channel = channel;
    for (const event of this.#outbox.values()) this.#send(event);
    if (!this.#stopping.signal.aborted) await Promise.race([closed, once(this.#stopping.signal, 'abort')]);
    if (this.#stopping.signal.aborted) await Promise.race([model.close().catch(() => undefined), closed]);
  }

  #send(event: OutgoingEvent): void {
    const { id, kind, body } = event;
    const channel = this.#channel;
    if (!channel) return;
    const confirmed = (error: unknown): void => {
      if (error) return;
      if (this.#returned.delete(event.id)) void this.#sendLater(event);
      else this.#outbox.delete(event.id);
    };
    try {
      channel.publish('media.events', mediaEventKeys[kind], body, { mandatory: true, persistent: true, messageId: id }, confirmed);
    } catch {
      // The channel is closing: the next one sends it.
    }
  }

  async #sendLater(event: OutgoingEvent): Promise<void> {
    if (await pause(returnedPauseMs, this.#stopping.signal)) this.#send(event);
  }
}
