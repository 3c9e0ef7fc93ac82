/**
 * What was the newest version by a given time, of facts that may become known late.
 * Invariant: both times and versions rise from entry to entry; at most `maxEntries` are kept, the newest ones.
 */
export class Timeline {
  readonly #maxEntries: number;
  readonly #times: number[] = [];
  readonly #versions: number[] = [];
  #hasForgotten = false;

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#times.length;
  }

  get newest(): number {
    return this.#versions.at(-1) ?? 0;
  }

  /** From `time` on, `version` is the least. A fact that says nothing new is dropped. */
  add(time: number, version: number): void {
    const index = this.#countUntil((at) => at <= time);
    if ((this.#versions[index - 1] ?? 0) >= version) return;
    let outdone = 0;
    while ((this.#versions[index + outdone] ?? Infinity) <= version) outdone += 1;
    this.#times.splice(index, outdone, time);
    this.#versions.splice(index, outdone, version);
    if (this.#times.length <= this.#maxEntries) return;
    this.#times.shift();
    this.#versions.shift();
    this.#hasForgotten = true;
  }

  /** A version that was there before `time`, the newest that is known of; 0 without one. */
  atLeastBefore(time: number): number {
    return this.#versions[this.#countUntil((at) => at < time) - 1] ?? 0;
  }

  /** No newer version than this was there by `time`. */
  atMostBy(time: number): number {
    const unknown = this.#hasForgotten ? (this.#versions[0] ?? 1) - 1 : 0;
    return this.#versions[this.#countUntil((at) => at <= time) - 1] ?? unknown;
  }

  /** When a version newer than `version` was there first; undefined when none was. */
  outdatedAt(version: number): number | undefined {
    return this.#times[this.#versions.findIndex((newer) => newer > version)];
  }

  /** Recent times are asked for, so it looks from the end. */
  #countUntil(holds: (time: number) => boolean): number {
    let count = this.#times.length;
    while (count > 0 && !holds(this.#times[count - 1] ?? 0)) count -= 1;
    return count;
  }
}
