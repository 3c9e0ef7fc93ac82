/** How often names were seen of late, in a fixed number of places: for deciding what is worth keeping. */
import { crc32 } from 'node:zlib';
import { fnvOf } from './fnv1a.js';

/** So many of the characters of a name decide its place. */
const samples = 256;
/** The lowest bits of a place count, the others say of whom. */
const countMask = 3;

export class Sightings {
  readonly #count: number;
  /** Made with the first sighting: where nothing is counted, they would be cleared for nothing. */
  #places: Int32Array | undefined;

  /** `places`: a power of two. Of two names at the same place, one is forgotten, or seldom taken for the other. */
  constructor(places = 131_072) {
    this.#count = places;
  }

  /** Counts this sighting. How often the name was seen before, at most 3. */
  see(name: string): number {
    return this.#see(fnvOf(name, { step: Math.ceil(name.length / samples) }));
  }

  /** The same of a name that is bytes; of one name either all sightings are of bytes or none. */
  seeBytes(name: Uint8Array): number {
    return this.#see(crc32(name));
  }

  #see(hash: number): number {
    const places = (this.#places ??= new Int32Array(this.#count));
    const place = hash & (places.length - 1);
    const found = places[place] ?? 0;
    const isKnown = ((found ^ hash) & ~countMask) === 0;
    const count = isKnown ? found & countMask : 0;
    places[place] = (hash & ~countMask) | Math.min(count + 1, countMask);
    return count;
  }
}
