/** The bus of a program that runs apart, from its settings. */
import type { Logger } from '../runtime/logger.js';
import type { Settings } from '../runtime/settings.js';
import { createAmqpBus } from './amqp-bus.js';
import type { MessageBus } from './message-bus.js';

/** Undefined without `RABBITMQ_ADDR`: between processes there is no other way for an event to travel. */
export function connectBus(settings: Settings, log: Logger): MessageBus | undefined {
  const { RABBITMQ_ADDR: url, MEDIA_EVENTS_EXCHANGE: exchange } = settings;
  return url ? createAmqpBus({ url, exchange, log }) : undefined;
}
