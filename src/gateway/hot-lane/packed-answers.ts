/**
 * Small answers that the store alone can say to be good, half a million in 256 MB: each is a few hundred bytes in a ring, outside V8's heap.
 * Lists are not for it: to make a receipt of many values again, and a text that is copied out of the ring, cost more than to hold both.
 */
import { receiptOf, textOf, type Receipt } from '../../cache/receipts.js';
import { TextRing } from '../../runtime/text-ring.js';
import { RequestFrames } from './request-frames.js';

export interface PackedAnswer {
  readonly text: string;
  readonly media: Receipt;
}

/** Characters of the answer and its receipt. */
const maxLength = 2_000;

export class PackedAnswers {
  readonly #frames = new RequestFrames();
  readonly #ring: TextRing;

  constructor(maxBytes: number) {
    this.#ring = new TextRing(maxBytes);
  }

  find(request: Buffer): PackedAnswer | undefined {
    const key = this.#frames.find(request);
    const found = key && this.#ring.find(key);
    return found && { text: found.text, media: receiptOf(found.head) };
  }

  /** Replaces what is there. False: it is not for this memory, and nothing is there now. */
  keep(request: Buffer, { text, media }: PackedAnswer): boolean {
    const head = text.length < maxLength ? textOf(media) : undefined;
    if (head !== undefined && head.length + text.length <= maxLength) return this.#ring.put(this.#frames.make(request), { head, text });
    const known = this.#frames.find(request);
    if (known) this.#ring.delete(known);
    return false;
  }
}
