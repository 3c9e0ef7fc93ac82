/**
 * Contender: Mercurius with its JIT and mercurius-cache, in Redis or in memory (`CACHE`). Avatars are cached per owner for an hour and
 * invalidated by reference; misses are joined by a Mercurius loader. The keys are short ones of our own, as its docs advise, the storage in
 * memory is as large as our in-process tier.
 */
import { fastify } from 'fastify';
import { Redis } from 'ioredis';
import { mercurius } from 'mercurius';
import mercuriusCache, { type MercuriusCacheOptions } from 'mercurius-cache';
import { mercuriusUpload } from 'mercurius-upload';
import { uploadResolvers } from './parts/apollo.js';
import { readAvatars, readUser, readUsers } from './parts/backend.js';
import { onMediaChanged } from './parts/events.js';
import { announce, setting } from './parts/process.js';
import { typeDefs } from './parts/schema.js';

const ttlSeconds = 3_600;
const maxOwners = 100_000;

const storage: MercuriusCacheOptions['storage'] =
  setting('CACHE') === 'redis'
    ? { type: 'redis', options: { client: new Redis(setting('REDIS_ADDR'), { enableAutoPipelining: true }), invalidation: true } }
    : { type: 'memory', options: { size: maxOwners, invalidation: true } };

const referenceTo = (owner: string): string => `owner:${owner}`;

const app = fastify();
await app.register(mercuriusUpload);
await app.register(mercurius, {
  schema: typeDefs.join('\n'),
  jit: 1,
  resolvers: {
    ...uploadResolvers,
    Query: {
      user: (_parent: unknown, { id }: { id: string }) => readUser(id),
      users: (_parent: unknown, { ids }: { ids: string[] }) => readUsers(ids),
      modelMedia: async (_parent: unknown, { modelId }: { modelId: string }) => (await readAvatars([modelId]))[0],
    },
  },
  loaders: {
    User: {
      avatar: {
        loader: async (queries: { obj: { id: string } }[]) => (await readAvatars(queries.map(({ obj }) => obj.id))).map((avatars) => avatars.at(-1) ?? null),
        opts: { cache: false },
      },
    },
  },
});
await app.register(mercuriusCache.default, {
  ttl: ttlSeconds,
  ...(storage && { storage }),
  policy: {
    User: {
      avatar: { key: ({ self }: { self: { id: string } }) => self.id, references: ({ self }: { self: { id: string } }) => [referenceTo(self.id)] },
    },
    Query: {
      modelMedia: {
        key: ({ arg }: { arg: { modelId: string } }) => arg.modelId,
        references: ({ arg }: { arg: { modelId: string } }) => [referenceTo(arg.modelId)],
      },
    },
  },
});
await app.ready();
await onMediaChanged(({ modelId }) => app.graphql.cache?.invalidate(referenceTo(modelId)));
announce({ graphql: `${await app.listen({ host: '127.0.0.1', port: 0 })}/graphql` });
