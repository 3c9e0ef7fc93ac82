/**
 * How often something was announced, counted in a bounded number of places. What was made of entries may be kept anywhere, in any form: a stamp that
 * was taken before they were read tells whether something was announced since.
 * Invariant: a stamp is current only while nothing was announced of its entry since it was taken. Entries that share a place cost each other a
 * look at the store, and nothing else.
 */
import { fnvOf, fnvStep } from '../runtime/fnv1a.js';
import type { EntryKey } from './cache-store.js';

export interface Stamp {
  /** The places of the owner and of the entry. */
  readonly owner: number;
  readonly entry: number;
  /** What was counted at both, and what was lost. */
  readonly count: number;
}

/** Is never current. */
export const voidStamp: Stamp = { owner: 0, entry: 0, count: -1 };

export class Stamps {
  /** None of them goes down, so their sum is the same only when each of them is. In four billion announcements each has its number once. */
  readonly #counts: Uint32Array;
  #losses = 0;

  /** `places`: a power of two. With a million, of 460,000 answers of one entry each, an announcement of a collection ends two that it does not concern. */
  constructor(places: number) {
    this.#counts = new Uint32Array(places);
  }

  take({ owner, collection }: EntryKey): Stamp {
    const ofOwner = fnvOf(owner);
    const [ownerPlace, entryPlace] = [this.#placeOf(ofOwner), this.#placeOf(ofEntry(ofOwner, collection))];
    return { owner: ownerPlace, entry: entryPlace, count: this.#count(ownerPlace, entryPlace) };
  }

  isCurrent({ owner, entry, count }: Stamp): boolean {
    return this.#count(owner, entry) === count;
  }

  /** Ends the stamps of the collection and of all collections together; without one, those of all entries of the owner. */
  invalidated(owner: string, collection: string | undefined): void {
    if (collection === undefined) this.#add(this.#placeOf(fnvOf(owner)));
    else for (const each of new Set([collection, ''])) this.end({ owner, collection: each });
  }

  /** Ends the stamps of this entry. */
  end({ owner, collection }: EntryKey): void {
    this.#add(this.#placeOf(ofEntry(fnvOf(owner), collection)));
  }

  /** Ends all stamps. */
  lost(): void {
    this.#losses += 1;
  }

  #count(owner: number, entry: number): number {
    return (this.#counts[owner] ?? 0) + (this.#counts[entry] ?? 0) + this.#losses;
  }

  #add(place: number): void {
    this.#counts[place] = (this.#counts[place] ?? 0) + 1;
  }

  /** With upper bits in it: the lowest ones of FNV-1a are of the lowest ones of the characters alone. */
  #placeOf(hash: number): number {
    return (hash ^ (hash >>> 15)) & (this.#counts.length - 1);
  }
}

/** Between the names of an owner and of a collection. */
const separator = 0x100;

/** The hash of an entry, from that of its owner. */
function ofEntry(ofOwner: number, collection: string): number {
  return fnvOf(collection, { start: fnvStep(ofOwner, separator) });
}
