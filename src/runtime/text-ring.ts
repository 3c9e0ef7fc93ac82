/**
 * Texts by keys of bytes, in one piece of memory that is no concern of garbage collection: a ring of records, each written behind the last.
 * Where room is needed the oldest record goes, but one that was used since it was written is moved to the front once more
 * (second chance, https://en.wikipedia.org/wiki/Page_replacement_algorithm#Second-chance).
 * Invariant: it takes the bytes it may take and no more, with its index; what is found is what was put last under these very bytes.
 */
import { crc32 } from 'node:zlib';
import { fnvBasis, fnvStep } from './fnv1a.js';
import { bucketBytes, PlaceIndex } from './place-index.js';
import { areSameBytes, shortBytes } from './same-bytes.js';

/** Which of several sets of keys, and the bytes from `start` to `end`. */
export interface RingKey {
  /** A whole number of 31 bits. */
  readonly space: number;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** Without halves of surrogate pairs. */
export interface Texts {
  /** What must be looked at before the text is used. */
  readonly head: string;
  readonly text: string;
}

/** A record begins with whole numbers of 32 bits: their places among them. Behind them are key, head and text. */
const field = { size: 0, hash: 1, flags: 2, keyLength: 3, headLength: 4, textLength: 5 } as const;
const headerBytes = 24;
/** Records begin at multiples of it. */
const unitBytes = 16;
const flag = { used: 1, wide: 2 } as const;

/** One bucket of the index for so many bytes: of records of 400 bytes, one in hundreds finds its bucket full. */
const bytesPerBucket = 1_000;
/** What a buffer can be, https://nodejs.org/api/buffer.html#bufferconstantsmax_length. */
const largest = 4_000_000_000;
/** When so many bytes were moved for one record that is put, the next one goes. */
const maxMovedBytes = 65_536;
/** Of all bytes, the share that one record may take. */
const maxShare = 1 / 32;

export class TextRing {
  readonly #capacity: number;
  readonly #index: PlaceIndex;
  /** Of both, the same memory. The system gives it out page by page, as it is written to. */
  readonly #bytes: Buffer;
  readonly #ints: Int32Array;
  /** Where the next record is written, and where the oldest is; the records between them take `#filled` bytes. */
  #front = 0;
  #back = 0;
  #filled = 0;
  /** The highest end of a record so far. */
  #reached = 0;

  constructor(maxBytes: number) {
    const bytes = Math.min(maxBytes, largest);
    const buckets = Math.ceil(bytes / bytesPerBucket);
    this.#capacity = Math.floor((bytes - buckets * bucketBytes) / unitBytes) * unitBytes;
    this.#index = new PlaceIndex(buckets);
    this.#bytes = Buffer.allocUnsafeSlow(this.#capacity);
    this.#ints = new Int32Array(this.#bytes.buffer, 0, this.#capacity / 4);
  }

  /** Bytes that were written to so far, with the whole index. */
  get takenBytes(): number {
    return this.#reached + this.#index.bytes;
  }

  /** Counts as a use. */
  find(key: RingKey): Texts | undefined {
    const place = this.#find(hashOf(key), key);
    if (place === 0) return undefined;
    const record = recordAt(place);
    const flags = this.#get(record, field.flags);
    if ((flags & flag.used) === 0) this.#set(record, field.flags, flags | flag.used);
    const start = record + headerBytes + this.#get(record, field.keyLength);
    const middle = start + this.#get(record, field.headLength);
    const end = middle + this.#get(record, field.textLength);
    if ((flags & flag.wide) !== 0) return { head: this.#bytes.toString('utf8', start, middle), text: this.#bytes.toString('utf8', middle, end) };
    const both = this.#bytes.toString('latin1', start, end);
    return { head: both.slice(0, middle - start), text: both.slice(middle - start) };
  }

  /** Replaces what is there. False: it is too large, and nothing is there now. */
  put(key: RingKey, texts: Texts): boolean {
    const hash = hashOf(key);
    const size = unitsOf(headerBytes + key.end - key.start + Buffer.byteLength(texts.head) + Buffer.byteLength(texts.text));
    const known = this.#find(hash, key);
    if (known > 0 && this.#get(recordAt(known), field.size) === size) {
      // In its place, which may be the oldest: it counts as used.
      this.#fill(recordAt(known), key, texts, flag.used);
      return true;
    }
    this.#index.delete(hash, known);
    if (size > this.#capacity * maxShare) return false;
    this.#fill(this.#append(hash, size), key, texts, 0);
    return true;
  }

  /** Does nothing where nothing is. */
  delete(key: RingKey): void {
    const hash = hashOf(key);
    this.#index.delete(hash, this.#find(hash, key));
  }

  #fill(record: number, key: RingKey, { head, text }: Texts, flags: number): void {
    const [keyLength, headLength, textLength] = [key.end - key.start, Buffer.byteLength(head), Buffer.byteLength(text)];
    const isWide = headLength > head.length || textLength > text.length;
    this.#set(record, field.flags, isWide ? flags | flag.wide : flags);
    this.#set(record, field.keyLength, keyLength);
    this.#set(record, field.headLength, headLength);
    this.#set(record, field.textLength, textLength);
    const start = record + headerBytes;
    this.#bytes.set(key.bytes.subarray(key.start, key.end), start);
    this.#bytes.write(head + text, start + keyLength, isWide ? 'utf8' : 'latin1');
  }

  /** A record that is in the index, and is to be filled. */
  #append(hash: number, size: number): number {
    this.#makeRoom(size);
    const record = this.#front;
    this.#write(record, hash, size);
    this.#index.add(hash, placeOf(record), (place) => !this.#isUsed(recordAt(place)));
    return record;
  }

