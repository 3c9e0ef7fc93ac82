/**
 * Where things are, by a hash of 32 bits with a sign: eight places per bucket, and a bucket is a cache line.
 * Invariant: bounded, whoever chooses the hashes. Where a bucket is full, one of its places is given up for another.
 */

const perBucket = 8;
/** A hash and a place each. */
const intsPerBucket = 2 * perBucket;

/** Bytes that a bucket takes. */
export const bucketBytes = 4 * intsPerBucket;

export class PlaceIndex {
  readonly #buckets: number;
  readonly #ints: Int32Array;

  constructor(buckets: number) {
    this.#buckets = buckets;
    this.#ints = new Int32Array(buckets * intsPerBucket);
  }

  get bytes(): number {
    return this.#ints.byteLength;
  }

  /** The first place under `hash` that `isIt`; 0: none. Places are positive. */
  find(hash: number, isIt: (place: number) => boolean): number {
    const first = this.#bucketOf(hash);
    for (let index = first; index < first + perBucket; index += 1) {
      if (this.#ints[index] !== hash) continue;
      const place = this.#ints[index + perBucket] ?? 0;
      if (place > 0 && isIt(place)) return place;
    }
    return 0;
  }

  has(hash: number, place: number): boolean {
    return this.#indexOf(hash, place) >= 0;
  }

  /** Where there is no room, another place is given up for it, one that `isSpare` if there is one. */
  add(hash: number, place: number, isSpare: (place: number) => boolean): void {
    const free = this.#indexOf(hash, 0);
    const index = free < 0 ? this.#spareIndex(hash, isSpare) : free;
    this.#ints[index] = hash;
    this.#ints[index + perBucket] = place;
  }

  /** What was at one place is at another. */
  move(hash: number, from: number, to: number): void {
    const index = this.#indexOf(hash, from);
    if (index >= 0) this.#ints[index + perBucket] = to;
  }

  /** Does nothing where it is not. */
  delete(hash: number, place: number): void {
    const index = this.#indexOf(hash, place);
    if (index >= 0) this.#ints[index + perBucket] = 0;
  }

  #spareIndex(hash: number, isSpare: (place: number) => boolean): number {
    const first = this.#bucketOf(hash);
    for (let index = first; index < first + perBucket; index += 1) if (isSpare(this.#ints[index + perBucket] ?? 0)) return index;
    return first;
  }

  /** Of a place under this hash; of 0: where there is room. Negative: there is none. */
  #indexOf(hash: number, place: number): number {
    const first = this.#bucketOf(hash);
    for (let index = first; index < first + perBucket; index += 1) {
      if (this.#ints[index + perBucket] === place && (place === 0 || this.#ints[index] === hash)) return index;
    }
    return -1;
  }

  #bucketOf(hash: number): number {
    return Math.floor(((hash >>> 0) / 0x1_0000_0000) * this.#buckets) * intsPerBucket;
  }
}
