/**
 * How far the invalidations are behind, measured, and what may be believed meanwhile. Each second a numbered canary goes through each shared queue;
 * who consumes it there writes the number into the store. A gateway that sees its own canary in its own store knows: all events that were in
 * the queue before it have been applied there.
 * Invariant: entries are believed without a bound on their age only while such a proof is recent, and newer than the last time the store was lost.
 */
import { randomUUID } from 'node:crypto';
import type { CacheStore } from '../cache/cache-store.js';
import type { IncomingMessage, MessageBus } from '../messaging/message-bus.js';

export interface InvalidationLagOptions {
  bus: Pick<MessageBus, 'state' | 'sendToQueue'>;
  store: Pick<CacheStore, 'putMark' | 'getMark' | 'watch'>;
  /** The shared queues that events come through. */
  queues: readonly string[];
  /** Milliseconds that an entry may be old without a recent proof. */
  unprovenMaxAgeMs: number;
  /** Default `performance.now`. */
  now?: () => number;
}

/** How old a proof may be. Canaries are sent each second. */
const recentMs = 5_000;
const sendEveryMs = 1_000;
const lookEveryMs = 250;
/** After that nobody waits for it any more. */
const canaryExpiresMs = 2 * recentMs;

/** The id of the message says it all, so it has no body; nobody else's looks like it. */
const canaryId = /^canary:([0-9a-f-]{36}):(\d{1,15})$/;
const noBody = Buffer.alloc(0);

export class InvalidationLag {
  readonly #options: InvalidationLagOptions;
  readonly #now: () => number;
  readonly #sender = randomUUID();
  /** When the canaries that are under way were sent, by number. */
  readonly #sent = new Map<number, number>();
  /** Per queue, when the newest canary that has come through was sent. */
  readonly #proven = new Map<string, number>();
  readonly #timers: readonly NodeJS.Timeout[];
  #number = 0;
  #lostAt: number;
  #looking = false;

  constructor(options: InvalidationLagOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#lostAt = this.#now();
    options.store.watch({ invalidated: () => undefined, lost: () => (this.#lostAt = this.#now()) });
    this.#timers = [setInterval(() => void this.#send(), sendEveryMs), setInterval(() => void this.#look(), lookEveryMs)];
  }

  /**
   * Milliseconds since an entry may have been loaded to be served, its TTL aside. Without a recent proof, what was in the store before
   * it was last lost is not served at all: an event may have been held back meanwhile.
   */
  maxAgeMs(): number {
    const provenAt = this.#provenAt();
    const isProven = this.#options.bus.state !== 'connecting' && provenAt > this.#lostAt && this.#now() - provenAt < recentMs;
    return isProven ? Infinity : Math.min(this.#options.unprovenMaxAgeMs, this.#now() - this.#lostAt);
  }

  /** Age of the newest moment up to which all events are known to be applied; undefined until there is one. */
  seconds(): number | undefined {
    const provenAt = this.#provenAt();
    return provenAt === -Infinity ? undefined : (this.#now() - provenAt) / 1_000;
  }

  /** False when the message is no canary; else it has come through `queue`, whichever gateway sent it. @throws Error when the store did not confirm. */
  async landed(queue: string, { messageId }: IncomingMessage): Promise<boolean> {
    const [, sender, number] = canaryId.exec(messageId ?? '') ?? [];
    if (sender === undefined || number === undefined) return false;
    await this.#options.store.putMark(markName(queue, sender), number, canaryExpiresMs);
    return true;
  }

  /** Idempotent. */
  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #provenAt(): number {
    return Math.min(...this.#options.queues.map((queue) => this.#proven.get(queue) ?? -Infinity));
  }

  /** Never rejects: a canary that cannot be sent proves nothing, which is what it is for. */
  async #send(): Promise<void> {
    const number = (this.#number += 1);
    const sentAt = this.#now();
    this.#sent.set(number, sentAt);
    for (const [old, at] of this.#sent) if (sentAt - at > canaryExpiresMs) this.#sent.delete(old);
    const { bus, queues } = this.#options;
    await Promise.allSettled(queues.map((queue) => bus.sendToQueue({ queue, messageId: `canary:${this.#sender}:${number}`, body: noBody, expiresMs: canaryExpiresMs })));
  }

  /** Never rejects, as `getMark`. */
  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { store, queues } = this.#options;
    await Promise.all(
      queues.map(async (queue) => {
        const sentAt = this.#sent.get(Number(await store.getMark(markName(queue, this.#sender))));
        if (sentAt !== undefined) this.#proven.set(queue, sentAt);
      }),
    );
    this.#looking = false;
  }
}

function markName(queue: string, sender: string): string {
  return `canary:${queue}:${sender}`;
}
