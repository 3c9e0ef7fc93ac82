/** Notes what must not be unlearned, and looks at what was read. */
import type { EntryKey } from '../../../src/cache/cache-store.js';

/** The oldest version that may be read: from the store, and from a copy. */
export interface Expected {
  readonly atOnce: number;
  readonly withinDelta: number;
}

interface Known {
  readonly version: number;
  readonly at: number;
}

export interface ClerkOptions {
  now: () => number;
  coherenceMs: number;
}

export class Clerk {
  readonly #options: ClerkOptions;
  /** What every later read must know: the events that have been applied. */
  readonly #applied: Known[] = [{ version: 1, at: -Infinity }];
  /** The events that could not be applied yet. */
  readonly #held = new Set<number>();
  #lagIsKnown = false;

  constructor(options: ClerkOptions) {
    this.#options = options;
  }

  /** From now on the processes know while an event is held back. */
  lagIsKnown(): void {
    this.#lagIsKnown = true;
  }

  /** Whether the processes know that an event is held back. */
  get isLagging(): boolean {
    return this.#lagIsKnown && this.#held.size > 0;
  }

  hold(version: number): void {
    this.#held.add(version);
  }

  apply(version: number): void {
    this.#held.delete(version);
    this.#applied.push({ version, at: this.#options.now() });
  }

  /** Of a read that is asked for now, by a reader who has seen that version. */
  expected(seen: number): Expected {
    const { now, coherenceMs } = this.#options;
    const heardBefore = now() - coherenceMs;
    return {
      atOnce: Math.max(seen, ...this.#applied.map(({ version }) => version), ...(this.#lagIsKnown ? this.#held : [])),
      withinDelta: Math.max(seen, ...this.#applied.filter(({ at }) => at <= heardBefore).map(({ version }) => version)),
    };
  }
}

/** @throws Error when the version is older than the oldest that may be read, or none at all. */
export function checkVersion(name: string, version: unknown, oldest: number): asserts version is number {
  if (typeof version !== 'number') throw new Error(`${name} got ${String(version)}`);
  if (version < oldest) throw new Error(`${name} read version ${version} after version ${oldest} was known`);
}

/** 'all': of all collections together. */
export type Collection = 'avatars' | 'all';

export const owner = 'User:1';

export function keyOf(collection: Collection): EntryKey {
  return { owner, collection: collection === 'all' ? '' : collection };
}
