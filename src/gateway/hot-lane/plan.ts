/**
 * A read operation, compiled: which models and media it asks for, and the text around them.
 * Only what can be answered from users, media and the operation itself has a plan; whatever else is asked for is left to GraphQL's execution.
 */
import {
  GraphQLNonNull,
  GraphQLString,
  getNamedType,
  getOperationAST,
  isLeafType,
  isObjectType,
  Kind,
  OperationTypeNode,
  type DocumentNode,
  type FieldNode,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';
import { mediaSourceOf } from '../media-directive.js';
import { fixedResolvers } from '../resolvers.js';
import { FixedFields, type FixedField } from './fixed-fields.js';
import type { ReadyTexts } from './ready-texts.js';
import { ModelFields, type MediaField, type ModelPart } from './model-fields.js';

/** The value of an argument, from the variables as they were sent. */
export type Argument = (variables: Readonly<Record<string, unknown>>) => unknown;

export type Root =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'user' | 'users' | 'product'; readonly key: string; readonly ids: Argument; readonly fields: ModelFields }
  | {
      readonly kind: 'modelMedia';
      readonly key: string;
      readonly modelType: Argument;
      readonly modelId: Argument;
      readonly collectionName: Argument;
      readonly fields: FixedFields;
    };

export type Plan = readonly Root[];

export interface CompilerOptions {
  schema: GraphQLSchema;
  /** Where the texts of all plans are counted. */
  texts: ReadyTexts;
}

/** Of a document that is valid. Undefined: GraphQL has to execute it. */
export function compile({ schema, texts }: CompilerOptions, document: DocumentNode, operationName: string | undefined): Plan | undefined {
  const operation = getOperationAST(document, operationName);
  const query = schema.getQueryType();
  if (operation?.operation !== OperationTypeNode.QUERY || !query || operation.directives?.length) return undefined;
  if (operation.variableDefinitions?.some(({ defaultValue, directives }) => defaultValue ?? directives?.length)) return undefined;
  try {
    return new Compiler(document, texts).plan(query, operation.selectionSet);
  } catch (error) {
    if (error instanceof NoPlan) return undefined;
    throw error;
  }
}

class NoPlan extends Error {
  override readonly name = 'NoPlan';
}

/** The fields of one response key. They are the same field: the document is valid. */
interface Selected {
  readonly key: string;
  readonly name: string;
  readonly first: FieldNode;
  readonly selections: SelectionSetNode[];
}

class Compiler {
  readonly #document: DocumentNode;
  readonly #texts: ReadyTexts;

  constructor(document: DocumentNode, texts: ReadyTexts) {
    this.#document = document;
    this.#texts = texts;
  }

  plan(type: GraphQLObjectType, selectionSet: SelectionSetNode): Root[] {
    return this.#selected(type, [selectionSet]).map((selected) => this.#root(type, selected));
  }

