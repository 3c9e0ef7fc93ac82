/**
 * The fields of an object that follow from the object alone, as JSON text.
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

type Writer = (value: unknown) => string;

interface WrittenField {
  readonly key: string;
  readonly read: (parent: object) => unknown;
  readonly write: Writer;
}

export class FixedFields {
  readonly #fields: readonly WrittenField[];

  constructor(fields: readonly FixedField[]) {
    this.#fields = fields.map(({ key, type, read }, index) => ({ key: `${index > 0 ? ',' : ''}${JSON.stringify(key)}:`, read, write: writerOf(type) }));
  }

  /** `"a":1,"b":2`. @throws Error when it is not for sure what GraphQL would answer. */
  textOf(parent: object): string {
    let text = '';
    for (const { key, read, write } of this.#fields) text += key + write(read(parent));
    return text;
  }
}

/** By the rules of https://spec.graphql.org/October2021/#CompleteValue() for leaves and lists of them. */
function writerOf(type: GraphQLOutputType): Writer {
  const absent = isNonNullType(type) ? refuse : (): string => 'null';
  const present = presentWriterOf(type);
  return (value) => (value === null || value === undefined ? absent() : present(value));
}

function presentWriterOf(type: GraphQLOutputType): Writer {
  const inner = getNullableType(type);
  if (isListType(inner)) {
    const element = writerOf(inner.ofType);
    return (value) => (Array.isArray(value) ? `[${value.map(element).join(',')}]` : refuse());
  }
  if (!isLeafType(inner)) return refuse;
  return (value) => {
    if (typeof value === 'function' || value instanceof Error) return refuse();
    const leaf: unknown = inner.serialize(value);
    if (typeof leaf === 'string' && plain.test(leaf)) return `"${leaf}"`;
    const text: unknown = JSON.stringify(leaf);
    return typeof text === 'string' && text !== 'null' ? text : refuse();
  };
}

/** What JSON has between quotes as it is; of other texts `JSON.stringify` knows, for twice the price. */
// oxlint-disable-next-line no-control-regex
const plain = /^[^"\\\u0000-\u001f\ud800-\udfff]*$/;
