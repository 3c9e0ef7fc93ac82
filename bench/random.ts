/** Chance that can be repeated: the same seed draws the same for every contender of a round. */

export type Random = () => number;

/** Numbers from 0 up to 1 (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A whole number from 0 up to, and without, `end`. */
export function below(end: number, random: Random): number {
  return Math.floor(random() * end);
}

/** `count` different whole numbers below `end`, at random. */
export function differentBelow(end: number, count: number, random: Random): number[] {
  const drawn = new Set<number>();
  while (drawn.size < count) drawn.add(below(end, random));
  return [...drawn];
}

/** One element; `elements` must not be empty. */
export function oneOf<T>(elements: readonly T[], random: Random): T {
  const element = elements[below(elements.length, random)];
  if (element === undefined) throw new Error('nothing to choose from');
  return element;
}

/** Draws ranks from 0 up to `count` with Zipf's law of exponent 1: rank r is drawn 1 / (r + 1) as often as rank 0. */
export function zipf(count: number, random: Random): () => number {
  const cumulated = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank += 1) {
    sum += 1 / (rank + 1);
    cumulated[rank] = sum;
  }
  return () => firstAbove(cumulated, random() * sum);
}

function firstAbove(sorted: Float64Array, wanted: number): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? Infinity) > wanted) high = middle;
    else low = middle + 1;
  }
  return low;
}
