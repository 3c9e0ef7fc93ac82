/** `@media(modelType, collectionName)`: one line of SDL that gives a type its media. */
import { getDirective, MapperKind, mapSchema } from '@graphql-tools/utils';
import { getNullableType, isListType, type GraphQLField, type GraphQLFieldConfig, type GraphQLSchema } from 'graphql';
import { z } from 'zod';
import { readMedia } from './media-resolvers.js';
import type { RequestContext } from './request-context.js';

const directiveArguments = z.object({ modelType: z.string(), collectionName: z.string() });
const parentWithId = z.object({ id: z.union([z.string(), z.number().transform(String)]) });

/** Where a field with @media takes its media from; the model id is the parent's `id`. */
export interface MediaSource {
  readonly modelType: string;
  readonly collectionName: string;
  /** The whole collection; else its last file. */
  readonly many: boolean;
}

const mediaSource = directiveArguments.extend({ many: z.boolean() });

/** Undefined of a field without the directive. */
export function mediaSourceOf({ extensions }: Pick<GraphQLField<unknown, unknown>, 'extensions'>): MediaSource | undefined {
  return extensions.media === undefined ? undefined : mediaSource.parse(extensions.media);
}

/** @throws Error at start when a field with the directive cannot be null: another service's failure must not take the parent with it. */
export function applyMediaDirective(schema: GraphQLSchema): GraphQLSchema {
  return mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (field: GraphQLFieldConfig<unknown, RequestContext>, fieldName) => {
      const [directive] = getDirective(schema, field, 'media') ?? [];
      if (!directive) return undefined;
      if (getNullableType(field.type) !== field.type) throw new Error(`@media on ${fieldName}: the field's type must be nullable`);
      const { modelType, collectionName } = directiveArguments.parse(directive);
      const many = isListType(field.type);
      const source: MediaSource = { modelType, collectionName, many };
      return {
        ...field,
        extensions: { ...field.extensions, media: source },
        resolve: async (parent, _arguments, context, info) => {
          const { media } = await readMedia(context, { modelType, modelId: parentWithId.parse(parent).id, collectionName }, info);
          return many ? media : (media.at(-1) ?? null);
        },
      };
    },
  });
}
