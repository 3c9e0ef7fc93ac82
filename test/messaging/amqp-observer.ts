/** RabbitMQ as another program sees it, for what the bus does not show: attributes, headers, consumers. Also the bus's own log. */
import { connect } from 'amqplib';
import { pino } from 'pino';
import { describeError } from '../../src/runtime/logger.js';
import type { Channel } from 'amqplib';
import type { Logger } from '../../src/runtime/logger.js';
import type { DeadLetter } from '../conformance/message-bus.js';

/** Runs `use` with a channel of a foreign program. A refusal of the broker rejects. */
export async function asOtherProgram<T>(url: string, use: (channel: Channel) => Promise<T>): Promise<T> {
  const model = await connect(url);
  model.on('error', () => {});
  try {
    const channel = await model.createChannel();
    channel.on('error', () => {});
    const result = await use(channel);
    // Sends what is still buffered; closing the connection would overtake it.
    await channel.close();
    return result;
  } finally {
    await model.close();
  }
}

/** Takes the dead letters out of their queue. */
export function takeDeadLetters(url: string, queue: string): Promise<DeadLetter[]> {
  return asOtherProgram(url, async (channel) => {
    const letters: DeadLetter[] = [];
    for (let next = await channel.get(queue, { noAck: true }); next; next = await channel.get(queue, { noAck: true })) {
      const { headers, messageId } = next.properties;
      letters.push({ reason: headers?.['x-reason'], routingKey: headers?.['x-routing-key'], messageId, body: next.content.toString() });
    }
    return letters;
  });
}

export class LogRecorder {
  readonly log: Logger;
  readonly #lines: string[] = [];

  constructor() {
    this.log = pino({ level: 'trace', base: null, formatters: { level: (level) => ({ level }) }, serializers: { err: describeError } }, {
      write: (line: string) => this.#lines.push(line),
    });
  }

  /** All that was logged, as text. */
  get text(): string {
    return this.#lines.join('');
  }

  /** The lines at `level` that contain `text`. */
  lines(level: 'debug' | 'info' | 'warn' | 'error', text = ''): string[] {
    return this.#lines.filter((line) => line.includes(`"level":"${level}"`) && line.includes(text));
  }
}
