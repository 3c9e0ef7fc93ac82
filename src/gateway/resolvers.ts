/** All resolvers of the schema; those of fields with @media come from the directive. */
import type { IResolvers } from '@graphql-tools/utils';
import { GraphQLScalarType } from 'graphql';
import { GraphQLUpload } from 'graphql-upload-minimal';
import { checkIdentifier } from '../contract/identifier.js';
import { checkedUserIds } from './arguments.js';
import { mediaMutations } from './media-mutations.js';
import { fixedMediaFields, mediaResolvers, type FixedResolver } from './media-resolvers.js';
import { messageResolvers } from './message-resolvers.js';
import type { RequestContext } from './request-context.js';
import { templateResolvers } from './template-resolvers.js';

const scalars: IResolvers<unknown, RequestContext> = {
  Upload: GraphQLUpload,
  JSON: new GraphQLScalarType({ name: 'JSON', description: 'Any JSON value.' }),
};

const fixedUserFields: Readonly<Record<string, FixedResolver>> = { email: ({ email }: { email: string }) => email || null };

const models: IResolvers<unknown, RequestContext> = {
  Query: {
    user: async (_parent, { id }: { id: string }, { loaders }) => (await loaders.user.load(checkIdentifier('id', id))) ?? null,
    users: async (_parent, { ids }: { ids: string[] }, { loaders }) => {
      const users = await loaders.user.loadMany(checkedUserIds(ids));
      return users.map((user) => user ?? null);
    },
    // There is no product service: any id is a product, its media are what there is to know of it.
    product: (_parent, { id }: { id: string }) => ({ id: checkIdentifier('id', id) }),
  },
  User: { ...fixedUserFields },
};

export const resolvers: readonly IResolvers<unknown, RequestContext>[] = [scalars, models, mediaResolvers, mediaMutations, messageResolvers, templateResolvers];

/** The resolvers of fields that follow from their parents alone, by type and field. */
export const fixedResolvers: Readonly<Record<string, Readonly<Record<string, FixedResolver>>>> = { Media: fixedMediaFields, User: fixedUserFields };
