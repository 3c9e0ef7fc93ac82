/**
 * The events of a run, from their publishing until they are applied and seen.
 * Invariant: an event stands for the newest versions that its keys had when it was first published; whatever was loaded before is older than it.
 */
import type { MediaEventKind } from '../../src/contract/media-event.js';
import type { History } from './history.js';
import type { Key } from './keys.js';
import type { Meter } from './meter.js';
import type { VersionedOrigin } from './origin.js';
import type { Publisher } from './publisher.js';
import type { Random } from './random.js';

interface Pending {
  readonly id: string;
  readonly kind: MediaEventKind;
  readonly body: Buffer;
  readonly versions: readonly { readonly key: Key; readonly version: number; readonly watched: Watched }[];
  readonly publishedAt: number;
  readonly wasCalm: boolean;
}

/** How long after an event a read of its key counts as near it. */
export const nearMs = 50;
/** An event whose key nobody has read within this time says nothing of freshness. */
const lookedForMs = 250;
/** So long after an event was applied it is settled when older versions were seen for the last time. */
const settledMs = 1_000;
/** Of a key, the events whose freshness is measured at once. */
const watchedPerKey = 16;

/** An event that waits to be applied or, then, for the last read that still saw something older. */
interface Watched {
  readonly version: number;
  readonly publishedAt: number;
  readonly wasCalm: boolean;
  appliedAt: number;
  lookedFor: boolean;
  lastOlderAt: number;
}

export interface EventsOptions {
  history: History;
  meter: Meter;
  origin: VersionedOrigin;
  publisher: Publisher;
  random: Random;
}

export class Events {
  readonly #options: EventsOptions;
  readonly #pending = new Map<string, Pending>();
  readonly #lastAt = new Map<string, number>();
  /** By key, the oldest first. */
  readonly #watched = new Map<string, Watched[]>();
  readonly #recent: { key: Key; at: number }[] = [];
  appliedCount = 0;
  #numbers = 0;

  constructor(options: EventsOptions) {
    this.#options = options;
  }

  /** Announces the present versions of `keys`, all of one owner, and returns what it takes to publish the same event again. */
  publish(keys: readonly Key[], kind: MediaEventKind): () => void {
    const { origin, publisher, random, meter } = this.#options;
    this.#numbers += 1;
    const id = `event-${this.#numbers}`;
    const publishedAt = performance.now();
    const wasCalm = meter.isCalm;
    const versions = keys.map((key) => ({ key, version: origin.version(key), watched: this.#watch(key, { publishedAt, wasCalm }) }));
    const event: Pending = { id, kind, body: bodyOf(id, keys, random), versions, publishedAt, wasCalm };
    this.#pending.set(id, event);
    for (const key of keys) this.#touch(key, publishedAt);
    publisher.publish(event);
    return () => publisher.publish(event);
  }

  /** A gateway has acknowledged the event. */
  acknowledged(id: string): void {
    const event = this.#pending.get(id);
    if (!event) return;
    const { history, meter } = this.#options;
    const appliedAt = performance.now();
    this.#pending.delete(id);
    this.appliedCount += 1;
    meter.applied(appliedAt - event.publishedAt, event.wasCalm);
    for (const { key, version, watched } of event.versions) {
      watched.appliedAt = appliedAt;
      history.applied({ key: key.name, version, appliedAt });
      this.#touch(key, appliedAt);
    }
  }

  /** A read has seen `version`, of an empty answer the newest deletion that it can mean. */
  seen(key: Key, version: number, invokedAt: number): void {
    for (const watched of this.#watched.get(key.name) ?? []) {
      if (invokedAt < watched.publishedAt) continue;
      watched.lookedFor ||= invokedAt - watched.publishedAt < lookedForMs;
      if (version < watched.version) watched.lastOlderAt = Math.max(watched.lastOlderAt, invokedAt);
    }
  }

  /** Counts the events that are settled by now. To be called each second. */
  settle(): void {
    const since = performance.now() - settledMs;
    for (const [name, all] of this.#watched) {
      const open = all.filter(({ appliedAt }) => appliedAt > since);
      for (const { lookedFor, lastOlderAt, publishedAt, wasCalm, appliedAt } of all) {
        if (appliedAt <= since && lookedFor) this.#options.meter.fresh(lastOlderAt - publishedAt, wasCalm);
      }
      if (open.length > 0) this.#watched.set(name, open);
      else this.#watched.delete(name);
    }
  }

  /** Whether something happened to the key that a read invoked at `invokedAt`, and answered now, may have met. */
  isNear(key: Key, invokedAt: number): boolean {
    return (this.#lastAt.get(key.name) ?? -Infinity) >= invokedAt - nearMs;
  }

  /** Keys that had an event within the last 50 ms. */
  recentKeys(): Key[] {
    const since = performance.now() - nearMs;
    while ((this.#recent[0]?.at ?? Infinity) < since) this.#recent.shift();
    return this.#recent.map(({ key }) => key);
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Milliseconds that the oldest unapplied event has been waiting for; 0 without one. */
  get oldestMs(): number {
    const [oldest] = this.#pending.values();
    return oldest ? performance.now() - oldest.publishedAt : 0;
  }

  #watch(key: Key, published: Pick<Watched, 'publishedAt' | 'wasCalm'>): Watched {
    const { publishedAt } = published;
    const watched: Watched = { ...published, version: this.#options.origin.version(key), appliedAt: Infinity, lookedFor: false, lastOlderAt: publishedAt };
    this.#watched.set(key.name, [...(this.#watched.get(key.name) ?? []).slice(1 - watchedPerKey), watched]);
    return watched;
  }

  #touch(key: Key, at: number): void {
    this.#lastAt.set(key.name, at);
    this.#recent.push({ key, at });
  }
}

/** Ours and what foreign publishers send. One that concerns several collections names none. */
function bodyOf(id: string, keys: readonly Key[], random: Random): Buffer {
  const [key] = keys;
  if (!key) throw new Error('an event needs a key');
  const owner = { event_id: id, model_type: key.owner.modelType, model_id: key.owner.modelId };
  if (keys.length > 1) return Buffer.from(JSON.stringify(owner));
  const flat = JSON.stringify(random.chance(0.8) ? { ...owner, collection_name: key.collection } : { ...owner, collection: key.collection });
  return Buffer.from(random.chance(0.9) ? flat : JSON.stringify({ ownerId: owner.model_id, data: Buffer.from(flat).toString('base64') }));
}
