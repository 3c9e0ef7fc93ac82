/**
 * GraphQL documents whose fields are reads: what they ask, and what an answer says of each key. One has many aliased fields, and the others,
 * which are asked without an explanation, are of the kind that the hot lane answers. The texts are always the same; the variables differ.
 * Invariant: no two fields of a question read the same cache entry.
 */
import { z } from 'zod';
import type { Seen, Tier } from './history.js';
import { versionOf, type Key, type Owner } from './keys.js';

/** What a gateway must be told to explain itself, and how it is asked to. */
export const explainToken = 'soak';
export const explainHeader = 'x-cache-explain';

/** A field: one collection of an owner, or all of them. */
export interface Field {
  readonly owner: Owner;
  /** Undefined: all collections. */
  readonly key: Key | undefined;
}

export const listsPerQuestion = 12;
/** Users with their avatar, and so many products with their images. */
export const shownPerQuestion = 2;
/** Of the questions: so many are of the hot lane, which have a field or two. */
export const hotShare = 0.5;
/** On average. */
export const fieldsPerQuestion = (1 - hotShare) * (listsPerQuestion + 2 * shownPerQuestion) + (hotShare * (shownPerQuestion + 2)) / 3;

const numbers = (count: number): number[] => Array.from({ length: count }, (_, number) => number);
const file = '{ collectionName fileName }';
const parts = [
  ...numbers(listsPerQuestion).map((n) => ({ declared: `$t${n}: String!, $i${n}: ID!, $c${n}: String`, field: `l${n}: modelMedia(modelType: $t${n}, modelId: $i${n}, collectionName: $c${n}) ${file}` })),
  ...numbers(shownPerQuestion).map((n) => ({ declared: `$u${n}: ID!`, field: `u${n}: user(id: $u${n}) { avatar ${file} }` })),
  ...numbers(shownPerQuestion).map((n) => ({ declared: `$p${n}: ID!`, field: `p${n}: product(id: $p${n}) { images ${file} }` })),
];
const document = `query (${parts.map(({ declared }) => declared).join(', ')}) {\n${parts.map((part) => part.field).join('\n')}\n}`;

const hotDocuments = {
  list: `query ($type: String!, $id: ID!, $collection: String) { modelMedia(modelType: $type, modelId: $id, collectionName: $collection) ${file} }`,
  users: `query ($ids: [ID!]!) { users(ids: $ids) { avatar ${file} } }`,
  product: `query ($id: ID!) { product(id: $id) { images ${file} } }`,
};

export interface Question {
  /** The body of the request. */
  readonly body: string;
  /** No explanation is to be asked for. */
  readonly isHot: boolean;
  readonly fields: readonly (Field & { readonly path: string })[];
}

export interface Choice {
  /** As many as `listsPerQuestion`. */
  lists: readonly Field[];
  /** Whose avatars are asked for; as many as `shownPerQuestion`. */
  users: readonly Owner[];
  /** Whose images are asked for; as many. */
  products: readonly Owner[];
}

export function ask({ lists, users, products }: Choice): Question {
  const variables: Record<string, string | null> = {};
  const fields: (Field & { path: string })[] = [];
  for (const [n, { owner, key }] of lists.entries()) {
    variables[`t${n}`] = owner.modelType;
    variables[`i${n}`] = owner.modelId;
    variables[`c${n}`] = key?.collection ?? null;
    fields.push({ owner, key, path: `l${n}` });
  }
  const shown = [
    { name: 'u', owners: users, field: 'avatar' },
    { name: 'p', owners: products, field: 'images' },
  ];
  for (const { name, owners, field } of shown) {
    for (const [n, owner] of owners.entries()) {
      variables[`${name}${n}`] = owner.modelId;
      fields.push({ owner, key: owner.keys[0], path: `${name}${n}.${field}` });
    }
  }
  return { body: JSON.stringify({ query: document, variables }), isHot: false, fields };
}

/** A part of the choice, for the hot lane. */
export function askHot(kind: keyof typeof hotDocuments, { lists: [list], users, products: [product] }: Choice): Question {
  const body = (variables: object): string => JSON.stringify({ query: hotDocuments[kind], variables });
  if (kind === 'users') {
    const fields = users.map((owner, n) => ({ owner, key: owner.keys[0], path: `users.${n}.avatar` }));
    return { body: body({ ids: users.map(({ modelId }) => modelId) }), isHot: true, fields };
  }
  if (kind === 'product') {
    const fields = product ? [{ owner: product, key: product.keys[0], path: 'product.images' }] : [];
    return { body: body({ id: product?.modelId }), isHot: true, fields };
  }
  const fields = list ? [{ ...list, path: 'modelMedia' }] : [];
  return { body: body({ type: list?.owner.modelType, id: list?.owner.modelId, collection: list?.key?.collection ?? null }), isHot: true, fields };
}

export const hotKinds = ['list', 'users', 'product'] as const;

export interface FieldAnswer {
  readonly owner: Owner;
  readonly entry: string;
  readonly tier: Tier;
  readonly generation: string;
  /** Empty when the field failed. */
  readonly seen: readonly { readonly key: Key; readonly version: Seen }[];
}

const media = z.object({ collectionName: z.string(), fileName: z.string() });
const files = z.union([z.array(media), media.transform((one) => [one]), z.null().transform(() => undefined)]);
const answerSchema = z.object({
  data: z.record(z.string(), z.unknown()).nullish(),
  errors: z.array(z.object({ path: z.array(z.unknown()).optional() })).optional(),
  extensions: z.object({ cache: z.array(z.object({ path: z.string(), source: z.string(), generation: z.union([z.string(), z.number()]).nullish() })).optional() }).optional(),
});
const tiers: Readonly<Record<string, Tier>> = { 'in-process': 'in-process', redis: 'redis', 'media-service': 'media-service', stale: 'stale' };

/** What the answer says of each field, in their order; `hotTier`: what is known of where hot answers come from. @throws Error when it is not the answer to such a question. */
export function understand({ fields, isHot }: Question, body: string, hotTier: Tier): FieldAnswer[] {
  const { data, errors, extensions } = answerSchema.parse(JSON.parse(body));
  const explained = new Map(extensions?.cache?.map((entry) => [entry.path, entry]));
  const failed = new Set(errors?.map(({ path }) => path?.join('.')));
  return fields.map(({ owner, key, path }) => {
    const entry = explained.get(path);
    const told = { owner, entry: entryOf({ owner, key }), tier: isHot ? hotTier : (tiers[entry?.source ?? ''] ?? 'unknown'), generation: String(entry?.generation ?? '') };
    const [alias = '', ...rest] = path.split('.');
    const value = rest.reduce<unknown>((parent, name) => (isObject(parent) ? parent[name] : undefined), data?.[alias]);
    if (value === undefined || [...failed].some((at) => at === path || at === alias)) return { ...told, seen: [] };
    const found = files.parse(value) ?? [];
    const seen = (key ? [key] : owner.keys).map((each) => ({ key: each, version: versionOf(each, found.find(({ collectionName }) => collectionName === each.collection)?.fileName) }));
    return { ...told, seen };
  });
}

/** Names the cache entry that a field reads. */
export function entryOf({ owner, key }: Field): string {
  return `${owner.modelType}/${owner.modelId}/${key?.collection ?? ''}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
