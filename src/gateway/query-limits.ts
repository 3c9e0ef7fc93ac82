/** What a query may cost before it is executed, so that no query can fill memory or keep the services busy. */
import type { ApolloServerPlugin } from '@apollo/server';
import { GraphQLError, type GraphQLSchema } from 'graphql';
import { getComplexity, type ComplexityEstimator } from 'graphql-query-complexity';
import { AppError } from '../contract/errors.js';
import type { RequestContext } from './request-context.js';

/** Tokens of a document, before it is parsed further. */
export const maxTokens = 4_000;

/** Fields, those below a list of ids counted once per id: 500 users with their avatars and all their fields pass. */
const maxComplexity = 20_000;

/** Fields that make a call of their own to a service cost as much as these many fields. */
const callCost = 20;
const callFields = new Set(['media', 'mediaByUUID', 'mediaURL', 'url', 'uploadFile', 'deleteMedia']);

const estimate: ComplexityEstimator = ({ field, args, childComplexity }) => {
  const ids: unknown = args.ids;
  const times = Array.isArray(ids) ? Math.max(1, ids.length) : 1;
  return (callFields.has(field.name) ? callCost : 1) + times * childComplexity;
};

export function queryLimits(schema: GraphQLSchema): ApolloServerPlugin<RequestContext> {
  return {
    requestDidStart: () =>
      Promise.resolve({
        didResolveOperation: ({ request, document, operationName }) => {
          const variables = request.variables ?? {};
          const options = { schema, query: document, variables, estimators: [estimate], ...(operationName && { operationName }) };
          refuseAbove(complexityOf(options));
          return Promise.resolve();
        },
      }),
  };
}

function complexityOf(options: Parameters<typeof getComplexity>[0]): number {
  try {
    return getComplexity(options);
  } catch (error) {
    // Variables that do not fit: the execution says so, with the code of that mistake.
    if (error instanceof GraphQLError) return 0;
    throw error;
  }
}

function refuseAbove(complexity: number): void {
  if (complexity <= maxComplexity) return;
  const refusal = new AppError('QUERY_TOO_COMPLEX', `The query costs ${complexity} points, at most ${maxComplexity} are allowed. Ask for less at once.`);
  throw new GraphQLError(refusal.message, { originalError: refusal, extensions: { http: { status: 400 } } });
}
