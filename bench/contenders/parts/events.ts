/** The events of the media service, for a peer: each process has a queue of its own, which ends with it. */
import { connect } from 'amqplib';
import { parseMediaEvent, type MediaEvent } from '../../../src/contract/media-event.js';
import { setting } from './process.js';

const exchange = 'media.events';

/** Calls `invalidate` for each change of media, and acknowledges it afterwards. Resolves once changes are heard. */
export async function onMediaChanged(invalidate: (event: MediaEvent) => unknown): Promise<void> {
  const channel = await (await connect(setting('RABBITMQ_ADDR'))).createChannel();
  await channel.assertExchange(exchange, 'topic', { durable: true });
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.bindQueue(queue, exchange, 'media.event.*');
  await channel.consume(queue, (message) => {
    if (message) void Promise.resolve(invalidate(parseMediaEvent(message.content))).then(() => channel.ack(message));
  });
}
