/** All resolvers of the schema; those of fields with @media come from the directive. */
import type { IResolvers } from '@graphql-tools/utils';
import { GraphQLScalarType } from 'graphql';
import { GraphQLUpload } from 'graphql-upload-minimal';
import { checkIdentifier } from '../contract/identifier.js';
import { checkedUserIds } from './arguments.js';
import { mediaMutations } from './media-mutations.js';
import { mediaResolvers } from './media-resolvers.js';
import type { RequestContext } from './request-context.js';

const scalars: IResolvers<unknown, RequestContext> = {
  Upload: GraphQLUpload,
  JSON: new GraphQLScalarType({ name: 'JSON', description: 'Any JSON value.' }),
};

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
  User: { email: ({ email }: { email: string }) => email || null },
};

export const resolvers: readonly IResolvers<unknown, RequestContext>[] = [scalars, models, mediaResolvers, mediaMutations];
