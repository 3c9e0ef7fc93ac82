/** A bus that writes down what it is given, and answers as the test wants it to. */
import type { BusState, MessageBus, OutgoingMessage } from '../../src/messaging/message-bus.js';
import { parseMediaEvent } from '../../src/contract/media-event.js';

export type Answer = 'routed' | 'unroutable' | 'rejected';

export class RecordingBus implements MessageBus {
  state: BusState = 'connected';
  /** What it took, in order. */
  readonly taken: OutgoingMessage[] = [];
  /** What it was asked to take, whatever came of it. */
  readonly asked: OutgoingMessage[] = [];
  answer: (message: OutgoingMessage) => Answer = () => 'routed';

  async publish(message: OutgoingMessage): Promise<'routed' | 'unroutable'> {
    await Promise.resolve();
    this.asked.push(message);
    const answer = this.answer(message);
    if (answer === 'rejected') throw new Error('the broker is out of reach');
    if (answer === 'routed') this.taken.push(message);
    return answer;
  }

  /** The media service sends to no queue. */
  sendToQueue(): Promise<'unroutable'> {
    return Promise.resolve('unroutable');
  }

  subscribe(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.state = 'stopped';
    return Promise.resolve();
  }

  /** `kind owner` of what it took, in order. */
  get events(): string[] {
    return this.taken.map(({ routingKey, body }) => `${routingKey.replace('media.event.', '')} ${parseMediaEvent(body).modelId}`);
  }
}
