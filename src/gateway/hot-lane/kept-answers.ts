/**
 * Whole answers, by the bytes of their requests: what is asked again in the same words is not even parsed.
 * Invariant: an answer is given again only while all that it was made of would be read again. It is the same for every viewer: what depends on
 * one has no plan.
 */
import type { Receipt } from '../../cache/receipts.js';
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
  /** Default 8,388,608. Of requests and answers, twice: those asked for of late, and those of the time before. */
  maxCharacters?: number;
}

/** Places for what was asked for once; of two at the same place, one is kept sooner than it should be. */
const places = 16_384;
/** So many of the bytes of a request decide its place. */
const samples = 256;
/** Of all characters, the share that one answer may take. */
const maxShare = 1 / 16;

export class KeptAnswers {
  readonly #options: KeptAnswersOptions;
  readonly #maxCharacters: number;
  readonly #askedOnce = new Int32Array(places);
  #late = new Map<string, KeptAnswer>();
  #before: ReadonlyMap<string, KeptAnswer> = new Map();
  #characters = 0;

  constructor(options: KeptAnswersOptions) {
    this.#options = options;
    this.#maxCharacters = options.maxCharacters ?? 8_388_608;
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
    const hash = hashOf(request);
    const place = hash & (places - 1);
    if (this.#askedOnce[place] === hash) return true;
    this.#askedOnce[place] = hash;
    return false;
  }

  keep(request: string, kept: KeptAnswer): void {
    const size = request.length + kept.text.length;
    if (size > this.#maxCharacters * maxShare) return;
    const replaced = this.#late.get(request);
    this.#characters += size - (replaced ? request.length + replaced.text.length : 0);
    if (this.#characters > this.#maxCharacters) {
      this.#before = this.#late;
      this.#late = new Map();
      this.#characters = size;
    }
    this.#late.set(request, kept);
  }

  #use(request: string, kept: KeptAnswer): string {
    if (this.#before.size > 0 && !this.#late.has(request)) this.keep(request, kept);
    return kept.text;
  }
}

/** FNV-1a, https://datatracker.ietf.org/doc/html/draft-eastlake-fnv, of a sample. */
function hashOf(text: string): number {
  const step = Math.ceil(text.length / samples);
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += step) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash;
}
