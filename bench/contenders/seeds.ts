/**
 * Contender: the design that the seed documents describe, on Apollo Server and Fastify. Each avatar is a key in Redis for an hour,
 * read by its own GET; a miss is a call to the media service for this owner; an event deletes the key.
 * ioredis joins what is asked in one tick into one pipeline, which the design does not say but its docs advise.
 */
import { Redis } from 'ioredis';
import { readAvatarsOfOne, readUser, readUsers, type GraphMedia } from './parts/backend.js';
import { serveApollo } from './parts/apollo.js';
import { onMediaChanged } from './parts/events.js';
import { setting } from './parts/process.js';

const ttlSeconds = 3_600;
const redis = new Redis(setting('REDIS_ADDR'), { enableAutoPipelining: true });

function keyOf(owner: string): string {
  return `media:User:${owner}:avatars`;
}

async function avatarsOf(owner: string): Promise<GraphMedia[]> {
  const cached = await redis.get(keyOf(owner));
  if (cached) return JSON.parse(cached);
  const avatars = await readAvatarsOfOne(owner);
  await redis.set(keyOf(owner), JSON.stringify(avatars), 'EX', ttlSeconds);
  return avatars;
}

await onMediaChanged(({ modelId }) => redis.del(keyOf(modelId)));
await serveApollo({
  createContext: () => ({}),
  resolvers: {
    Query: {
      user: (_parent: unknown, { id }: { id: string }) => readUser(id),
      users: (_parent: unknown, { ids }: { ids: string[] }) => readUsers(ids),
      modelMedia: (_parent: unknown, { modelId }: { modelId: string }) => avatarsOf(modelId),
    },
    User: { avatar: async ({ id }: { id: string }) => (await avatarsOf(id)).at(-1) ?? null },
  },
});
