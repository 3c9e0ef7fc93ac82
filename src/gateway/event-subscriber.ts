/**
 * Events in, invalidations out. Invariant: a message is acknowledged only after the cache has confirmed;
 * one that cannot be applied stays in its queue, one that cannot be read goes to the dead-letter queue.
 */
import { z } from 'zod';
import { mediaEventKeys, parseMediaEvent, type MediaEvent } from '../contract/media-event.js';
import { UnreadableMessage, type IncomingMessage, type MessageBus } from '../messaging/message-bus.js';
import type { Logger } from '../runtime/logger.js';
import type { Settings } from '../runtime/settings.js';
import type { InvalidationLag } from './invalidation-lag.js';
import { describeMedia, type MediaReader } from './media-reader.js';
import type { UserClient } from './user-client.js';

export interface MediaEventOptions {
  bus: MessageBus;
  reader: MediaReader;
  lag: InvalidationLag;
  settings: Pick<Settings, 'EVENTS_QUEUE_PREFIX'>;
  log: Logger;
  /** Called after each event that was applied. */
  applied: (event: MediaEvent) => void;
}

/** One durable queue per kind of event, shared by all gateways: whoever holds it invalidates for all. */
export function mediaEventQueues({ EVENTS_QUEUE_PREFIX }: Pick<Settings, 'EVENTS_QUEUE_PREFIX'>): { queue: string; routingKey: string }[] {
  return Object.entries(mediaEventKeys).map(([kind, routingKey]) => ({ queue: `${EVENTS_QUEUE_PREFIX}-media-${kind}`, routingKey }));
}

export async function subscribeToMediaEvents({ bus, reader, lag, settings, log, applied }: MediaEventOptions): Promise<void> {
  const apply = async (message: IncomingMessage): Promise<void> => {
    const event = readable(() => parseMediaEvent(message.body));
    const eventId = event.eventId ?? message.messageId;
    await reader.invalidate(event, { eventId });
    log.debug({ eventId, modelType: event.modelType, modelId: event.modelId }, `Invalidated ${describeMedia(event.modelType, event.collectionName)} cache`);
    applied(event);
  };
  for (const { queue, routingKey } of mediaEventQueues(settings)) {
    // oxlint-disable-next-line no-await-in-loop
    await bus.subscribe({
      queue,
      routingKeys: [routingKey],
      deadLetterQueue: `${settings.EVENTS_QUEUE_PREFIX}-media-dead`,
      onMissing: async () => {
        const entries = await reader.purge();
        if (entries > 0) log.warn({ queue, owners: entries }, 'the queue was missing, its events may be lost: the cache was emptied');
      },
      handle: async (message) => {
        if (!(await lag.landed(queue, message))) await apply(message);
      },
    });
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
