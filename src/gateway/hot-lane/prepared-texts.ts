/**
 * What was made of an object for a selection, as long as the object is kept by the cache that it comes from, and bounded with it: of each object
 * the last few, each about as long as the object's own text.
 */
const maxPerObject = 4;

interface Prepared<S, T> {
  readonly selection: S;
  readonly made: T;
}

export class PreparedTexts<S, T> {
  readonly #prepared = new WeakMap<object, Prepared<S, T>[]>();

  get(object: object, selection: S): T | undefined {
    const all = this.#prepared.get(object);
    if (!all) return undefined;
    for (const one of all) if (one.selection === selection) return one.made;
    return undefined;
  }

  /** `made`. */
  set(object: object, selection: S, made: T): T {
    const others = (this.#prepared.get(object) ?? []).filter((one) => one.selection !== selection);
    this.#prepared.set(object, [...others.slice(1 - maxPerObject), { selection, made }]);
    return made;
  }
}
