/**
 * What every peer reads from and writes to: the product's gRPC services, with the product's own client code, and users kept in the process
 * for as long as ours keeps them. What is compared is what a peer does above this.
 */
import { credentials } from '@grpc/grpc-js';
import { LRUCache } from 'lru-cache';
import type { Media } from '../../../src/contract/generated/media/v1/Media.js';
import type { User } from '../../../src/contract/generated/user/v1/User.js';
import { MediaService, UserService } from '../../../src/contract/services.js';
import { streamUpload } from '../../../src/gateway/media-upload.js';
import { channelOptions, unary } from '../../../src/runtime/grpc.js';
import { collectionName, modelType } from '../../data.js';
import { setting } from './process.js';

/** Media as the schema has it, so that no field needs a resolver. */
export type GraphMedia = ReturnType<typeof toGraph>;

const deadlineMs = 5_000;
const maxUsers = 10_000;

const mediaClient = new MediaService(setting('MEDIA_SERVICE_ADDR'), credentials.createInsecure(), channelOptions([]));
const userClient = new UserService(setting('USER_SERVICE_ADDR'), credentials.createInsecure(), channelOptions([]));
const users = new LRUCache<string, User>({ max: maxUsers, ttl: Number(setting('USER_CACHE_TTL_SECONDS')) * 1_000 });

/** In the order of `ids`; one call for those that are not kept. */
export async function readUsers(ids: readonly string[]): Promise<User[]> {
  const missing = ids.filter((id) => !users.has(id));
  const loaded = new Map<string, User>();
  if (missing.length > 0) {
    const { results } = await unary(userClient, UserService.service.GetUsers, { ids: missing }, deadlineMs);
    for (const { user } of results) if (user) loaded.set(user.id, user);
    for (const user of loaded.values()) users.set(user.id, user);
  }
  return ids.map((id) => {
    const user = loaded.get(id) ?? users.get(id);
    if (!user) throw new Error(`there is no user ${id}`);
    return user;
  });
}

export async function readUser(id: string): Promise<User> {
  const [user] = await readUsers([id]);
  if (!user) throw new Error(`there is no user ${id}`);
  return user;
}

function queryOf(owner: string): { model_type: string; model_id: string; collection_name: string } {
  return { model_type: modelType, model_id: owner, collection_name: collectionName };
}

/** The avatars of each owner, in order: one call. */
export async function readAvatars(owners: readonly string[]): Promise<GraphMedia[][]> {
  const { results } = await unary(mediaClient, MediaService.service.GetFilesByModels, { queries: owners.map(queryOf) }, deadlineMs);
  return results.map(({ media }) => media.map(toGraph));
}

/** The avatars of one owner, by the call for one. */
export async function readAvatarsOfOne(owner: string): Promise<GraphMedia[]> {
  const { media } = await unary(mediaClient, MediaService.service.GetFilesByModel, queryOf(owner), deadlineMs);
  return media.map(toGraph);
}

export interface UploadInput {
  modelType: string;
  modelId: string;
  collectionName: string;
}

/** The answer of the mutation `uploadFile`. */
export async function upload({ modelType: model_type, modelId: model_id, collectionName: collection_name }: UploadInput, fileName: string, bytes: AsyncIterable<Buffer>) {
  const meta = { model_type, model_id, collection_name, file_name: fileName, name: '', custom_properties: '', idempotency_key: '' };
  return { success: true, message: 'uploaded', data: toGraph(await streamUpload(mediaClient, meta, bytes)) };
}

function toGraph(row: Media) {
  return {
    id: row.id,
    uuid: row.uuid,
    modelType: row.model_type,
    modelId: row.model_id,
    collectionName: row.collection_name,
    name: row.name,
    fileName: row.file_name,
    mimeType: row.mime_type || null,
    size: row.size,
    width: row.width || null,
    height: row.height || null,
    customProperties: {},
    orderColumn: row.order_column,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    generatedConversions: [],
  };
}
