/**
 * Processes of a world that answer on one address: each hears of a write at any time, as over a channel, and its client is answered when all have.
 * Or none hears anything, and the client is answered when δ has passed.
 */
import type { SiblingListener, Siblings, Write } from '../../../src/cache/siblings.js';
import type { Schedule } from './explorer.js';
import type { SharedStore } from './shared-store.js';

export class Family {
  /** That nobody hears what the others tell. */
  isDeaf = false;
  readonly #schedule: Schedule;
  readonly #store: Pick<SharedStore, 'now' | 'coherenceMs'>;
  readonly #listeners = new Map<string, SiblingListener>();

  constructor(schedule: Schedule, store: Pick<SharedStore, 'now' | 'coherenceMs'>) {
    this.#schedule = schedule;
    this.#store = store;
  }

  /** `isLate`: it starts at any time, and answers nothing before that. */
  member(name: string, { isLate = false } = {}): Siblings {
    return {
      listen: (listener) => {
        if (isLate) this.#schedule.start(() => this.#begin(name, listener));
        else this.#listeners.set(name, listener);
      },
      tell: (write) => (this.isDeaf && write.isConfirmed ? this.#wait(name) : this.#tell(name, write)),
    };
  }

  async #begin(name: string, listener: SiblingListener): Promise<void> {
    const others = await this.#schedule.moment(`${name} joins`, () => {
      const before = [...this.#listeners];
      this.#listeners.set(name, listener);
      return before;
    });
    await Promise.all(others.map(async ([other, asked]) => listener.hold(await this.#schedule.call(`${name} asks ${other} what it holds`, () => asked.held()))));
    await this.#schedule.moment(`${name} is ready`, () => undefined);
  }

  async #tell(name: string, write: Write): Promise<void> {
    const others = [...this.#listeners].filter(([other]) => other !== name);
    await Promise.all(others.map(([other, listener]) => this.#schedule.moment(`${other} is told`, () => listener.wrote(write))));
  }

  async #wait(name: string): Promise<void> {
    const since = this.#store.now;
    await this.#schedule.moment(`${name} has waited`, () => undefined, () => this.#store.now - since >= this.#store.coherenceMs);
  }
}
