/** The resolvers of media: thin, they check arguments and ask the request's loaders and services. */
import type { IResolvers } from '@graphql-tools/utils';
import { responsePathAsArray, type GraphQLResolveInfo } from 'graphql';
import { AppError } from '../contract/errors.js';
import type { Media } from '../contract/generated/media/v1/Media.js';
import { checkIdentifier } from '../contract/identifier.js';
import { checkedExpiry, checkedUuid } from './arguments.js';
import { maxMediaPerQuery, type MediaQuery } from './media-reader.js';
import type { RequestContext } from './request-context.js';

/** All media of the query, in order. @throws AppError RESULT_TOO_LARGE above 1,000. */
export async function readMedia(context: RequestContext, query: MediaQuery, { path }: Pick<GraphQLResolveInfo, 'path'>): Promise<readonly Media[]> {
  context.explain?.field(responsePathAsArray(path).join('.'), query);
  const { total, media } = await context.loaders.modelMedia.load(query);
  if (total <= maxMediaPerQuery) return media;
  throw new AppError('RESULT_TOO_LARGE', `There are ${total} files; at most ${maxMediaPerQuery} can be listed. Ask for one collection.`);
}

const unlessZero = (pixels: number): number | null => (pixels === 0 ? null : pixels);

export const mediaResolvers: IResolvers<unknown, RequestContext> = {
  Media: {
    modelType: ({ model_type }: Media) => model_type,
    modelId: ({ model_id }: Media) => model_id,
    collectionName: ({ collection_name }: Media) => collection_name,
    fileName: ({ file_name }: Media) => file_name,
    mimeType: ({ mime_type }: Media) => mime_type || null,
    width: ({ width }: Media) => unlessZero(width),
    height: ({ height }: Media) => unlessZero(height),
    customProperties: ({ custom_properties }: Media) => parseProperties(custom_properties),
    orderColumn: ({ order_column }: Media) => order_column,
    createdAt: ({ created_at }: Media) => created_at,
    updatedAt: ({ updated_at }: Media) => updated_at,
    url: async ({ id }: Media, args: { expirySeconds?: number | null; conversion?: string | null }, { loaders }) => {
      // Never the original in place of a conversion: it may be private.
      if (args.conversion) throw new AppError('NOT_FOUND', 'There is no such conversion of this file.');
      const { url } = await loaders.mediaUrl({ id, expirySeconds: checkedExpiry(args.expirySeconds) });
      return url || null;
    },
  },
  Query: {
    media: async (_parent, { id }: { id: string }, { loaders }) => (await loaders.mediaById.load(checkIdentifier('id', id))) ?? null,
    mediaByUUID: async (_parent, { uuid }: { uuid: string }, { services }) => (await services.media.getByUuid(checkedUuid(uuid))) ?? null,
    modelMedia: (_parent, args: { modelType: string; modelId: string; collectionName?: string | null }, context, info) => {
      const query = {
        modelType: checkIdentifier('modelType', args.modelType),
        modelId: checkIdentifier('modelId', args.modelId),
        collectionName: args.collectionName ? checkIdentifier('collectionName', args.collectionName) : '',
      };
      return readMedia(context, query, info);
    },
    mediaURL: async (_parent, args: { id: string; expirySeconds?: number | null }, { loaders }) => {
      const { url, expires_at } = await loaders.mediaUrl({ id: checkIdentifier('id', args.id), expirySeconds: checkedExpiry(args.expirySeconds) });
      if (!url) throw new AppError('NOT_FOUND', 'There is no file with this id.');
      return { url, expiresAt: expires_at };
    },
  },
};

/** Empty text, `[]` and `{}` all mean: none. */
function parseProperties(text: string): unknown {
  const properties: unknown = text === '' ? {} : JSON.parse(text);
  return Array.isArray(properties) && properties.length === 0 ? {} : properties;
}
