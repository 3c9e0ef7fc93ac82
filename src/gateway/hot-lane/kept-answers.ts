/**
 * Whole answers, by the bytes of their requests: what is asked again in the same words is not even parsed.
 * Invariant: an answer is given again only while all that it was made of would be read again. It is the same for every viewer: what depends on
 * one has no plan.
 */
import { Sightings } from '../../runtime/sightings.js';
import type { KeptMemory } from '../kept-memory.js';
import type { MediaReader } from '../media-reader.js';
import type { UserClient } from '../user-client.js';
import { HeldAnswers, type HeldAnswer } from './held-answers.js';
import { PackedAnswers } from './packed-answers.js';

export interface KeptAnswersOptions {
  users: Pick<UserClient, 'again'>;
  media: Pick<MediaReader, 'again'>;
  maxBytes: Pick<KeptMemory, 'answers' | 'packed'>;
}

export class KeptAnswers {
  readonly #options: KeptAnswersOptions;
  readonly #asked = new Sightings();
  readonly #held: HeldAnswers;
  readonly #packed: PackedAnswers;

  constructor(options: KeptAnswersOptions) {
    const { answers, packed } = options.maxBytes;
    this.#options = options;
    this.#packed = new PackedAnswers(packed);
    this.#held = new HeldAnswers(() => answers - this.#packed.takenBytes);
  }

  /** Undefined when it has to be made anew. A promise where the store must be asked. */
  find(request: Buffer): string | Promise<string | undefined> | undefined {
    const packed = this.#packed.find(request);
    if (packed) return ifStill(this.#options.media.again(packed.media), () => packed.text);
    const name = nameOf(request);
    const held = this.#held.find(name);
    if (!held || !this.#options.users.again(held.users)) return undefined;
    const isStill = held.media ? this.#options.media.again(held.media) : true;
    return ifStill(isStill, () => {
      this.#held.used(name, held);
      return held.text;
    });
  }

  /** Whether an answer to it should be kept: it is not the first of late. Asked once per answer that was made. */
  isWanted(request: Buffer): boolean {
    return this.#asked.seeBytes(request) > 0;
  }

  keep(request: Buffer, answer: HeldAnswer): void {
    if (!this.#packed.keep(request, answer)) this.#held.keep(nameOf(request), answer);
  }
}

function ifStill(isStill: boolean | Promise<boolean>, use: () => string): string | Promise<string | undefined> | undefined {
  if (typeof isStill === 'boolean') return isStill ? use() : undefined;
  return isStill.then((is) => (is ? use() : undefined));
}

/** Each byte is a character: the same for the same bytes only, whatever they are. */
function nameOf(request: Buffer): string {
  return request.toString('latin1');
}
