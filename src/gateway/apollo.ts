/** GraphQL as Apollo Server executes it, with our limits, errors and explanations. It also tells which operations are asked for often. */
import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import { ApolloServerPluginCacheControlDisabled } from '@apollo/server/plugin/disabled';
import { fastifyApolloDrainPlugin } from '@as-integrations/fastify';
import type { FastifyInstance } from 'fastify';
import { OperationTypeNode } from 'graphql';
import type { Logger } from '../runtime/logger.js';
import { formatError, isInternal } from './error-format.js';
import { Operations } from './hot-lane/operations.js';
import { preflightHeaders } from './multipart-request.js';
import { maxTokens, queryLimits } from './query-limits.js';
import type { RequestContext } from './request-context.js';
import { createSchema } from './schema.js';

export interface Apollo {
  readonly server: ApolloServer<RequestContext>;
  /** Those that it has answered. */
  readonly operations: Operations;
}

export async function startApollo(app: FastifyInstance, log: Logger): Promise<Apollo> {
  const schema = createSchema();
  const operations = new Operations(schema);
  const server = new ApolloServer<RequestContext>({
    schema,
    csrfPrevention: { requestHeaders: preflightHeaders },
    parseOptions: { maxTokens },
    introspection: true,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    formatError,
    logger: log.child({ part: 'apollo' }, { level: 'error' }),
    plugins: [
      fastifyApolloDrainPlugin(app),
      // It looks at each field of each answer for hints that this schema does not have.
      ApolloServerPluginCacheControlDisabled(),
      queryLimits(schema),
      internalErrorLog,
      cacheExplanation,
      answeredOperations(operations),
    ],
  });
  await server.start();
  return { server, operations };
}

/** Logs what nobody foresaw, with the id that the client is given. */
const internalErrorLog: ApolloServerPlugin<RequestContext> = {
  requestDidStart: () =>
    Promise.resolve({
      didEncounterErrors: ({ errors, contextValue: { requestId, services } }) => {
        for (const error of errors) {
          if (!isInternal(error, error.extensions.code)) continue;
          error.extensions.requestId = requestId;
          services.log.error({ err: error.originalError ?? error, requestId, path: error.path }, 'a request failed');
        }
        return Promise.resolve();
      },
    }),
};

/** `extensions.cache`, for those who may see it. */
const cacheExplanation: ApolloServerPlugin<RequestContext> = {
  requestDidStart: () =>
    Promise.resolve({
      willSendResponse: ({ response: { body }, contextValue: { explain } }) => {
        if (explain && body.kind === 'single') body.singleResult.extensions = { ...body.singleResult.extensions, cache: explain.explanations() };
        return Promise.resolve();
      },
    }),
};

function answeredOperations(operations: Operations): ApolloServerPlugin<RequestContext> {
  return {
    requestDidStart: () =>
      Promise.resolve({
        willSendResponse: ({ request: { query, operationName }, operation, document, response: { body } }) => {
          const isAnswered = body.kind === 'single' && !body.singleResult.errors;
          if (isAnswered && query !== undefined && document && operation?.operation === OperationTypeNode.QUERY) operations.answered(query, operationName, document);
          return Promise.resolve();
        },
      }),
  };
}
