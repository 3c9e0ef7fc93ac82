/**
 * Contender: the floor. Bare node:http with the data in memory: it reads the JSON of the request, builds the answer from the variables, and
 * stringifies it. It knows no GraphQL, no cache, no service; nobody who does the work can be expected below it.
 */
import { createServer } from 'node:http';
import type { Media } from '../../src/contract/generated/media/v1/Media.js';
import type { User } from '../../src/contract/generated/user/v1/User.js';
import { avatarOf, mediaOf, profileOf, userOf } from '../data.js';
import { announce, listen } from './parts/process.js';

const owners = new Map<string, { user: User; media: Media }>();

function ownerOf(id: string): { user: User; media: Media } {
  const owner = owners.get(id) ?? { user: userOf(id), media: mediaOf(id) };
  owners.set(id, owner);
  return owner;
}

function profile(id: string): unknown {
  const { user, media } = ownerOf(id);
  return profileOf(user, media);
}

interface Variables {
  userId?: string;
  ids?: string[];
  modelId?: string;
}

function answer({ userId, ids, modelId }: Variables): unknown {
  if (userId !== undefined) return { user: profile(userId) };
  if (ids) return { users: ids.map(profile) };
  return { modelMedia: [avatarOf(ownerOf(modelId ?? '').media)] };
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const [only] = chunks;
    const text = chunks.length === 1 && only ? only.toString() : Buffer.concat(chunks).toString();
    const body = JSON.stringify({ data: answer(JSON.parse(text).variables) });
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body) }).end(body);
  });
});
announce({ graphql: `${await listen(server)}/graphql` });
