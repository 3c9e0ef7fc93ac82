/** What a query may cost before it is executed, so that no query can fill memory or keep the process or the services busy. */
import type { ApolloServerPlugin } from '@apollo/server';
import { getNullableType, getVariableValues, GraphQLError, isListType, Kind, type DocumentNode, type GraphQLSchema, type OperationDefinitionNode } from 'graphql';
import { getComplexity, type ComplexityEstimator } from 'graphql-query-complexity';
import { AppError } from '../contract/errors.js';
import type { RequestContext } from './request-context.js';

/** Tokens of a document, before it is parsed further. */
export const maxTokens = 4_000;

/** Points that an operation may cost: 500 users with all fields of their avatars pass. */
export const maxComplexity = 10_000;

/** A field costs a point, and its children's; those of a list as often as it has elements, which for a list of media is assumed. */
const assumedListSize = 50;

/** Fields that cost more: a URL is one in a batch of calls, most others make a call of their own, and an import may last for minutes. */
const pointsOf = new Map([
  ['url', 2],
  ['modelMediaURL', 3],
  ['importMedia', 500],
  ...['media', 'mediaByUUID', 'mediaURL', 'uploadFile', 'updateMedia', 'reorderMedia', 'deleteMedia', 'message', 'messages', 'retryMessageMedia'].map((field) => [field, 20] as const),
]);

const estimate: ComplexityEstimator = ({ field, args, childComplexity }) => {
  const ids: unknown = args.ids;
  const unknownSize = isListType(getNullableType(field.type)) ? assumedListSize : 1;
  const elements = Array.isArray(ids) ? ids.length : unknownSize;
  return (pointsOf.get(field.name) ?? 1) + elements * childComplexity;
};

/** Refuses an operation with wrong variables, or that costs too much. Introspection is bounded by its tokens and depth. */
export function queryLimits(schema: GraphQLSchema): ApolloServerPlugin<RequestContext> {
  const counted = rememberCounts();
  return {
    requestDidStart: () =>
      Promise.resolve({
        didResolveOperation: ({ request, document, operation }) => {
          // No operation, or not the one that was named: Apollo says so next.
          if (!operation) return Promise.resolve();
          const variables = request.variables ?? {};
          checkVariables(schema, operation, variables);
          if (!isIntrospection(operation)) refuseAbove(counted({ schema, document, name: operation.name?.value, variables }, operation));
          return Promise.resolve();
        },
      }),
  };
}

/** Of one document, by what of its variables can make a difference. */
const maxCounts = 100;

/** `complexityOf`, once for each document and each length of its lists: to count costs as much as to execute most operations. */
function rememberCounts(): (asked: Operation, operation: OperationDefinitionNode) => number {
  const documents = new WeakMap<DocumentNode, Map<string, number>>();
  return (asked, { variableDefinitions = [] }) => {
    const { document, name = '', variables } = asked;
    const counts = documents.get(document) ?? new Map<string, number>();
    const kind = [name, ...variableDefinitions.map(({ variable }) => countedOf(variables[variable.name.value]))].join();
    const known = counts.get(kind);
    if (known !== undefined) return known;
    const complexity = complexityOf(asked);
    if (counts.size >= maxCounts) counts.clear();
    documents.set(document, counts.set(kind, complexity));
    return complexity;
  };
}

/** A variable as far as it counts: fields are counted by the lengths of lists, and left out by booleans. */
function countedOf(value: unknown): string {
  if (Array.isArray(value)) return `list of ${value.length}`;
  return typeof value === 'boolean' ? String(value) : '';
}

/** Names the first mistake, not all: each costs time, and a body has room for hundreds of thousands. */
function checkVariables(schema: GraphQLSchema, { variableDefinitions = [] }: OperationDefinitionNode, given: Record<string, unknown>): void {
  const [mistake] = getVariableValues(schema, variableDefinitions, given, { maxErrors: 1 }).errors ?? [];
  if (mistake) throw refusal('BAD_USER_INPUT', mistake.message);
}

/** What `queryLimits` counts. */
export interface Operation {
  schema: GraphQLSchema;
  document: DocumentNode;
  /** Of the operation, where the document has several. */
  name: string | undefined;
  /** As they were given: the library coerces them itself. */
  variables: Record<string, unknown>;
}

/** Points. @throws GraphQLError where an argument does not fit. */
export function complexityOf({ schema, document, name, variables }: Operation): number {
  try {
    return getComplexity({ schema, query: document, variables, estimators: [estimate], ...(name !== undefined && { operationName: name }) });
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    // The library's own bound on what it counts; all else is an argument that does not fit.
    if (error.message.includes('maximum allowed number of nodes')) return Infinity;
    throw refusal('BAD_USER_INPUT', error.message);
  }
}

function isIntrospection({ selectionSet }: OperationDefinitionNode): boolean {
  return selectionSet.selections.every((selection) => selection.kind === Kind.FIELD && selection.name.value.startsWith('__'));
}

function refuseAbove(complexity: number): void {
  if (complexity <= maxComplexity) return;
  const cost = Number.isFinite(complexity) ? `${complexity} points` : 'too much to count';
  throw refusal('QUERY_TOO_COMPLEX', `The query costs ${cost}, at most ${maxComplexity} points are allowed. Ask for less at once.`);
}

function refusal(code: 'BAD_USER_INPUT' | 'QUERY_TOO_COMPLEX', message: string): GraphQLError {
  return new GraphQLError(message, { originalError: new AppError(code, message), extensions: { http: { status: 400 } } });
}
