/**
 * HTTP in, JSON out: Fastify, with the GraphQL routes among others. The only file that makes a server of it.
 * Invariant: whatever a client sends, it gets an answer of the closed list of codes, and the server answers the next request.
 */
import { fastify, type ConnectionError, type FastifyError, type FastifyInstance, type FastifyPluginAsync, type FastifyRequest } from 'fastify';
import { randomUUID } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { AppError, type ErrorCode } from '../contract/errors.js';
import { httpUrlOf, listenHost } from '../runtime/http-url.js';
import type { Logger } from '../runtime/logger.js';
import { usable } from '../runtime/settings.js';
import { startApollo, type Apollo } from './apollo.js';
import { errorBody } from './error-format.js';
import { graphqlPaths, graphqlRoutes } from './graphql-routes.js';
import { serveHealth, type Parts } from './health.js';
import { hotEntrance, type Entrance } from './hot-lane/entrance.js';
import { HotLane } from './hot-lane/hot-lane.js';
import type { KeptMemory } from './kept-memory.js';
import type { MetricsPage } from './metrics.js';
import type { Services } from './request-context.js';

export interface HttpServerOptions {
  host: string;
  port: number;
  services: Services;
  parts: () => Parts;
  maxKept: KeptMemory;
  metricsPage: MetricsPage;
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
/** Longer than load balancers keep theirs. */
const keepAliveMs = 72_000;
const drainMs = 7_000;

/** Resolves once requests are answered. @throws Error when the address cannot be bound. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, port, services, parts, maxKept, metricsPage, extraRoutes } = options;
  const { metrics } = services;
  let enter = straightOn;
  const app = fastify({
    serverFactory: (next) => serverOf((request, response) => enter(request, response, next)),
    bodyLimit: maxBodyBytes,
    genReqId: requestIdOf,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 2_048 },
    // What Fastify would answer in words of its own, before our handlers are reached.
    frameworkErrors: (_error, _request, { raw }) =>
      void raw.writeHead(400, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(errorBody('BAD_USER_INPUT', 'The URL cannot be read.'))),
    clientErrorHandler: answerRawError,
  });
  const apollo = await startApollo(app, services.log);
  let stopping: Promise<void> | undefined;

  app.setErrorHandler((error: FastifyError, request, reply) => {
    const { status, body } = describeFailure(error, request, services.log);
    return reply.code(status).send(body);
  });
  app.setNotFoundHandler((request, reply) => reply.code(404).send(errorBody('NOT_FOUND', `There is nothing at ${request.method} ${request.url.split('?')[0]}.`)));
  app.addHook('onSend', (request, reply, _payload, done) => {
    reply.header('x-request-id', request.id);
    // A connection that is kept alive behind its last answer would hold up the stop.
    if (stopping) reply.header('connection', 'close');
    done();
  });
  app.addHook('onResponse', (_request, reply, done) => {
    metrics.request(reply.statusCode, reply.elapsedTime / 1_000);
    done();
  });
  serveHealth(app, { metricsPage, ready: () => !stopping, parts });
  const graphql = graphqlRoutes(apollo, services);
  await app.register(graphql.routes);
  if (extraRoutes) await app.register(extraRoutes);
  enter = hotEntrance({
    lane: new HotLane({ operations: apollo.operations, users: services.users, media: services.mediaReader, maxKept }),
    paths: graphqlPaths,
    contentTypeOf: graphql.contentTypeOf,
    requestIdOf,
    isStopping: () => stopping !== undefined,
    answered: (seconds) => {
      metrics.hotAnswer();
      metrics.request(200, seconds);
    },
  });
  await usable('HOST and PORT', app.listen({ host: listenHost(host), port }));

  return {
    url: httpUrlOf(host, app.server.address()),
    // Apollo first: it lets its operations finish and closes Fastify itself. The other way round both wait for each other.
    stop: () => (stopping ??= stopWithin(apollo, app)),
  };
}

/** Until the other lane is there. */
const straightOn: Entrance = (request, response, next) => next(request, response);

/** What Fastify would make, with its bounds on time. */
function serverOf(listener: RequestListener): Server {
  const server = createServer(listener);
  server.requestTimeout = uploadTimeoutMs;
  server.keepAliveTimeout = keepAliveMs;
  return server;
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

/** A new UUID for each request would cost as much as to parse it. */
const processName = randomUUID().slice(0, 13);
let requests = 0;

/** A caller's own id is kept when it is harmless, so that a trace can be followed through. */
function requestIdOf({ headers }: Pick<FastifyRequest, 'headers'>): string {
  const given = headers['x-request-id'];
  if (typeof given === 'string' && /^[\w.-]{1,64}$/.test(given)) return given;
  requests += 1;
  return `${processName}-${requests.toString(36)}`;
}

async function stopWithin({ server: apollo }: Apollo, app: FastifyInstance): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), drainMs);
  try {
    await apollo.stop();
  } finally {
    clearTimeout(timer);
  }
}
