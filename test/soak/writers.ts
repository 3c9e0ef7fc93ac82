/**
 * Those who change media: a commit at the origin, then its event, in all the manners in which that happens:
 * alone, in bursts, deletions, two collections at once, published twice, in another order.
 * Invariant: every commit is followed by an event that is published after it.
 */
import { pause } from '../../src/runtime/backoff.js';
import type { MediaEventKind } from '../../src/contract/media-event.js';
import type { Events } from './events.js';
import type { Key, KeySpace, Owner } from './keys.js';
import type { VersionedOrigin } from './origin.js';
import type { Random } from './random.js';

export interface WriterOptions {
  keys: KeySpace;
  events: Events;
  origin: VersionedOrigin;
  random: Random;
  eventsPerSecond: number;
}

/** Events that are not applied yet; beyond it nothing is written, so that a slow machine, or a broker that is away, only makes the run slower. */
const maxWaiting = 400;
/** Events of one stroke of the writer, on average: of its manners below. */
const eventsPerStroke = 1.6;

export class Writer {
  readonly #options: WriterOptions;
  readonly #stopping = new AbortController();
  readonly #strokes = new Set<Promise<void>>();
  #running: Promise<void> | undefined;
  /** More than 1 while a fault wants a backlog. */
  speed = 1;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** Idempotent. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when each commit has its event published. Idempotent, never rejects. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await Promise.all(this.#strokes);
  }

  /** A gateway has deleted a file: the event comes some time later, as from an outbox. */
  announceDeletion(key: Key): void {
    this.#follow(this.#later(100).then(() => void this.#options.events.publish([key], 'deleted')));
  }

  /** Three events, of which each is published up to four times. */
  async duplicated(): Promise<void> {
    await Promise.all([1, 2, 3].map(() => this.#twice(this.#lively(), 4)));
  }

  /** Several commits of one key, whose events come in the opposite order. */
  async reordered(): Promise<void> {
    await Promise.all([1, 2, 3].map(() => this.#backwards(this.#lively(), 4)));
  }

  async #run(): Promise<void> {
    const { random, eventsPerSecond, events } = this.#options;
    // oxlint-disable-next-line no-await-in-loop
    while (await pause(random.exponential((1_000 * eventsPerStroke) / eventsPerSecond / this.speed), this.#stopping.signal)) {
      if (events.pendingCount < maxWaiting) this.#follow(this.#stroke());
    }
  }

  #follow(stroke: Promise<void>): void {
    this.#strokes.add(stroke);
    void stroke.then(() => this.#strokes.delete(stroke));
  }

  async #stroke(): Promise<void> {
    const { random, keys } = this.#options;
    const draw = random.next();
    if (draw < 0.36) this.#change(this.#lively());
    else if (draw < 0.52) this.#change(random.pick(random.pick(keys.byRole.busy).keys));
    else if (draw < 0.56) this.#change(random.pick(random.pick(keys.byRole.popular).keys));
    else if (draw < 0.6) this.#change(random.pick(random.pick(keys.byRole.tail).keys));
    else if (draw < 0.8) await this.#burst(this.#lively());
    else if (draw < 0.88) this.#both(random.pick(keys.byRole.lively));
    else if (draw < 0.94) await this.#twice(this.#lively(), 2);
    else await this.#backwards(this.#lively(), 2);
  }

  #change(key: Key): void {
    this.#options.events.publish([key], this.#commit(key));
  }

  /** So close that the later events meet the loads which the earlier ones have caused. */
  async #burst(key: Key): Promise<void> {
    const { random } = this.#options;
    for (let left = 2 + random.below(3); left > 0; left -= 1) {
      this.#change(key);
      // oxlint-disable-next-line no-await-in-loop
      await this.#later(random.between(2, 30));
    }
  }

  #both({ keys: [one, two] }: Owner): void {
    this.#commit(one);
    this.#options.events.publish([one, two], this.#commit(two));
  }

  async #twice(key: Key, times: number): Promise<void> {
    const again = this.#options.events.publish([key], this.#commit(key));
    for (let published = 1; published < times; published += 1) {
      // oxlint-disable-next-line no-await-in-loop
      await this.#later(40);
      again();
    }
  }

  async #backwards(key: Key, count: number): Promise<void> {
    const { events, random } = this.#options;
    const kinds: MediaEventKind[] = [];
    for (let left = count; left > 0; left -= 1) {
      kinds.unshift(this.#commit(key));
      // oxlint-disable-next-line no-await-in-loop
      await this.#later(random.between(1, 10));
    }
    for (const kind of kinds) {
      events.publish([key], kind);
      // oxlint-disable-next-line no-await-in-loop
      await this.#later(20);
    }
  }

  /** A deletion where there is something to delete, now and then. */
  #commit(key: Key): MediaEventKind {
    const { origin, random } = this.#options;
    const isDeletion = origin.hasMedia(key) && random.chance(0.2);
    origin.commit(key, isDeletion ? 'deletion' : 'upload');
    return isDeletion ? 'deleted' : 'uploaded';
  }

  #lively(): Key {
    const { random, keys } = this.#options;
    return random.pick(random.pick(keys.byRole.lively).keys);
  }

  /** Also when the writer stops: a commit without an event would be a lie. */
  async #later(upToMs: number): Promise<void> {
    await pause(this.#options.random.between(0, upToMs));
  }
}
