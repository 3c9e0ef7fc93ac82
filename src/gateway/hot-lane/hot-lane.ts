/**
 * Answers operations that have a plan without GraphQL's execution: from the bytes of the request's body to the text of the answer.
 * Invariant: an answer of this lane is, byte for byte, what GraphQL's execution would have answered, with the same reads and the same bounds.
 * What it is not sure of it does not answer; what it has read by then is handed over, so that nothing is asked for twice.
 */
import type { Receipt } from '../../cache/receipts.js';
import type { User } from '../../contract/generated/user/v1/User.js';
import { checkIdentifier } from '../../contract/identifier.js';
import { maxBatchSize } from '../../contract/services.js';
import { checkedUserIds } from '../arguments.js';
import type { KeptMemory } from '../kept-memory.js';
import type { MediaReader } from '../media-reader.js';
import type { Known } from '../request-context.js';
import type { KeptUser, UserClient } from '../user-client.js';
import { askedOf, listText, type MediaAsked, type Model, type NextMedia, type Now } from './model-fields.js';
import { readBody, type GraphQLBody } from './graphql-body.js';
import { KeptAnswers } from './kept-answers.js';
import type { Operations } from './operations.js';
import type { Root } from './plan.js';
import { refuse } from './refused.js';

/** The body of the answer, or what was read in vain. */
export type Outcome = string | Known;

export interface HotLaneOptions {
  operations: Operations;
  users: Pick<UserClient, 'peek' | 'getMany' | 'again'>;
  media: Pick<MediaReader, 'readNow' | 'readWithReceipt' | 'again'>;
  /** Of answers that are kept. */
  maxKept: Pick<KeptMemory, 'answers' | 'packed'>;
}

/** A root and what it asks for: its models by their ids, or one query of media. */
type Asked =
  | { readonly root: Extract<Root, { kind: 'text' }> }
  | { readonly root: Extract<Root, { ids: unknown }>; readonly ids: readonly string[] }
  | { readonly root: Extract<Root, { kind: 'modelMedia' }>; readonly media: MediaAsked };

type AskedModels = Extract<Asked, { ids: unknown }>;

/** Undefined: there is no such user. @throws Error when that is not known. */
type FindUser = (id: string) => User | undefined;

export class HotLane {
  readonly #options: HotLaneOptions;
  readonly #kept: KeptAnswers;

  constructor(options: HotLaneOptions) {
    this.#options = options;
    this.#kept = new KeptAnswers({ ...options, maxBytes: options.maxKept });
  }

  /** To a POST with this body. Undefined: not an operation of this lane. A text at once when everything is in this process. */
  answer(bytes: Buffer): string | Promise<Outcome> | undefined {
    const kept = this.#kept.find(bytes);
    if (typeof kept === 'string') return kept;
    return kept ? kept.then((text) => text ?? this.#make(bytes) ?? nothingKnown) : this.#make(bytes);
  }

  #make(request: Buffer): string | Promise<Outcome> | undefined {
    const body = readBody(request.toString());
    const asked = body && this.#asked(body);
    return asked && (this.#now(asked, request) ?? this.#later(asked, request));
  }

  #asked({ query, operationName, variables }: GraphQLBody): readonly Asked[] | undefined {
    const operation = this.#options.operations.find(query, operationName);
    if (!operation) return undefined;
    return unlessRefused(() => {
      const roots = operation.plan.map((root) => ask(root, variables));
      return operation.isAllowed(lengthOf(roots), variables) ? roots : undefined;
    });
  }

  #now(asked: readonly Asked[], request: Buffer): string | undefined {
    // What is asked for twice is read once: seldom enough to leave it to `readMany`.
    const [only] = asked;
    if (!only || asked.length > 1 || ('ids' in only && only.ids.length > 1 && new Set(only.ids).size < only.ids.length)) return undefined;
    const { users, media } = this.#options;
    const reads = media.readNow();
    if (!reads) return undefined;
    const now: Now = { users, reads, ms: performance.now(), used: [] };
    const text = unlessRefused(() => textNow(only, now));
    if (text === undefined) return undefined;
    reads.count();
    if (this.#kept.isWanted(request)) this.#kept.keep(request, { text, users: now.used, media: reads.receipt() });
    return text;
  }

  async #later(asked: readonly Asked[], request: Buffer): Promise<Outcome> {
    const { users, media } = this.#options;
    const ids = userIdsOf(asked);
    if (ids.length > maxBatchSize) return nothingKnown;
    const known = ids.length > 0 ? await usersOf(users, ids) : nobody;
    const findUser: FindUser = (id) => {
      const user = known.get(id);
      return user instanceof Error ? refuse() : user;
    };
    const wanted = unlessRefused(() => mediaOf(asked, findUser)) ?? [];
    const { values: found, receipt } = wanted.length > 0 ? await media.readWithReceipt(wanted.map(({ entry }) => entry)) : nothingRead;
    let next = 0;
    const text = unlessRefused(() => textOf(asked, findUser, () => found[next++]));
    if (text !== undefined && (wanted.length === 0 || receipt) && this.#kept.isWanted(request)) this.#keep(request, { text, known, receipt });
    return text ?? { users: known, media: wanted.flatMap(({ query }, index) => (found[index] ? [{ query, found: found[index] }] : [])) };
  }

