/**
 * Contender: the least that a miss can cost. Bare node:http, which for each request asks Redis once, calls the media service once, and stores
 * the result in Redis, one after the other, before it answers.
 */
import { Redis } from 'ioredis';
import { createServer, type ServerResponse } from 'node:http';
import { readAvatars } from './parts/backend.js';
import { announce, listen, setting } from './parts/process.js';

const redis = new Redis(setting('REDIS_ADDR'));

async function answer(modelId: string): Promise<string> {
  await redis.get(modelId);
  const [avatars = []] = await readAvatars([modelId]);
  await redis.set(modelId, JSON.stringify(avatars), 'EX', 3_600);
  const modelMedia = avatars.map(({ id, uuid, fileName, mimeType, size }) => ({ id, uuid, fileName, mimeType, size }));
  return JSON.stringify({ data: { modelMedia } });
}

async function respond(text: string, response: ServerResponse): Promise<void> {
  const body = await answer(JSON.parse(text).variables.modelId);
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body);
}

const server = createServer((request, response) => {
  let text = '';
  request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  request.on('end', () => void respond(text, response));
});
announce({ graphql: `${await listen(server)}/graphql` });
