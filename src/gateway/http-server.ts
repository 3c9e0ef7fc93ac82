/**
 * HTTP in, GraphQL through, JSON out: Fastify with Apollo Server behind it. The only file that knows either.
 * Invariant: whatever a client sends, it gets an answer of the closed list of codes, and the server answers the next request.
 */
import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import fastifyApollo, { fastifyApolloDrainPlugin } from '@as-integrations/fastify';
import { fastify, type ConnectionError, type FastifyError, type FastifyInstance, type FastifyPluginAsync, type FastifyRequest } from 'fastify';
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { AppError, type ErrorCode } from '../contract/errors.js';
import { httpUrlOf, listenHost } from '../runtime/http-url.js';
import type { Logger } from '../runtime/logger.js';
import { usable } from '../runtime/settings.js';
import { errorBody, formatError, isInternal } from './error-format.js';
import { explainHeader } from './explain.js';
import { serveHealth, type Parts } from './health.js';
import { acceptMultipart, preflightHeaders } from './multipart-request.js';
import { viewerOf } from './policy.js';
import { maxTokens, queryLimits } from './query-limits.js';
import { createRequestContext, type RequestContext, type Services } from './request-context.js';
import { createSchema } from './schema.js';

export interface HttpServerOptions {
  host: string;
  port: number;
  services: Services;
  parts: () => Parts;
  /** Routes of other programs that share the port, as in `npm start`. */
  extraRoutes: FastifyPluginAsync | undefined;
}

export interface HttpServer {
  readonly url: string;
  /** Not ready from now on; ends when the requests in flight have been answered, or were cut off after `drainMs`. Idempotent. */
  stop(): Promise<void>;
}

/** Of a request that is not multipart. */
const maxBodyBytes = 1_048_576;
const uploadTimeoutMs = 300_000;
const drainMs = 7_000;

/** Resolves once requests are answered. @throws Error when the address cannot be bound. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, port, services, parts, extraRoutes } = options;
  const { metrics } = services;
  const app = fastify({
    bodyLimit: maxBodyBytes,
    requestTimeout: uploadTimeoutMs,
    genReqId: requestIdOf,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 2_048 },
    // What Fastify would answer in words of its own, before our handlers are reached.
    frameworkErrors: (_error, _request, { raw }) =>
      void raw.writeHead(400, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(errorBody('BAD_USER_INPUT', 'The URL cannot be read.'))),
    clientErrorHandler: answerRawError,
  });
  const apollo = createApollo(app, services.log);
  await apollo.start();
  let stopping: Promise<void> | undefined;

  app.setErrorHandler((error: FastifyError, request, reply) => {
    const { status, body } = describeFailure(error, request, services.log);
    return reply.code(status).send(body);
  });
  app.setNotFoundHandler((request, reply) => reply.code(404).send(errorBody('NOT_FOUND', `There is nothing at ${request.method} ${request.url.split('?')[0]}.`)));
  app.addHook('onSend', async (request, reply) => {
    reply.header('x-request-id', request.id);
    // A connection that is kept alive behind its last answer would hold up the stop.
    if (stopping) reply.header('connection', 'close');
  });
  app.addHook('onResponse', async (_request, reply) => metrics.request(reply.statusCode, reply.elapsedTime / 1_000));
  serveHealth(app, { registry: metrics.registry, ready: () => !stopping, parts });
  await app.register(graphqlRoutes(apollo, services));
  if (extraRoutes) await app.register(extraRoutes);
  await usable('HOST and PORT', app.listen({ host: listenHost(host), port }));

  return {
    url: httpUrlOf(host, app.server.address()),
    // Apollo first: it lets its operations finish and closes Fastify itself. The other way round both wait for each other.
    stop: () => (stopping ??= stopWithin(apollo, app)),
  };
}

function createApollo(app: FastifyInstance, log: Logger): ApolloServer<RequestContext> {
  const schema = createSchema();
  return new ApolloServer<RequestContext>({
    schema,
    csrfPrevention: { requestHeaders: preflightHeaders },
    parseOptions: { maxTokens },
    introspection: true,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    formatError,
    logger: log.child({ part: 'apollo' }, { level: 'error' }),
    plugins: [fastifyApolloDrainPlugin(app), queryLimits(schema), internalErrorLog, cacheExplanation],
  });
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

function graphqlRoutes(apollo: ApolloServer<RequestContext>, services: Services): FastifyPluginAsync {
  return async (app) => {
    acceptMultipart(app, {
      maxUploadBytes: services.maxUploadBytes,
      authorize: (request) => services.policy.authorize(viewerOf(request), { kind: 'mutate' }),
    });
    const context = (request: FastifyRequest): Promise<RequestContext> =>
      Promise.resolve(createRequestContext(services, { requestId: request.id, viewer: viewerOf(request), explainToken: request.headers[explainHeader] }));
    for (const path of ['/graphql', '/query']) {
      // One after the other: Fastify registers plugins in order.
      // oxlint-disable-next-line no-await-in-loop
      await app.register(fastifyApollo(apollo), { path, context, method: ['GET', 'POST'] });
    }
  };
}

/** Where the library's sentence does not say what is allowed. */
const knownMistakes: Readonly<Record<string, readonly [status: number, message: string]>> = {
  ERR_INVALID_URL: [400, 'The Host header cannot be read.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, 'Send the request as application/json, or an upload as multipart/form-data.'],
};

function describeFailure(error: FastifyError, request: FastifyRequest, log: Logger): { status: number; body: ReturnType<typeof errorBody> } {
  if (error instanceof AppError) return { status: statusOf(error.code), body: errorBody(error.code, error.message) };
  const [status, message] = knownMistakes[error.code] ?? [error.statusCode ?? 500, error.message];
  if (status < 500) return { status, body: errorBody('BAD_USER_INPUT', message) };
  log.error({ err: error, requestId: request.id }, 'a request failed');
  return { status, body: errorBody('INTERNAL_SERVER_ERROR', 'Internal error.', request.id) };
}

/** Of what is not even HTTP, or exceeds its bounds: there is no request that a handler could answer. */
function answerRawError(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  const body = JSON.stringify(errorBody('BAD_USER_INPUT', 'The request cannot be read as HTTP, or its headers are too long.'));
  const head = ['content-type: application/json; charset=utf-8', `content-length: ${Buffer.byteLength(body)}`, 'connection: close'];
  socket.end(`HTTP/1.1 ${status}\r\n${head.join('\r\n')}\r\n\r\n${body}`);
}

function statusOf(code: ErrorCode): number {
  if (code === 'UNAUTHENTICATED') return 401;
  return code === 'FORBIDDEN' ? 403 : 400;
}

/** A caller's own id is kept when it is harmless, so that a trace can be followed through. */
function requestIdOf({ headers }: Pick<FastifyRequest, 'headers'>): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
}

async function stopWithin(apollo: ApolloServer<RequestContext>, app: FastifyInstance): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), drainMs);
  try {
    await apollo.stop();
  } finally {
    clearTimeout(timer);
  }
}
