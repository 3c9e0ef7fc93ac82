/** Texts that are ready to be sent again, by the id of their model: bounded together, and all forgotten when they are too many or too long. */

/** What is held with a text is counted as so many characters. */
const overhead = 300;

export class ReadyTexts {
  readonly #maxCharacters: number;
  readonly #maps = new Set<Map<string, unknown>>();
  #characters = 0;

  /** Of all maps together. */
  constructor(maxCharacters: number) {
    this.#maxCharacters = maxCharacters;
  }

  /** Puts one into a map that holds nothing else. */
  put<T>(map: Map<string, T>, id: string, ready: T, length: number): void {
    // One that replaces another is counted as one more: they are forgotten sooner, never later.
    this.#characters += overhead + length;
    if (this.#characters > this.#maxCharacters) {
      this.#forget();
      this.#characters = overhead + length;
    }
    this.#maps.add(map.set(id, ready));
  }

  #forget(): void {
    for (const map of this.#maps) map.clear();
    // Those of operations that are gone are not to be held for ever.
    this.#maps.clear();
  }
}
