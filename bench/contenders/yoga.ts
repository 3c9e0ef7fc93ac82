/**
 * Contender: GraphQL Yoga with its response cache, in Redis or in memory (`CACHE`), whole answers for an hour, dropped by the user or media
 * in them; misses through a DataLoader and graphql-jit. As https://the-guild.dev/graphql/yoga-server/docs/features/response-caching says;
 * the memory holds as many answers as our in-process tier holds owners.
 */
import { useGraphQlJit } from '@envelop/graphql-jit';
import { createRedisCache } from '@envelop/response-cache-redis';
import { createInMemoryCache, useResponseCache } from '@graphql-yoga/plugin-response-cache';
import DataLoader from 'dataloader';
import { createSchema, createYoga } from 'graphql-yoga';
import { Redis } from 'ioredis';
import { createServer } from 'node:http';
import { readAvatars, readUser, readUsers, upload, type GraphMedia, type UploadInput } from './parts/backend.js';
import { onMediaChanged } from './parts/events.js';
import { announce, listen, setting } from './parts/process.js';
import { typeDefs } from './parts/schema.js';

const ttlMs = 3_600_000;
const maxAnswers = 100_000;

const cache =
  setting('CACHE') === 'redis'
    ? createRedisCache({ redis: new Redis(setting('REDIS_ADDR'), { enableAutoPipelining: true }) })
    : createInMemoryCache({ max: maxAnswers });

interface Context {
  avatars: DataLoader<string, GraphMedia[]>;
}

const schema = createSchema<Context>({
  typeDefs: [...typeDefs],
  resolvers: {
    Query: {
      user: (_parent: unknown, { id }: { id: string }) => readUser(id),
      users: (_parent: unknown, { ids }: { ids: string[] }) => readUsers(ids),
      modelMedia: (_parent: unknown, { modelId }: { modelId: string }, { avatars }) => avatars.load(modelId),
    },
    User: { avatar: async ({ id }: { id: string }, _arguments: unknown, { avatars }) => (await avatars.load(id)).at(-1) ?? null },
    Mutation: {
      uploadFile: async (_parent: unknown, { input: { file, ...input } }: { input: UploadInput & { file: File } }) => {
        const bytes = Buffer.from(await file.arrayBuffer());
        return upload(input, file.name, (async function* () { yield bytes; })());
      },
    },
  },
});

const yoga = createYoga({
  schema,
  context: (): Context => ({ avatars: new DataLoader(readAvatars) }),
  logging: false,
  graphiql: false,
  landingPage: false,
  plugins: [useGraphQlJit(), useResponseCache({ session: () => null, ttl: ttlMs, cache, includeExtensionMetadata: false })],
});

await onMediaChanged(({ modelId }) => cache.invalidate([{ typename: 'User', id: modelId }]));
announce({ graphql: `${await listen(createServer(yoga))}/graphql` });
