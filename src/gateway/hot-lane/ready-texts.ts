/** Texts that are ready to be sent again, by the id of their model: bounded together, and all forgotten when they are too many. */
export class ReadyTexts {
  readonly #max: number;
  readonly #maps = new Set<Map<string, unknown>>();
  #count = 0;

  /** `max`: of all maps together. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Puts one into a map that holds nothing else. */
  put<T>(map: Map<string, T>, id: string, ready: T): void {
    if (this.#count >= this.#max) this.#forget();
    if (!map.has(id)) this.#count += 1;
    this.#maps.add(map.set(id, ready));
  }

  #forget(): void {
    for (const map of this.#maps) map.clear();
    // Those of operations that are gone are not to be held for ever.
    this.#maps.clear();
    this.#count = 0;
  }
}
