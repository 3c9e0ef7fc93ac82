/**
 * Requests as keys: what all requests for one operation have in common is held once, as a frame around their variables.
 * Invariant: two requests have the same key only if they are the same, byte for byte.
 */
import { LRUCache } from 'lru-cache';
import { areSameBytes } from '../../runtime/same-bytes.js';
import { Sightings } from '../../runtime/sightings.js';
import type { RingKey } from '../../runtime/text-ring.js';

interface Frame {
  /** No other frame has had it while what was kept in its space lasted. */
  readonly id: number;
  readonly before: Buffer;
  readonly behind: Buffer;
}

/** What the variables take, or nearly. */
interface Hole {
  readonly start: number;
  readonly end: number;
}

const maxFrames = 2_000;
/** Of all frames. */
const maxCharacters = 2_000_000;
/** After so many requests with the same frame it gets a number; until then, and without variables, requests are kept whole. */
const neededSightings = 3;
/** The space of requests that are kept whole. */
const whole = 0;

const variables = Buffer.from('"variables":');
const brace = '}'.charCodeAt(0);

export class RequestFrames {
  readonly #frames = new LRUCache<string, Frame>({ max: maxFrames, maxSize: maxCharacters, sizeCalculation: (_frame, name) => name.length });
  readonly #seen = new Sightings();
  #frameCount = 0;
  /** The last that was found: most requests are for the same as the one before. */
  #last: Frame | undefined;

  /** Of something that was kept under `make`, the same key, unless the frame has got its number since, or was forgotten. */
  find(request: Buffer): RingKey {
    if (this.#last && isOf(request, this.#last)) return keyIn(request, this.#last);
    const hole = holeOf(request);
    const frame = hole && this.#frames.get(nameOf(request, hole));
    if (!frame) return wholeKey(request);
    this.#last = frame;
    return keyIn(request, frame);
  }

  /** To keep something under. */
  make(request: Buffer): RingKey {
    const hole = holeOf(request);
    if (!hole) return wholeKey(request);
    const name = nameOf(request, hole);
    const known = this.#frames.get(name);
    if (known) return keyIn(request, known);
    if (this.#seen.see(name) < neededSightings) return wholeKey(request);
    this.#frameCount += 1;
    const frame = { id: this.#frameCount, before: Buffer.from(request.subarray(0, hole.start)), behind: Buffer.from(request.subarray(hole.end)) };
    this.#frames.set(name, frame);
    return keyIn(request, frame);
  }
}

/** From the first variables to the first brace that ends something. Undefined: it has none. */
function holeOf(request: Buffer): Hole | undefined {
  const found = request.indexOf(variables);
  const end = found < 0 ? -1 : request.indexOf(brace, found);
  return end < 0 ? undefined : { start: found + variables.length, end };
}

/** Whether its frame is this one. That what is in front of its hole is the same says where the hole begins, but not where it ends. */
function isOf(request: Buffer, { before, behind }: Frame): boolean {
  const end = request.length - behind.length;
  if (before.length > end || !areSameBytes(before, 0, request, 0, before.length)) return false;
  return request.indexOf(brace, before.length) === end && areSameBytes(behind, 0, request, end, behind.length);
}

function nameOf(request: Buffer, { start, end }: Hole): string {
  return `${start}:${request.toString('latin1', 0, start)}${request.toString('latin1', end)}`;
}

function keyIn(request: Buffer, { id, before, behind }: Frame): RingKey {
  return { space: id, bytes: request, start: before.length, end: request.length - behind.length };
}

function wholeKey(request: Buffer): RingKey {
  return { space: whole, bytes: request, start: 0, end: request.length };
}
