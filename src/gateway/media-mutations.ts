/**
 * The mutations of media. Invariant: when the client has its answer, this gateway reads the new state,
 * because the cache was invalidated before the answer; the event does the same later, for the case that this was not possible.
 */
import type { IResolvers } from '@graphql-tools/utils';
import type { FileUpload } from 'graphql-upload-minimal';
import { AppError } from '../contract/errors.js';
import type { Media } from '../contract/generated/media/v1/Media.js';
import { checkIdentifier } from '../contract/identifier.js';
import { limitedBytes } from './multipart-request.js';
import type { RequestContext } from './request-context.js';

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
      await invalidate(context, media);
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
  return services.media.upload(meta, limitedBytes(file, services.maxUploadBytes));
}

async function openFile(file: Promise<FileUpload>): Promise<FileUpload> {
  try {
    return await file;
  } catch (error) {
    throw new AppError('BAD_USER_INPUT', 'The file is missing in the request.', { cause: error });
  }
}

/** The owner is looked up first: the policy needs it, and so does the invalidation, also when an earlier try has deleted the row but lost its answer. */
async function deleteMedia(id: string, context: RequestContext): Promise<boolean> {
  const { services, viewer } = context;
  const media = await services.media.getById(id);
  if (!media) return false;
  const { model_type: modelType, model_id: modelId, collection_name: collectionName } = media;
  await services.policy.authorize(viewer, { kind: 'delete', modelType, modelId, collectionName });
  await services.media.delete(id);
  await invalidate(context, media);
  return true;
}

async function invalidate({ services, requestId }: RequestContext, media: Media): Promise<void> {
  try {
    await services.mediaReader.invalidate(media.model_type, media.model_id, media.collection_name);
  } catch (error) {
    services.log.warn({ err: error, requestId }, 'the cache could not be invalidated after a write, its event will do it');
  }
}
