/** The GraphQL endpoints through Apollo's pipeline. Hot operations take a shorter way (hot-lane/entrance.ts), and are answered alike. */
import { fastifyApolloHandler } from '@as-integrations/fastify';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import type { Apollo } from './apollo.js';
import { explainHeader } from './explain.js';
import { taken } from './hot-lane/entrance.js';
import { acceptMultipart } from './multipart-request.js';
import { viewerOf } from './policy.js';
import { createRequestContext, type RequestContext, type Services } from './request-context.js';

export const graphqlPaths = ['/graphql', '/query'];

/** Clients that send others than the first so many take the longer way. */
const maxAccepts = 100;
const maxAcceptLength = 300;

export interface GraphqlRoutes {
  readonly routes: FastifyPluginAsync;
  /** The content type of a successful answer to this `accept`; undefined while there was none. */
  readonly contentTypeOf: (accept: string) => string | undefined;
}

export function graphqlRoutes({ server }: Apollo, services: Services): GraphqlRoutes {
  const apollo = fastifyApolloHandler<RequestContext>(server, {
    context: (request) => {
      const asked = { requestId: request.id, viewer: viewerOf(request), explainToken: request.headers[explainHeader] };
      return Promise.resolve(createRequestContext(services, asked, taken.get(request.raw)?.known));
    },
  });
  const contentTypes = new Map<string, string>();

  const learn = ({ method, headers: { accept = '' } }: FastifyRequest, reply: FastifyReply): void => {
    const contentType = reply.getHeader('content-type');
    const isLearned = method === 'POST' && reply.statusCode === 200 && accept.length <= maxAcceptLength;
    if (isLearned && contentTypes.size < maxAccepts && typeof contentType === 'string') contentTypes.set(accept, contentType);
  };
  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    reply.header('cache-control', 'no-store');
    const body: unknown = await apollo.call(request.server, request, reply);
    learn(request, reply);
    return body;
  };
  const routes: FastifyPluginAsync = async (app) => {
    acceptMultipart(app, {
      maxUploadBytes: services.maxUploadBytes,
      authorize: (request) => services.policy.authorize(viewerOf(request), { kind: 'mutate' }),
    });
    // What the entrance has read of the body can be read once more.
    app.addHook('preParsing', (request, _reply, payload, done) => {
      const read = taken.get(request.raw);
      done(null, read ? Readable.from([read.body], { objectMode: false }) : payload);
    });
    for (const url of graphqlPaths) app.route({ method: ['GET', 'POST'], url, handler });
    await Promise.resolve();
  };
  return { routes, contentTypeOf: (accept) => contentTypes.get(accept) };
}
