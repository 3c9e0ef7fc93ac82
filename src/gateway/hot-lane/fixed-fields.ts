/**
 * The fields of an object that follow from the object alone, as JSON text: made once per object and selection.
 * Invariant: what GraphQL's own execution would not answer with this very text throws, and the operation is left to GraphQL.
 */
import { getNullableType, isLeafType, isListType, isNonNullType, type GraphQLOutputType } from 'graphql';
import { refuse } from './refused.js';

export interface FixedField {
  /** The response key. */
  readonly key: string;
  readonly type: GraphQLOutputType;
  readonly read: (parent: object) => unknown;
}

/** Of one object, the last few: each is about as long as the object's own text, and goes with it when the cache that it comes from drops it. */
const maxPerObject = 4;

interface Prepared {
  readonly fields: FixedFields;
  readonly text: string;
}

const prepared = new WeakMap<object, readonly Prepared[]>();

export class FixedFields {
  readonly #fields: readonly FixedField[];

  constructor(fields: readonly FixedField[]) {
    this.#fields = fields;
  }

  /** `"a":1,"b":2`. @throws Error when it is not for sure what GraphQL would answer. */
  textOf(parent: object): string {
    const texts = prepared.get(parent) ?? [];
    for (const { fields, text } of texts) if (fields === this) return text;
    const text = this.#make(parent);
    prepared.set(parent, [...texts.slice(1 - maxPerObject), { fields: this, text }]);
    return text;
  }

  #make(parent: object): string {
    return this.#fields.map(({ key, type, read }) => `${JSON.stringify(key)}:${leafText(type, read(parent))}`).join(',');
  }
}

/** By the rules of https://spec.graphql.org/October2021/#CompleteValue() for leaves and lists of them. */
function leafText(type: GraphQLOutputType, value: unknown): string {
  if (value instanceof Error || typeof value === 'function') return refuse();
  if (value === null || value === undefined) return isNonNullType(type) ? refuse() : 'null';
  const inner = getNullableType(type);
  if (isListType(inner)) return Array.isArray(value) ? `[${value.map((element) => leafText(inner.ofType, element)).join(',')}]` : refuse();
  const text: unknown = isLeafType(inner) ? JSON.stringify(inner.serialize(value)) : undefined;
  return typeof text === 'string' && text !== 'null' ? text : refuse();
}
