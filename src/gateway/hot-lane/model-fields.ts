/**
 * The fields of a model: those that follow from it alone, and those that follow from its media.
 * Invariant: a text that was made before is sent again only while both caches would give the very objects that it was made of.
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

/** @throws Error when it could not be read, or not here. */
export type FindMedia = (asked: MediaAsked) => ModelMedia | Error | undefined;

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

  /** The media are asked for in the order of `asked`. @throws Error when the answer has an error, and what `find` throws. */
  textOf(model: Model, find: FindMedia): string {
    return this.#make(model, this.asked(model).map(find));
  }

  /** Of a user, or of a model that is its id. @throws Error when the answer has an error, or something is not in this process. */
  textNow(id: string, isUser: boolean, now: Now): string {
    const found = this.#ready.get(id);
    const { user, text } = found && isStill(found, now) ? found : this.#makeNow(id, isUser, now);
    if (user) now.used.push(user);
    return text;
  }

  #makeNow(id: string, isUser: boolean, { users, reads }: Now): Ready {
    const user = isUser ? (users.peek(id) ?? refuse()) : undefined;
    const model = user ? (user.user ?? refuse()) : { id };
    const found = this.asked(model).map(({ entry: key }) => ({ key, copy: reads.find(key) ?? refuse() }));
    const text = this.#make(model, found.map(({ copy }) => copy.value));
    const ready = { user, found, text, uses: 0 };
    this.#all.put(this.#ready, id, ready, text.length);
    return ready;
  }

  #make(model: Model, found: readonly (ModelMedia | Error | undefined)[]): string {
    const media = found.values();
    const fields = this.#parts.map((part) => {
      if ('fixed' in part) return part.fixed.textOf(model);
      const { value } = media.next();
      if (!value || value instanceof Error) return refuse();
      return `${part.media.key}${part.media.many ? listText(part.media.fields, value) : lastText(part.media.fields, value)}`;
    });
    return `{${fields.join(',')}}`;
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
