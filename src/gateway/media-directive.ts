/** `@media(modelType, collectionName)`: one line of SDL that gives a type its media. */
import { getDirective, MapperKind, mapSchema } from '@graphql-tools/utils';
import { getNullableType, isListType, type GraphQLFieldConfig, type GraphQLSchema } from 'graphql';
import { z } from 'zod';
import { readMedia } from './media-resolvers.js';
import type { RequestContext } from './request-context.js';

const directiveArguments = z.object({ modelType: z.string(), collectionName: z.string() });
const parentWithId = z.object({ id: z.union([z.string(), z.number().transform(String)]) });

/** @throws Error at start when a field with the directive cannot be null: another service's failure must not take the parent with it. */
export function applyMediaDirective(schema: GraphQLSchema): GraphQLSchema {
  return mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (field: GraphQLFieldConfig<unknown, RequestContext>, fieldName) => {
      const [directive] = getDirective(schema, field, 'media') ?? [];
      if (!directive) return undefined;
      if (getNullableType(field.type) !== field.type) throw new Error(`@media on ${fieldName}: the field's type must be nullable`);
      const { modelType, collectionName } = directiveArguments.parse(directive);
      const many = isListType(field.type);
      return {
        ...field,
        resolve: async (parent, _arguments, context, info) => {
          const { media } = await readMedia(context, { modelType, modelId: parentWithId.parse(parent).id, collectionName }, info);
          return many ? media : (media.at(-1) ?? null);
        },
      };
    },
  });
}
