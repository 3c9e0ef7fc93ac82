/**
 * The contract of the outbox: events that were committed with the rows they tell of, until the broker has taken them.
 * Invariant: the events of one owner are numbered in the order of their transactions, and leave in that order.
 */
import { randomUUID } from 'node:crypto';
import { mediaEventKeys, type MediaEventBody, type MediaEventKind } from '../../contract/media-event.js';
import type { Media } from './media-store.js';

export interface NewOutboxEvent {
  eventId: string;
  routingKey: string;
  /** JSON text. */
  body: string;
  /** Whose order counts: equal for all events of one owner. */
  owner: string;
}

export interface OutboxEvent extends NewOutboxEvent {
  id: number;
  /** How often it was postponed. */
  attempts: number;
}

export interface Outbox {
  /** Runs `work` unless another process is running its own; false: another is, nothing was done. */
  exclusively(work: () => Promise<void>): Promise<boolean>;
  /**
   * Unpublished events of the owners that have one due at `now`, each owner's from its oldest on, owners with the fewest tries first.
   * A new event makes the postponed ones before it due as well, so that it never waits behind them for long.
   */
  due(now: Date, limit: number): Promise<OutboxEvent[]>;
  /** Idempotent. */
  markPublished(ids: readonly number[], now: Date): Promise<void>;
  /** Counts a try for the unpublished events that `owner` had at `asOf`, and makes them due at `until`. */
  postpone(owner: string, asOf: Date, until: Date): Promise<void>;
  /** How many events wait to be published, and for how long the oldest has. */
  backlog(now: Date): Promise<{ events: number; oldestMs: number }>;
  /** Forgets what was published before `before`. Idempotent. */
  prune(before: Date): Promise<void>;
}

/** The name of an owner in the outbox and in locks. */
export function ownerKey({ modelType, modelId }: Pick<Media, 'modelType' | 'modelId'>): string {
  return JSON.stringify([modelType, modelId]);
}

export function outboxEvent(kind: MediaEventKind, media: Media, occurredAt: string): NewOutboxEvent {
  const eventId = randomUUID();
  const body: MediaEventBody = {
    event_id: eventId,
    occurred_at: occurredAt,
    media_id: media.id,
    uuid: media.uuid,
    model_type: media.modelType,
    model_id: media.modelId,
    collection_name: media.collectionName,
    file_name: media.fileName,
    mime_type: media.mimeType,
    size: media.size,
  };
  return { eventId, routingKey: mediaEventKeys[kind], body: JSON.stringify(body), owner: ownerKey(media) };
}
