/** Answers as objects, by their requests: those that were asked for of late, and those of the time before. */
import type { Receipt } from '../../cache/receipts.js';
import type { KeptUser } from '../user-client.js';

export interface HeldAnswer {
  readonly text: string;
  readonly users: readonly KeptUser[];
  /** Undefined: there are no media in it. */
  readonly media: Receipt | undefined;
}

/** Of all bytes, the share that one answer may take. */
const maxShare = 1 / 32;
/** What is held with an answer: its place, and what it was made of. */
const [overheadBytes, sourceBytes] = [500, 200];

export class HeldAnswers {
  readonly #maxBytes: () => number;
  #late = new Map<string, HeldAnswer>();
  #before: ReadonlyMap<string, HeldAnswer> = new Map();
  #bytes = 0;

  /** Estimated; asked for whenever one is kept, and never more than before. */
  constructor(maxBytes: () => number) {
    this.#maxBytes = maxBytes;
  }

  find(request: string): HeldAnswer | undefined {
    return this.#late.get(request) ?? this.#before.get(request);
  }

  /** What was found was given again: it stays. */
  used(request: string, held: HeldAnswer): void {
    if (this.#before.size > 0 && !this.#late.has(request)) this.keep(request, held);
  }

  keep(request: string, held: HeldAnswer): void {
    const [size, maxBytes] = [sizeOf(request, held), this.#maxBytes()];
    if (size > maxBytes * maxShare) return;
    const replaced = this.#late.get(request);
    this.#bytes += size - (replaced ? sizeOf(request, replaced) : 0);
    if (this.#bytes > maxBytes / 2) {
      this.#before = this.#late;
      this.#late = new Map();
      this.#bytes = size;
    }
    this.#late.set(request, held);
  }
}

function sizeOf(request: string, { text, users, media }: HeldAnswer): number {
  return request.length + text.length + overheadBytes + sourceBytes * (users.length + (media?.keys.length ?? 0));
}
