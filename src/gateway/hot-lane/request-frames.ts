/**
 * Requests as keys: what all requests for one operation have in common is held once, as a frame around their variables.
 * Invariant: two requests have the same key only if they are the same, byte for byte.
 */
import { LRUCache } from 'lru-cache';
import { areSameBytes } from '../../runtime/same-bytes.js';
import type { RingKey } from '../../runtime/text-ring.js';

interface Frame {
  /** No other frame has had it. */
  readonly id: number;
  readonly before: Buffer;
  readonly behind: Buffer;
}

const maxFrames = 500;
/** Of all frames. */
const maxCharacters = 1_000_000;

const variables = Buffer.from('"variables":');
const brace = '}'.charCodeAt(0);

export class RequestFrames {
  readonly #frames = new LRUCache<string, Frame>({ max: maxFrames, maxSize: maxCharacters, sizeCalculation: (_frame, name) => name.length });
  #frameCount = 0;
  /** The last that was found: most requests are for the same as the one before. */
  #last: Frame | undefined;

  /** Undefined: nothing was kept in its frame, or that was long ago. */
  find(request: Buffer): RingKey | undefined {
    if (!this.#last || !isIn(this.#last, request)) this.#last = this.#frames.get(nameOf(request));
    return this.#last && keyIn(this.#last, request);
  }

  /** A key under which something can be kept. */
  make(request: Buffer): RingKey {
    const name = nameOf(request);
    let frame = this.#frames.get(name);
    if (!frame) {
      const { start, end } = holeOf(request);
      this.#frameCount += 1;
      frame = { id: this.#frameCount, before: Buffer.from(request.subarray(0, start)), behind: Buffer.from(request.subarray(end)) };
      this.#frames.set(name, frame);
    }
    return keyIn(frame, request);
  }
}

/** What the variables take, or nearly; of a request without, all of it. */
function holeOf(request: Buffer): { start: number; end: number } {
  const start = request.indexOf(variables);
  const end = start < 0 ? -1 : request.indexOf(brace, start);
  return end < 0 ? { start: 0, end: request.length } : { start: start + variables.length, end };
}

function nameOf(request: Buffer): string {
  const { start, end } = holeOf(request);
  return `${start}:${request.toString('latin1', 0, start)}${request.toString('latin1', end)}`;
}

function keyIn({ id, before, behind }: Frame, request: Buffer): RingKey {
  return { space: id, bytes: request, start: before.length, end: request.length - behind.length };
}

/** Whichever hole it has: a frame and what is in it make up one request only. */
function isIn({ before, behind }: Frame, request: Buffer): boolean {
  const end = request.length - behind.length;
  return before.length <= end && areSameBytes(before, 0, request, 0, before.length) && areSameBytes(behind, 0, request, end, behind.length);
}