  #write(record: number, hash: number, size: number): void {
    this.#set(record, field.size, size);
    this.#set(record, field.hash, hash);
    this.#filled += size;
    this.#reached = Math.max(this.#reached, record + size);
    this.#front = this.#after(record, size);
  }

  #makeRoom(size: number): void {
    let moved = 0;
    while (this.#gap() < size) {
      // No record is in two pieces: what is left of this round is filled up.
      if (this.#back <= this.#front && this.#filled < this.#capacity) this.#pad();
      else if (moved < maxMovedBytes && this.#isLive(this.#back) && this.#isUsed(this.#back)) moved += this.#move();
      else this.#drop();
    }
  }

  /** Bytes in one piece at the front. */
  #gap(): number {
    return (this.#back > this.#front || this.#filled === this.#capacity ? this.#back : this.#capacity) - this.#front;
  }

  /** A record that nothing finds. */
  #pad(): void {
    this.#write(this.#front, 0, this.#capacity - this.#front);
  }

  #isUsed(record: number): boolean {
    return (this.#get(record, field.flags) & flag.used) !== 0;
  }

  /** The oldest record to the front, where the gap ends at it; returns its size. */
  #move(): number {
    const [from, to] = [this.#back, this.#front];
    const [size, hash] = [this.#get(from, field.size), this.#get(from, field.hash)];
    this.#bytes.copyWithin(to, from, from + size);
    this.#set(to, field.flags, this.#get(to, field.flags) & ~flag.used);
    this.#index.move(hash, placeOf(from), placeOf(to));
    this.#back = this.#after(from, size);
    this.#front = this.#after(to, size);
    return size;
  }

  #drop(): void {
    const record = this.#back;
    const size = this.#get(record, field.size);
    this.#index.delete(this.#get(record, field.hash), placeOf(record));
    this.#filled -= size;
    this.#back = this.#after(record, size);
  }

  #isLive(record: number): boolean {
    return this.#index.has(this.#get(record, field.hash), placeOf(record));
  }

  #after(record: number, size: number): number {
    const next = record + size;
    return next === this.#capacity ? 0 : next;
  }

  #find(hash: number, key: RingKey): number {
    return this.#index.find(hash, (place) => this.#hasKey(recordAt(place), key));
  }

  /** Of a record with the hash of the key: with the same bytes it is of the same space, because spaces give them different hashes. */
  #hasKey(record: number, { bytes, start, end }: RingKey): boolean {
    return this.#get(record, field.keyLength) === end - start && areSameBytes(bytes, start, this.#bytes, record + headerBytes, end - start);
  }

  #get(record: number, of: number): number {
    return this.#ints[record / 4 + of] ?? 0;
  }

  #set(record: number, of: number, value: number): void {
    this.#ints[record / 4 + of] = value;
  }
}

function placeOf(record: number): number {
  return record / unitBytes + 1;
}

function recordAt(place: number): number {
  return (place - 1) * unitBytes;
}

function unitsOf(bytes: number): number {
  return Math.ceil(bytes / unitBytes) * unitBytes;
}

/** With the last step of MurmurHash3, because the upper bits choose the bucket. Nothing before it or in it makes one number of two spaces. */
function hashOf({ space, bytes, start, end }: RingKey): number {
  let hash = space ^ (end - start <= shortBytes ? fnv1a(bytes, start, end) : crc32(bytes.subarray(start, end)));
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function fnv1a(bytes: Uint8Array, start: number, end: number): number {
  let hash = fnvBasis;
  for (let index = start; index < end; index += 1) hash = fnvStep(hash, bytes[index] ?? 0);
  return hash;
}
