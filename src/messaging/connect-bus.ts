/** The bus of a program that runs apart, from its settings. */
import type { Logger } from '../runtime/logger.js';
import type { Settings } from '../runtime/settings.js';
import type { MessageBus } from './message-bus.js';

/** Undefined without `RABBITMQ_ADDR`: between processes there is no other way for an event to travel. */
export async function connectBus(settings: Settings, log: Logger): Promise<MessageBus | undefined> {
  const { RABBITMQ_ADDR: url, MEDIA_EVENTS_EXCHANGE: exchange } = settings;
  if (!url) return undefined;
  // Loaded by those who use it only.
  const { createAmqpBus } = await import('./amqp-bus.js');
  return createAmqpBus({ url, exchange, log });
}
