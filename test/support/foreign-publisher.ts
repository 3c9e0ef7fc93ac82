/** A publisher that knows nothing of us but the exchange: plain amqplib. */
import { connect } from 'amqplib';

/** Publishes to `media.events` and resolves once the broker has confirmed and routed it. @throws Error when no queue is bound. */
export async function publish(url: string, routingKey: string, body: unknown): Promise<void> {
  const connection = await connect(url);
  try {
    const channel = await connection.createConfirmChannel();
    let returned = false;
    channel.on('return', () => (returned = true));
    const content = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
    channel.publish('media.events', routingKey, content, { mandatory: true, persistent: true });
    await channel.waitForConfirms();
    if (returned) throw new Error(`no queue is bound for ${routingKey}`);
  } finally {
    await connection.close();
  }
}
