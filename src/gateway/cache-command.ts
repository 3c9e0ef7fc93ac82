/**
 * `npm run cache`: what an operator does to the cache from outside of the gateways. A purge reaches every tier: the entries in Redis, and by
 * its announcement the copies in all gateways.
 */
import type { Peeked } from '../cache/redis-replies.js';
import type { RedisStore } from '../cache/redis-store.js';
import { checkIdentifier } from '../contract/identifier.js';
import { ownerKey, ownerPrefix } from './media-reader.js';
import { modelMediaCodec } from './stored-media.js';

export const usage = `npm run cache -- purge owner <model type> <model id> [<collection>]   what is cached of one owner
npm run cache -- purge type <model type>                             of all owners of a type, by a scan
npm run cache -- purge all                                           everything, by a scan
npm run cache -- peek <model type> <model id>                        shows what Redis has of an owner
REDIS_ADDR, CACHE_KEY_PREFIX and the other settings are those of the gateways.
`;

/** The command line is none of the above. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Resolves with what to print. @throws Error when Redis did not confirm. */
export type CacheCommand = (store: RedisStore) => Promise<string>;

/** @throws UsageError; AppError for an unusable name. */
export function readCacheCommand([verb, ...words]: readonly string[]): CacheCommand {
  if (verb === 'purge') return readPurge(words);
  if (verb === 'peek') return readPeek(words);
  throw new UsageError(verb === undefined ? 'What is to be done is missing.' : `There is no command ${verb}.`);
}

function readPurge([scope, ...names]: readonly string[]): CacheCommand {
  const [modelType = '', modelId = '', collection] = names;
  if (scope === 'all' && names.length === 0) return async (store) => `Purged ${counted(await store.purge(''))}.`;
  if (scope === 'type' && names.length === 1) {
    const prefix = ownerPrefix(checkIdentifier('model type', modelType));
    return async (store) => `Purged ${counted(await store.purge(prefix))} of type ${modelType}.`;
  }
  if (scope !== 'owner' || names.length < 2 || names.length > 3) throw new UsageError('A purge is of an owner, a type or all.');
  const owner = readOwner(modelType, modelId);
  return async (store) => {
    await store.invalidate(owner, collection);
    return `Purged ${modelType} ${modelId}${collection === undefined ? '' : `, collection ${collection}`}.`;
  };
}

function readPeek(names: readonly string[]): CacheCommand {
  const [modelType = '', modelId = ''] = names;
  if (names.length !== 2) throw new UsageError('An owner is a model type and a model id.');
  const owner = readOwner(modelType, modelId);
  return async (store) => {
    const entries = await store.peek(owner);
    return entries.length > 0 ? entries.map(describe).join('\n') : 'Nothing is cached.';
  };
}

function readOwner(modelType: string, modelId: string): string {
  return ownerKey(checkIdentifier('model type', modelType), checkIdentifier('model id', modelId));
}

function describe(entry: Peeked): string {
  if (entry.kind === 'last event') return `last event: ${entry.eventId}`;
  const name = entry.collection || 'all collections';
  const foreign = entry.isCurrent ? '' : ', of another version or generation: a miss';
  if (entry.kind === 'lease') return `${name}: being loaded, lease for ${entry.leaseMs} ms${foreign}`;
  return `${name}: ${entry.ageMs} ms old, ${entry.ttlMs} ms left, tag ${entry.tag}${foreign}\n  ${readable(entry.payload)}`;
}

/** With the names of the columns, where it can be read. */
function readable(payload: string): string {
  try {
    return JSON.stringify(modelMediaCodec.decode(payload));
  } catch {
    return payload;
  }
}

function counted(owners: number): string {
  return owners === 1 ? '1 owner' : `${owners} owners`;
}
