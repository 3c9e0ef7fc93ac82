/**
 * The fields of a model: those that follow from it alone, and those that follow from its media.
 * Invariant: a text that was made before is sent again only while the very objects that it was made of may be believed.
 */
import type { EntryKey } from '../../cache/cache-store.js';
import type { KeyedCopy, LocalReads } from '../../cache/local-reads.js';
import { entryKey, maxMediaPerQuery, type MediaQuery } from '../media-reader.js';
import type { ModelMedia } from '../stored-media.js';
import type { KeptUser, UserClient } from '../user-client.js';
import type { FixedFields } from './fixed-fields.js';
import type { ReadyTexts } from './ready-texts.js';
import { refuse } from './refused.js';

export interface MediaField {
  /** `"avatar":` */
  readonly key: string;
  readonly modelType: string;
  readonly collectionName: string;
  /** The whole collection; else its last file. */
  readonly many: boolean;
  readonly fields: FixedFields;
}

export type ModelPart = { readonly fixed: FixedFields } | { readonly media: MediaField };

export interface Model {
  readonly id: string;
}

/** What is asked of the cache, in the words of both sides. */
export interface MediaAsked {
  readonly query: MediaQuery;
  readonly entry: EntryKey;
}

/** The media of one entry after the other, in the order in which they were asked for. */
export type NextMedia = () => ModelMedia | Error | undefined;

/** What is in this process, at one moment. */
export interface Now {
  readonly users: Pick<UserClient, 'peek'>;
  readonly reads: LocalReads<ModelMedia>;
  /** Milliseconds of the process's clock. */
  readonly ms: number;
  /** The users that are in the answer. */
  readonly used: KeptUser[];
}

interface Ready {
  /** Undefined: nobody keeps the model, it is its id. */
  readonly user: KeptUser | undefined;
  readonly found: readonly KeyedCopy<ModelMedia>[];
  readonly text: string;
  uses: number;
}

/** After so many uses the caches are told, so that they know what is in use. */
const usesPerLook = 16;

export class ModelFields {
  readonly #parts: readonly ModelPart[];
  readonly #media: readonly MediaField[];
  readonly #all: ReadyTexts;
  readonly #ready = new Map<string, Ready>();

  /** `all`: where the texts of all models are counted. */
  constructor(parts: readonly ModelPart[], all: ReadyTexts) {
    this.#parts = parts;
    this.#media = parts.flatMap((part) => ('media' in part ? [part.media] : []));
    this.#all = all;
  }

  /** In the order of the fields. */
  asked({ id }: Model): readonly MediaAsked[] {
    return this.#media.map(({ modelType, collectionName }) => askedOf({ modelType, modelId: id, collectionName }));
  }

  /** Takes the media in the order of `asked`. @throws Error when the answer has an error. */
  textOf(model: Model, next: NextMedia): string {
    let text = '{';
    for (const part of this.#parts) {
      if (text.length > 1) text += ',';
      text += 'fixed' in part ? part.fixed.textOf(model) : mediaText(part.media, next());
    }
    return `${text}}`;
  }

  /** Of a user, or of a model that is its id. Undefined when something is not in this process. @throws Error when the answer has an error. */
  textNow(id: string, isUser: boolean, now: Now): string | undefined {
    const known = this.#ready.get(id);
    const ready = known && isStill(known, now) ? known : this.#makeNow(id, isUser, now);
    if (ready?.user) now.used.push(ready.user);
    return ready?.text;
  }

  #makeNow(id: string, isUser: boolean, { users, reads }: Now): Ready | undefined {
    const user = isUser ? users.peek(id) : undefined;
    const model = isUser ? user?.user : { id };
    if (!model) return undefined;
    const found: KeyedCopy<ModelMedia>[] = [];
    for (const { entry: key } of this.asked(model)) {
      const copy = reads.find(key);
      if (!copy) return undefined;
      found.push({ key, copy });
    }
    let next = 0;
    const text = this.textOf(model, () => found[next++]?.copy.value);
    const ready = { user, found, text, uses: 0 };
    this.#all.put(this.#ready, id, ready, text.length);
    return ready;
  }
}

function isStill(ready: Ready, { users, reads, ms }: Now): boolean {
  const { user, found } = ready;
  if (user && !(user.isKept && user.expires > ms)) return false;
  ready.uses += 1;
  const isUse = ready.uses % usesPerLook === 0;
  if (isUse && user) users.peek(user.id);
  return reads.again(found, isUse);
}

/** @throws Error when it is not for sure what GraphQL would answer. */
function mediaText({ key, many, fields }: MediaField, found: ModelMedia | Error | undefined): string {
  if (!found || found instanceof Error) return refuse();
  return key + (many ? listText(fields, found) : lastText(fields, found));
}

export function askedOf(query: MediaQuery): MediaAsked {
  return { query, entry: entryKey(query) };
}

/** @throws Error when it cannot be listed. */
export function listText(fields: FixedFields, { media, total }: ModelMedia): string {
  if (total > maxMediaPerQuery) return refuse();
  return `[${media.map((file) => `{${fields.textOf(file)}}`).join(',')}]`;
}

/** @throws Error when there are more than can be listed. */
function lastText(fields: FixedFields, { media, total }: ModelMedia): string {
  if (total > maxMediaPerQuery) return refuse();
  const last = media.at(-1);
  return last ? `{${fields.textOf(last)}}` : 'null';
}