  /** If it is made of users that are kept, and nothing else than what the receipt is of. */
  #keep(request: Buffer, { text, known, receipt }: { text: string; known: Known['users']; receipt: Receipt | undefined }): void {
    const users: KeptUser[] = [];
    for (const [id, user] of known) {
      const kept = this.#options.users.peek(id);
      if (!kept || !user || kept.user !== user) return;
      users.push(kept);
    }
    this.#kept.keep(request, { text, users, media: receipt });
  }
}

const nobody: Known['users'] = new Map();
const nothingKnown: Known = { users: nobody, media: [] };
const nothingRead = { values: [], receipt: undefined };

/** Each once. */
function userIdsOf(asked: readonly Asked[]): readonly string[] {
  const ids: string[] = [];
  for (const one of asked) if ('ids' in one && one.root.kind !== 'product') ids.push(...one.ids);
  return ids.length < 2 ? ids : [...new Set(ids)];
}

async function usersOf(users: Pick<UserClient, 'getMany'>, ids: readonly string[]): Promise<Known['users']> {
  const loaded = await users.getMany(ids);
  return new Map(ids.map((id, index) => [id, loaded[index]]));
}

/** Undefined when it throws, whatever that is: GraphQL's execution finds the words for it. */
function unlessRefused<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** @throws Error when the arguments are not as they nearly always are. */
function ask(root: Root, variables: GraphQLBody['variables']): Asked {
  if (root.kind === 'text') return { root };
  if (root.kind === 'users') return { root, ids: checkedUserIds(list(root.ids(variables))) };
  if (root.kind !== 'modelMedia') return { root, ids: [checkIdentifier('id', string(root.ids(variables)))] };
  const modelType = checkIdentifier('modelType', string(root.modelType(variables)));
  const modelId = checkIdentifier('modelId', string(root.modelId(variables)));
  const collectionName = string(root.collectionName(variables) ?? '');
  return { root, media: askedOf({ modelType, modelId, collectionName: collectionName && checkIdentifier('collectionName', collectionName) }) };
}

function string(value: unknown): string {
  return typeof value === 'string' ? value : refuse();
}

function list(value: unknown): string[] {
  return Array.isArray(value) ? value.map(string) : refuse();
}

/** Of the only list; checked before to be no longer than a list may be. */
function lengthOf([only]: readonly Asked[]): number {
  return only && 'ids' in only && only.root.kind === 'users' ? only.ids.length : 0;
}

/** Undefined when something is not in this process: too often to be told by an error, which costs as much as a hot answer. @throws Error when the answer has an error. */
function textNow(asked: Asked, now: Now): string | undefined {
  if ('media' in asked) {
    const copy = now.reads.find(asked.media.entry);
    return copy && dataText(asked.root.key + listText(asked.root.fields, copy.value));
  }
  if (!('ids' in asked)) return dataText(asked.root.text);
  const { root, ids } = asked;
  const isUser = root.kind !== 'product';
  let models = '';
  for (const id of ids) {
    const model = root.fields.textNow(id, isUser, now);
    if (model === undefined) return undefined;
    models += models === '' ? model : `,${model}`;
  }
  return dataText(root.key + (root.kind === 'users' ? `[${models}]` : models));
}

function dataText(fields: string): string {
  // The line break is Apollo's.
  return `{"data":{${fields}}}\n`;
}

/** In the order in which `textOf` asks for them. @throws Error when they are too many, and what `find` throws. */
function mediaOf(asked: readonly Asked[], find: FindUser): MediaAsked[] {
  const wanted: MediaAsked[] = [];
  for (const one of asked) {
    if ('media' in one) wanted.push(one.media);
    else if ('ids' in one) for (const model of modelsOf(one, find)) if (model) wanted.push(...one.root.fields.asked(model));
  }
  return wanted.length <= maxBatchSize ? wanted : refuse();
}

function modelsOf({ root, ids }: AskedModels, find: FindUser): (Model | undefined)[] {
  return ids.map((id) => (root.kind === 'product' ? { id } : find(id)));
}

/** @throws Error when the answer has an error, and what `findUser` throws. */
function textOf(asked: readonly Asked[], findUser: FindUser, nextMedia: NextMedia): string {
  const fields = asked.map((one) => {
    if ('media' in one) {
      const found = nextMedia();
      return one.root.key + (found && !(found instanceof Error) ? listText(one.root.fields, found) : refuse());
    }
    if (!('ids' in one)) return one.root.text;
    const models = modelsOf(one, findUser).map((model) => (model ? one.root.fields.textOf(model, nextMedia) : 'null'));
    return one.root.key + (one.root.kind === 'users' ? `[${models.join(',')}]` : models.join(''));
  });
  return dataText(fields.join(','));
}
