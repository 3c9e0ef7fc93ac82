/**
 * Whole answers, by the bytes of their requests: what is asked again in the same words is not even parsed.
 * Invariant: an answer is given again only while all that it was made of would be read again. It is the same for every viewer: what depends on
 * one has no plan.
 */
import type { Receipt } from '../../cache/receipts.js';
import { Sightings } from '../../runtime/sightings.js';
import type { MediaReader } from '../media-reader.js';
import type { KeptUser, UserClient } from '../user-client.js';

export interface KeptAnswer {
  readonly text: string;
  readonly users: readonly KeptUser[];
  /** Undefined: there are no media in it. */
  readonly media: Receipt | undefined;
}

export interface KeptAnswersOptions {
  users: Pick<UserClient, 'again'>;
  media: Pick<MediaReader, 'again'>;
  /** Estimated. */
  maxBytes: number;
}

/** Of all bytes, the share that one answer may take. */
const maxShare = 1 / 32;
/** What is held with an answer: its receipt, and its place. */
const overheadBytes = 700;

export class KeptAnswers {
  readonly #options: KeptAnswersOptions;
  /** Of those asked for of late, and of those of the time before. */
  readonly #maxBytesEach: number;
  readonly #asked = new Sightings();
  #late = new Map<string, KeptAnswer>();
  #before: ReadonlyMap<string, KeptAnswer> = new Map();
  #bytes = 0;

  constructor(options: KeptAnswersOptions) {
    this.#options = options;
    this.#maxBytesEach = options.maxBytes / 2;
  }

  /** Undefined when it has to be made anew. A promise where the store must be asked. */
  find(request: string): string | Promise<string | undefined> | undefined {
    const kept = this.#late.get(request) ?? this.#before.get(request);
    if (!kept || !this.#options.users.again(kept.users)) return undefined;
    const isStill = kept.media ? this.#options.media.again(kept.media) : true;
    if (isStill === true) return this.#use(request, kept);
    return isStill === false ? undefined : isStill.then((is) => (is ? this.#use(request, kept) : undefined));
  }

  /** Whether an answer to it should be kept: it is not the first of late. Asked once per answer that was made. */
  isWanted(request: string): boolean {
    return this.#asked.see(request) > 0;
  }

  keep(request: string, kept: KeptAnswer): void {
    const size = sizeOf(request, kept);
    if (size > this.#options.maxBytes * maxShare) return;
    const replaced = this.#late.get(request);
    this.#bytes += size - (replaced ? sizeOf(request, replaced) : 0);
    if (this.#bytes > this.#maxBytesEach) {
      this.#before = this.#late;
      this.#late = new Map();
      this.#bytes = size;
    }
    this.#late.set(request, kept);
  }

  #use(request: string, kept: KeptAnswer): string {
    if (this.#before.size > 0 && !this.#late.has(request)) this.keep(request, kept);
    return kept.text;
  }
}

function sizeOf(request: string, { text }: KeptAnswer): number {
  return request.length + text.length + overheadBytes;
}
