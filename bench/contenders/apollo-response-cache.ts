/**
 * Contender: Apollo Server with @apollo/server-plugin-response-cache, whole answers in Redis through Keyv for an hour, as
 * https://www.apollographql.com/docs/apollo-server/performance/caching says. It has no way to drop an answer when something in it changes.
 * Misses go through a DataLoader, as the docs advise.
 */
import { ApolloServerPluginCacheControl } from '@apollo/server/plugin/cacheControl';
import responseCachePlugin from '@apollo/server-plugin-response-cache';
import { KeyvAdapter } from '@apollo/utils.keyvadapter';
import KeyvRedis from '@keyv/redis';
import DataLoader from 'dataloader';
import { Keyv } from 'keyv';
import { readAvatars, readUser, readUsers, type GraphMedia } from './parts/backend.js';
import { serveApollo } from './parts/apollo.js';
import { setting } from './parts/process.js';

const ttlSeconds = 3_600;

interface Context {
  avatars: DataLoader<string, GraphMedia[]>;
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Keyv declares itself twice, for import and for require, and the adapter means the other one.
const keyv = new Keyv<string>(new KeyvRedis(setting('REDIS_ADDR'))) as unknown as ConstructorParameters<typeof KeyvAdapter<string>>[0];

await serveApollo<Context>({
  cache: new KeyvAdapter(keyv),
  plugins: [ApolloServerPluginCacheControl({ defaultMaxAge: ttlSeconds, calculateHttpHeaders: false }), responseCachePlugin()],
  createContext: () => ({ avatars: new DataLoader(readAvatars) }),
  resolvers: {
    Query: {
      user: (_parent: unknown, { id }: { id: string }) => readUser(id),
      users: (_parent: unknown, { ids }: { ids: string[] }) => readUsers(ids),
      modelMedia: (_parent: unknown, { modelId }: { modelId: string }, { avatars }: Context) => avatars.load(modelId),
    },
    User: { avatar: async ({ id }: { id: string }, _arguments: unknown, { avatars }: Context) => (await avatars.load(id)).at(-1) ?? null },
  },
});
