/**
 * Takes events from the outbox to the broker: at least once, the events of one owner in their order.
 * Invariant: an event counts as published only after the broker has confirmed it. One relay works at a time. What the broker cannot route is kept
 * and tried again ever more rarely; it holds up its own owner only. The commit hint is a hint: what it misses, the poll finds.
 */
import type { MessageBus } from '../messaging/message-bus.js';
import { backoffMs } from '../runtime/backoff.js';
import type { Logger } from '../runtime/logger.js';
import { Poller } from '../runtime/poller.js';
import type { Outbox, OutboxEvent } from './rows/outbox.js';

export interface OutboxRelayOptions {
  outbox: Outbox;
  bus: MessageBus;
  log: Logger;
  /** Default 1,000. Milliseconds between looks at the outbox without a hint. */
  pollMs?: number;
  /** Default 1,500. Milliseconds that `stop` goes on publishing what is due. */
  flushMs?: number;
}

const batchSize = 100;
/** Between two batches. The first event after a silence goes at once; of many, some go together, which spares the database most of the looks. */
const restMs = 20;
const eventBackoff = { firstMs: 1_000, maxMs: 15_000 };
const failureBackoff = { firstMs: 200, maxMs: 5_000 };

/** Published events are kept for a look back, then forgotten. */
const keptMs = 3_600_000;
const pruneEveryMs = 600_000;

/** `published`: there may be more; `idle`: nothing was due that could go. */
type Outcome = 'published' | 'idle';

export class OutboxRelay {
  readonly #options: Required<OutboxRelayOptions>;
  readonly #poller: Poller;
  #stopped: Promise<void> | undefined;
  #unroutableReported = false;
  #prunedAt = 0;

  constructor({ pollMs = 1_000, flushMs = 1_500, ...options }: OutboxRelayOptions) {
    this.#options = { ...options, pollMs, flushMs };
    this.#poller = new Poller({
      look: async () => (await this.#pass()) === 'published',
      pollMs,
      restMs,
      retry: failureBackoff,
      failed: (error, failures) => {
        if (failures === 1) options.log.warn({ err: error }, 'the outbox cannot be used, trying again');
      },
    });
  }

  /** A transaction has added events. */
  wake(): void {
    this.#poller.wake();
  }

  /** Publishes what is due, for a short time, then ends. Idempotent, never rejects. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#poller.stop().then(() => this.#flush()));
  }

  async #flush(): Promise<void> {
    const end = Date.now() + this.#options.flushMs;
    let outcome: Outcome = 'published';
    try {
      // oxlint-disable-next-line no-await-in-loop
      while (outcome === 'published' && Date.now() < end) outcome = await this.#pass();
    } catch (error) {
      this.#options.log.warn({ err: error }, 'events are left in the outbox until the next start');
    }
  }

  async #pass(): Promise<Outcome> {
    const { bus, outbox } = this.#options;
    // Without a broker every try would only wait for its deadline.
    if (bus.state !== 'connected') return 'idle';
    let outcome: Outcome = 'idle';
    await outbox.exclusively(async () => {
      const now = new Date();
      const events = await outbox.due(now, batchSize);
      const results = await Promise.all([...byOwner(events).values()].map((owned) => this.#publishInOrder(owned, now)));
      await outbox.markPublished(results.flat(), new Date());
      if (results.some((ids) => ids.length > 0)) outcome = 'published';
    });
    await this.#prune();
    return outcome;
  }

  /** The ids of those that the broker has taken; stops at the first that it has not, for the order's sake. */
  async #publishInOrder(events: readonly OutboxEvent[], now: Date): Promise<number[]> {
    const published: number[] = [];
    for (const event of events) {
      // oxlint-disable-next-line no-await-in-loop
      if (!(await this.#publish(event))) {
        // oxlint-disable-next-line no-await-in-loop
        await this.#postpone(event, now);
        break;
      }
      published.push(event.id);
    }
    return published;
  }

  async #publish({ routingKey, eventId, body }: OutboxEvent): Promise<boolean> {
    const { bus, log } = this.#options;
    try {
      const answer = await bus.publish({ routingKey, messageId: eventId, body: Buffer.from(body) });
      if (answer === 'unroutable' && !this.#unroutableReported) log.warn({ routingKey }, 'no queue is bound for an event; it is kept and tried again');
      this.#unroutableReported = answer === 'unroutable';
      return answer === 'routed';
    } catch (error) {
      log.debug({ err: error, eventId }, 'an event was not published, trying again');
      return false;
    }
  }

  /** A broker that went away is no fault of the event: it stays due. */
  async #postpone({ owner, attempts }: OutboxEvent, now: Date): Promise<void> {
    if (this.#options.bus.state !== 'connected') return;
    const until = new Date(Date.now() + backoffMs(attempts + 1, eventBackoff));
    await this.#options.outbox.postpone(owner, now, until);
  }

  async #prune(): Promise<void> {
    const now = Date.now();
    if (now - this.#prunedAt < pruneEveryMs) return;
    this.#prunedAt = now;
    await this.#options.outbox.prune(new Date(now - keptMs));
  }
}

function byOwner(events: readonly OutboxEvent[]): Map<string, OutboxEvent[]> {
  const owners = new Map<string, OutboxEvent[]>();
  for (const event of events) {
    const owned = owners.get(event.owner);
    if (owned) owned.push(event);
    else owners.set(event.owner, [event]);
  }
  return owners;
}
