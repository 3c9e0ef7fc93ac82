/** The resolvers of media: thin, they check arguments and ask the request's loaders and services. */
import type { IResolvers } from '@graphql-tools/utils';
import { responsePathAsArray, type GraphQLResolveInfo } from 'graphql';
import { z } from 'zod';
import { AppError } from '../contract/errors.js';
import type { Media } from '../contract/generated/media/v1/Media.js';
import { checkIdentifier } from '../contract/identifier.js';
import { checkedCollection, checkedConversion, checkedExpiry, checkedUuid } from './arguments.js';
import { maxMediaPerQuery, type MediaQuery } from './media-reader.js';
import type { ModelMedia } from './stored-media.js';
import type { RequestContext, UrlQuery } from './request-context.js';

/** All media of the query, in order. @throws AppError RESULT_TOO_LARGE above 1,000. */
export async function readMedia(context: RequestContext, query: MediaQuery, { path }: Pick<GraphQLResolveInfo, 'path'>): Promise<ModelMedia> {
  context.explain?.field(responsePathAsArray(path).join('.'), query);
  const found = await context.loaders.modelMedia.load(query);
  if (found.total <= maxMediaPerQuery) return found;
  throw new AppError('RESULT_TOO_LARGE', `There are ${found.total} files; at most ${maxMediaPerQuery} can be listed. Ask for one collection.`);
}

/** Of a field that follows from its parent alone: no arguments, no request, no waiting. */
export type FixedResolver = { resolve(parent: object): unknown }['resolve'];

const unlessZero = (pixels: number): number | null => (pixels === 0 ? null : pixels);

export const fixedMediaFields: Readonly<Record<string, FixedResolver>> = {
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
  generatedConversions: ({ generated_conversions }: Media) => parseConversions(generated_conversions),
};

export const mediaResolvers: IResolvers<unknown, RequestContext> = {
  Media: {
    ...fixedMediaFields,
    url: async ({ id }: Media, args: UrlArguments, { loaders }) => (await loaders.mediaUrl({ id, ...checkedUrl(args) })).url || null,
  },
  Query: {
    media: async (_parent, { id }: { id: string }, { loaders }) => (await loaders.mediaById.load(checkIdentifier('id', id))) ?? null,
    mediaByUUID: async (_parent, { uuid }: { uuid: string }, { services }) => (await services.media.getByUuid(checkedUuid(uuid))) ?? null,
    modelMedia: async (_parent, args: { modelType: string; modelId: string; collectionName?: string | null }, context, info) => {
      const query = {
        modelType: checkIdentifier('modelType', args.modelType),
        modelId: checkIdentifier('modelId', args.modelId),
        collectionName: args.collectionName ? checkIdentifier('collectionName', args.collectionName) : '',
      };
      return (await readMedia(context, query, info)).media;
    },
    mediaURL: async (_parent, args: UrlArguments & { id: string }, { loaders }) => {
      const { url, expires_at } = await loaders.mediaUrl({ id: checkIdentifier('id', args.id), ...checkedUrl(args) });
      if (!url) throw new AppError('NOT_FOUND', args.conversion ? 'There is no such conversion of a file with this id.' : 'There is no file with this id.');
      return { url, expiresAt: expires_at };
    },
    modelMediaURL: async (_parent, args: UrlArguments & MediaQuery, context, info) => {
      const asked = checkedUrl(args);
      const { media, fallbackUrl } = await readMedia(context, checkedCollection(args), info);
      const last = media.at(-1);
      return (last ? (await context.loaders.mediaUrl({ id: last.id, ...asked })).url : fallbackUrl) || null;
    },
  },
};

interface UrlArguments {
  expirySeconds?: number | null;
  conversion?: string | null;
}

function checkedUrl({ expirySeconds, conversion }: UrlArguments): Omit<UrlQuery, 'id'> {
  return { expirySeconds: checkedExpiry(expirySeconds), conversion: checkedConversion(conversion) };
}

/** Empty text, `[]` and `{}` all mean: none. */
function parseProperties(text: string): unknown {
  const properties: unknown = text === '' ? {} : JSON.parse(text);
  return Array.isArray(properties) && properties.length === 0 ? {} : properties;
}

/** By name, true once it is made; or a list of those that are. */
const conversions = z.union([z.array(z.string()), z.record(z.string(), z.unknown()).transform((made) => Object.keys(made).filter((name) => made[name]))]);

function parseConversions(text: string): string[] {
  return conversions.catch([]).parse(parseProperties(text));
}
