/**
 * The mutations of media. Invariant: when the client has its answer, this gateway reads the new state, at each of its workers,
 * because the cache was invalidated before the answer; the event of the media service does the same for the other gateways.
 */
import type { IResolvers } from '@graphql-tools/utils';
import type { FileUpload } from 'graphql-upload-minimal';
import { AppError } from '../contract/errors.js';
import type { Media } from '../contract/generated/media/v1/Media.js';
import { checkIdentifier } from '../contract/identifier.js';
import { checkedCollection, checkedOrder, checkedProperties, checkedSource, type SourceInput } from './arguments.js';
import { maxMediaPerQuery, type MediaQuery } from './media-reader.js';
import { limitedBytes } from './multipart-request.js';
import type { OwnerAction } from './policy.js';
import type { RequestContext } from './request-context.js';

/** What every file is given that is added to a collection. */
interface NewFileInput {
  modelType: string;
  modelId: string;
  collectionName: string;
  fileName?: string | null;
  name?: string | null;
}

interface UploadFileInput extends NewFileInput {
  file: Promise<FileUpload>;
}

interface UpdateMediaInput {
  id: string;
  name?: string | null;
  fileName?: string | null;
  customProperties?: unknown;
}

interface ReorderMediaInput {
  modelType: string;
  modelId: string;
  collectionName: string;
  ids: string[];
}

export const mediaMutations: IResolvers<unknown, RequestContext> = {
  Mutation: {
    uploadFile: async (_parent, { input }: { input: UploadFileInput }, context) => {
      const media = await uploadFile(input, context);
      return { success: true, message: 'The file was uploaded.', data: media };
    },
    importMedia: async (_parent, { input }: { input: NewFileInput & SourceInput }, context) => {
      const media = await importMedia(input, context);
      return { success: true, message: 'The file was imported.', data: media };
    },
    updateMedia: async (_parent, { input }: { input: UpdateMediaInput }, context) => {
      const media = await updateMedia(input, context);
      return { success: true, message: 'The file was updated.', data: media };
    },
    reorderMedia: async (_parent, { input }: { input: ReorderMediaInput }, context) => {
      const media = await reorderMedia(input, context);
      if (media.length <= maxMediaPerQuery) return { success: true, message: 'The files were ordered.', data: media };
      return { success: true, message: `The files were ordered. There are ${media.length}; at most ${maxMediaPerQuery} can be listed.`, data: null };
    },
    deleteMedia: async (_parent, { id }: { id: string }, context) => {
      const deleted = await deleteMedia(checkIdentifier('id', id), context);
      return { success: true, message: deleted ? 'The file was deleted.' : 'There is no file with this id.' };
    },
  },
};

async function uploadFile(input: UploadFileInput, context: RequestContext): Promise<Media> {
  const { media, maxUploadBytes } = context.services;
  const owner = checkedCollection(input);
  await authorize(context, 'upload', owner);
  const file = await openFile(input.file);
  const meta = newFile(owner, { ...input, fileName: input.fileName ?? file.filename });
  return writeThrough(context, owner, () => media.upload(meta, limitedBytes(file, maxUploadBytes)));
}

async function openFile(file: Promise<FileUpload>): Promise<FileUpload> {
  try {
    return await file;
  } catch (error) {
    throw new AppError('BAD_USER_INPUT', 'The file is missing in the request.', { cause: error });
  }
}

async function importMedia(input: NewFileInput & SourceInput, context: RequestContext): Promise<Media> {
  const owner = checkedCollection(input);
  const request = { ...newFile(owner, input), ...checkedSource(input) };
  await authorize(context, 'import', owner);
  return writeThrough(context, owner, () => context.services.media.import(request));
}

async function updateMedia(input: UpdateMediaInput, context: RequestContext): Promise<Media> {
  const id = checkIdentifier('id', input.id);
  const properties = checkedProperties(input.customProperties);
  const changes = {
    ...(typeof input.name === 'string' && { name: input.name }),
    ...(typeof input.fileName === 'string' && { file_name: input.fileName }),
    ...(properties !== undefined && { custom_properties: properties }),
  };
  const owner = await ownerOf(id, context);
  if (owner) await authorize(context, 'update', owner);
  const updated = owner && (await writeThrough(context, owner, () => context.services.media.update({ id, ...changes })));
  if (!updated) throw new AppError('NOT_FOUND', 'There is no file with this id.');
  return updated;
}

async function reorderMedia(input: ReorderMediaInput, context: RequestContext): Promise<Media[]> {
  const owner = checkedCollection(input);
  const ids = [...checkedOrder(input.ids)];
  await authorize(context, 'update', owner);
  const { media } = await writeThrough(context, owner, () => context.services.media.reorder({ ...ownerMessage(owner), ids }));
  return media;
}

async function deleteMedia(id: string, context: RequestContext): Promise<boolean> {
  const owner = await ownerOf(id, context);
  if (!owner) return false;
  await authorize(context, 'delete', owner);
  await writeThrough(context, owner, () => context.services.media.delete(id));
  return true;
}

/** Of a file that is named by its id alone: the policy needs it, and so does the invalidation. Undefined when there is no such file. */
async function ownerOf(id: string, { services }: RequestContext): Promise<MediaQuery | undefined> {
  const media = await services.media.getById(id);
  return media && { modelType: media.model_type, modelId: media.model_id, collectionName: media.collection_name };
}

function ownerMessage({ modelType, modelId, collectionName }: MediaQuery): { model_type: string; model_id: string; collection_name: string } {
  return { model_type: modelType, model_id: modelId, collection_name: collectionName };
}

function newFile(owner: MediaQuery, { fileName, name }: NewFileInput): ReturnType<typeof ownerMessage> & { file_name: string; name: string } {
  return { ...ownerMessage(owner), file_name: fileName ?? '', name: name ?? '' };
}

function authorize({ services, viewer }: RequestContext, kind: OwnerAction['kind'], owner: MediaQuery): Promise<void> {
  return services.policy.authorize(viewer, { kind, ...owner });
}

/** Also a write that failed is invalidated: its answer may have been lost after it was done. */
async function writeThrough<T>({ services }: RequestContext, owner: MediaQuery, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } finally {
    await services.mediaReader.invalidateAfterWrite(owner);
    services.metrics.invalidation('store', 'write');
  }
}
