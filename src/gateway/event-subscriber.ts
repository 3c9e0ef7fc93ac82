/**
 * Events in, invalidations out. Invariant: a message is acknowledged only after the cache has confirmed;
 * one that cannot be applied stays in its queue, one that cannot be read goes to the dead-letter queue.
 */
import { z } from 'zod';
import { mediaEventKeys, parseMediaEvent, type MediaEvent } from '../contract/media-event.js';
import { UnreadableMessage, type IncomingMessage, type MessageBus } from '../messaging/message-bus.js';
import type { Logger } from '../runtime/logger.js';
import type { Settings } from '../runtime/settings.js';
import { describeMedia, type MediaReader } from './media-reader.js';
import type { UserClient } from './user-client.js';

export interface MediaEventOptions {
  bus: MessageBus;
  reader: MediaReader;
  settings: Pick<Settings, 'EVENTS_QUEUE_PREFIX'>;
  log: Logger;
  /** Called after each event that was applied. */
  applied: (event: MediaEvent) => void;
}

/** One durable queue per kind of event, shared by all gateways: whoever holds it invalidates for all. */
export async function subscribeToMediaEvents({ bus, reader, settings, log, applied }: MediaEventOptions): Promise<void> {
  const prefix = `${settings.EVENTS_QUEUE_PREFIX}-media`;
  const handle = async (message: IncomingMessage): Promise<void> => {
    const event = readable(() => parseMediaEvent(message.body));
    await reader.invalidate(event.modelType, event.modelId, event.collectionName);
    log.debug({ eventId: event.eventId ?? message.messageId, modelType: event.modelType, modelId: event.modelId }, `Invalidated ${describeMedia(event.modelType, event.collectionName)} cache`);
    applied(event);
  };
  for (const [kind, routingKey] of Object.entries(mediaEventKeys)) {
    // oxlint-disable-next-line no-await-in-loop
    await bus.subscribe({ queue: `${prefix}-${kind}`, routingKeys: [routingKey], deadLetterQueue: `${prefix}-dead`, handle });
  }
}

const userId = z.union([z.string(), z.int()]);
const userEvent = z
  .object({ id: userId.optional(), user_id: userId.optional() })
  .transform(({ id, user_id }) => user_id ?? id)
  .pipe(userId.transform(String));

/** Each gateway has its own users in its process, so each hears of all of them; what it misses while disconnected ends by its short TTL. */
export async function subscribeToUserEvents(bus: MessageBus, users: UserClient): Promise<void> {
  await bus.subscribe({
    queue: undefined,
    routingKeys: ['user.event.updated', 'user.event.deleted'],
    deadLetterQueue: undefined,
    handle: ({ body }) => {
      users.forget(readable(() => userEvent.parse(JSON.parse(body.toString('utf8')))));
      return Promise.resolve();
    },
  });
}

function readable<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UnreadableMessage(error instanceof Error ? error.message : 'the message cannot be read', { cause: error });
  }
}
