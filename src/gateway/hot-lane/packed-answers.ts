/**
 * Short answers that are made of media alone: a few hundred bytes each, in a ring outside V8's heap (docs/decisions/019).
 * Lists are not for it: to make a receipt of many values again, and a text that is copied out of the ring, cost more than to hold both.
 */
import { receiptOf, textOf, type Receipt } from '../../cache/receipts.js';
import { TextRing } from '../../runtime/text-ring.js';
import type { HeldAnswer } from './held-answers.js';
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

  /** Bytes of memory that were written to so far: more is not taken from anybody. */
  get takenBytes(): number {
    return this.#ring.takenBytes;
  }

  find(request: Buffer): PackedAnswer | undefined {
    const found = this.#ring.find(this.#frames.find(request));
    return found && { text: found.text, media: receiptOf(found.head) };
  }

  /** Replaces what is there. False: it is not for this memory, and nothing is there now. */
  keep(request: Buffer, answer: HeldAnswer): boolean {
    const head = headOf(answer);
    if (head !== undefined) return this.#ring.put(this.#frames.make(request), { head, text: answer.text });
    this.#ring.delete(this.#frames.find(request));
    return false;
  }
}

function headOf({ text, users, media }: HeldAnswer): string | undefined {
  if (users.length > 0 || !media || text.length > maxLength) return undefined;
  const head = textOf(media);
  return head !== undefined && head.length + text.length <= maxLength ? head : undefined;
}