  #root(type: GraphQLObjectType, { key, name, first, selections }: Selected): Root {
    const text = `${JSON.stringify(key)}:`;
    if (name === '__typename') return { kind: 'text', text: `${text}${JSON.stringify(type.name)}` };
    const target = getNamedType(fieldOf(type, name).type);
    if (!isObjectType(target)) throw new NoPlan();
    const argument = (argumentName: string): Argument => argumentOf(first, argumentName);
    switch (name) {
      case 'user':
      case 'product':
        return { kind: name, key: text, ids: argument('id'), fields: this.#model(target, selections) };
      case 'users':
        return { kind: name, key: text, ids: argument('ids'), fields: this.#model(target, selections) };
      case 'modelMedia': {
        const [modelType, modelId, collectionName] = [argument('modelType'), argument('modelId'), argument('collectionName')];
        return { kind: name, key: text, modelType, modelId, collectionName, fields: this.#fixed(target, selections) };
      }
      default:
        throw new NoPlan();
    }
  }

  #model(type: GraphQLObjectType, selections: readonly SelectionSetNode[]): ModelFields {
    const parts: ModelPart[] = [];
    let fixed: FixedField[] = [];
    const flush = (): void => {
      if (fixed.length > 0) parts.push({ fixed: new FixedFields(fixed) });
      fixed = [];
    };
    for (const selected of this.#selected(type, selections)) {
      const media = this.#mediaField(type, selected);
      if (media) {
        flush();
        parts.push({ media });
      } else fixed.push(fixedField(type, selected));
    }
    flush();
    return new ModelFields(parts, this.#texts);
  }

  #mediaField(type: GraphQLObjectType, { key, name, selections }: Selected): MediaField | undefined {
    const field = type.getFields()[name];
    const source = field && mediaSourceOf(field);
    const target = field && getNamedType(field.type);
    if (!source || !isObjectType(target)) return undefined;
    return { key: `${JSON.stringify(key)}:`, ...source, fields: this.#fixed(target, selections) };
  }

  #fixed(type: GraphQLObjectType, selections: readonly SelectionSetNode[]): FixedFields {
    return new FixedFields(this.#selected(type, selections).map((selected) => fixedField(type, selected)));
  }

  /** In the order of the answer. */
  #selected(type: GraphQLObjectType, selectionSets: readonly SelectionSetNode[]): Selected[] {
    const found = new Map<string, Selected>();
    for (const selectionSet of selectionSets) this.#collect(type, selectionSet, found);
    return [...found.values()];
  }

  #collect(type: GraphQLObjectType, { selections }: SelectionSetNode, found: Map<string, Selected>): void {
    for (const selection of selections) {
      if (selection.directives?.length) throw new NoPlan();
      if (selection.kind === Kind.FIELD) {
        const name = selection.name.value;
        const key = selection.alias?.value ?? name;
        const selected: Selected = found.get(key) ?? { key, name, first: selection, selections: [] };
        if (selection.selectionSet) selected.selections.push(selection.selectionSet);
        found.set(key, selected);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        if ((selection.typeCondition?.name.value ?? type.name) !== type.name) throw new NoPlan();
        this.#collect(type, selection.selectionSet, found);
      } else this.#collect(type, this.#fragment(type, selection.name.value), found);
    }
  }

  #fragment(type: GraphQLObjectType, name: string): SelectionSetNode {
    for (const definition of this.#document.definitions) {
      if (definition.kind !== Kind.FRAGMENT_DEFINITION || definition.name.value !== name) continue;
      if (definition.directives?.length || definition.typeCondition.name.value !== type.name) break;
      return definition.selectionSet;
    }
    throw new NoPlan();
  }
}

function fieldOf(type: GraphQLObjectType, name: string): GraphQLField<unknown, unknown> {
  const field = type.getFields()[name];
  if (!field) throw new NoPlan();
  return field;
}

function fixedField(type: GraphQLObjectType, { key, name }: Selected): FixedField {
  if (name === '__typename') return { key, type: new GraphQLNonNull(GraphQLString), read: () => type.name };
  const field = fieldOf(type, name);
  const read = fixedResolvers[type.name]?.[name] ?? (field.resolve ? undefined : (parent: object): unknown => Reflect.get(parent, name));
  if (!read || !isLeafType(getNamedType(field.type))) throw new NoPlan();
  return { key, type: field.type, read };
}

function argumentOf({ arguments: given = [] }: FieldNode, name: string): Argument {
  const value = given.find((argument) => argument.name.value === name)?.value;
  if (!value) return () => undefined;
  if (value.kind !== Kind.VARIABLE) {
    const constant = constantOf(value);
    return () => constant;
  }
  const variable = value.name.value;
  return (variables) => (Object.hasOwn(variables, variable) ? variables[variable] : undefined);
}

function constantOf(value: ValueNode): unknown {
  if (value.kind === Kind.NULL) return null;
  if (value.kind === Kind.STRING || value.kind === Kind.INT) return value.value;
  if (value.kind === Kind.LIST) return value.values.map(constantOf);
  throw new NoPlan();
}
