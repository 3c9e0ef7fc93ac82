/**
 * One process, as the store of a world knows it: its connection, and what is said on it, which is heard in that order, at any time.
 * A connection that is closed takes with it what was not heard.
 */
import type { StoreWatcher } from '../../../src/cache/cache-store.js';
import type { TimeLease } from '../../../src/cache/time-lease.js';
import type { Schedule } from './explorer.js';

export type Heard =
  | { readonly kind: 'invalidated'; readonly owner: string; readonly collection: string | undefined }
  | { readonly kind: 'purged' }
  /** To a question that was sent at `askedAt`. */
  | { readonly kind: 'answer'; readonly askedAt: number };

export class Client {
  readonly name: string;
  /** That it has copies, and hears announcements. */
  readonly local: boolean;
  readonly lease: TimeLease;
  readonly watchers: StoreWatcher[] = [];
  /** How far the store had changed when it last made this process wait; how often it had come back when it last was to confirm an invalidation. */
  readonly seen = { changes: 0, returns: 0 };
  /** In which term its connection was made. */
  term = 1;
  /** Number of its connection. */
  connection = 1;
  readonly #schedule: Schedule;
  #inbox: Heard[] = [];
  #hearing = false;

  constructor(name: string, { local, lease, schedule }: { local: boolean; lease: TimeLease; schedule: Schedule }) {
    this.name = name;
    this.local = local;
    this.lease = lease;
    this.#schedule = schedule;
    lease.answered(lease.asked());
  }

  disconnect(): void {
    this.connection += 1;
    this.#inbox = [];
    this.lease.end();
    for (const watcher of this.watchers) watcher.lost();
  }

  connect(term: number): void {
    this.connection += 1;
    this.term = term;
    this.lease.answered(this.lease.asked());
  }

  say(what: Heard): void {
    this.#inbox.push(what);
    if (!this.#hearing) this.#schedule.start(() => this.#hear());
  }

  async #hear(): Promise<void> {
    this.#hearing = true;
    while (this.#inbox.length > 0) {
      // oxlint-disable-next-line no-await-in-loop -- in the order in which it was said
      await this.#schedule.moment(`${this.name} hears`, () => this.#take(this.#inbox.shift()));
    }
    this.#hearing = false;
  }

  #take(heard: Heard | undefined): void {
    if (heard?.kind === 'answer') this.lease.answered(heard.askedAt);
    else if (heard?.kind === 'purged') for (const watcher of this.watchers) watcher.lost();
    else if (heard) for (const watcher of this.watchers) watcher.invalidated(heard.owner, heard.collection);
  }
}
