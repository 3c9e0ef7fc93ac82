/**
 * The mutations of media. Invariant: when the client has its answer, this gateway reads the new state,
 * because the cache was invalidated before the answer; the event of the media service does the same for the other gateways.
 */
import type { IResolvers } from '@graphql-tools/utils';
import type { FileUpload } from 'graphql-upload-minimal';
import { AppError } from '../contract/errors.js';
import type { Media } from '../contract/generated/media/v1/Media.js';
import { checkIdentifier } from '../contract/identifier.js';
import { limitedBytes } from './multipart-request.js';
import type { MediaQuery } from './media-reader.js';
import type { RequestContext, Services } from './request-context.js';

interface UploadFileInput {
  file: Promise<FileUpload>;
  modelType: string;
  modelId: string;
  collectionName: string;
  fileName?: string | null;
  name?: string | null;
}

export const mediaMutations: IResolvers<unknown, RequestContext> = {
  Mutation: {
    uploadFile: async (_parent, { input }: { input: UploadFileInput }, context) => {
      const media = await uploadFile(input, context);
      return { success: true, message: 'The file was uploaded.', data: media };
    },
    deleteMedia: async (_parent, { id }: { id: string }, context) => {
      const deleted = await deleteMedia(checkIdentifier('id', id), context);
      return { success: true, message: deleted ? 'The file was deleted.' : 'There is no file with this id.' };
    },
  },
};

async function uploadFile(input: UploadFileInput, { services, viewer }: RequestContext): Promise<Media> {
  const owner = {
    modelType: checkIdentifier('modelType', input.modelType),
    modelId: checkIdentifier('modelId', input.modelId),
    collectionName: checkIdentifier('collectionName', input.collectionName),
  };
  await services.policy.authorize(viewer, { kind: 'upload', ...owner });
  const file = await openFile(input.file);
  const meta = {
    model_type: owner.modelType,
    model_id: owner.modelId,
    collection_name: owner.collectionName,
    file_name: input.fileName ?? file.filename,
    name: input.name ?? '',
  };
  return writeThrough(services, owner, () => services.media.upload(meta, limitedBytes(file, services.maxUploadBytes)));
}

async function openFile(file: Promise<FileUpload>): Promise<FileUpload> {
  try {
    return await file;
  } catch (error) {
    throw new AppError('BAD_USER_INPUT', 'The file is missing in the request.', { cause: error });
  }
}

/** The owner is looked up first: the policy needs it, and so does the invalidation. */
async function deleteMedia(id: string, { services, viewer }: RequestContext): Promise<boolean> {
  const media = await services.media.getById(id);
  if (!media) return false;
  const owner = { modelType: media.model_type, modelId: media.model_id, collectionName: media.collection_name };
  await services.policy.authorize(viewer, { kind: 'delete', ...owner });
  await writeThrough(services, owner, () => services.media.delete(id));
  return true;
}

/** Also a write that failed is invalidated: its answer may have been lost after it was done. */
async function writeThrough<T>({ mediaReader, metrics }: Services, owner: MediaQuery, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } finally {
    await mediaReader.invalidateAfterWrite(owner);
    metrics.invalidation('store', 'write');
  }
}
