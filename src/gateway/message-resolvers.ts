/** The resolvers of messages. Their media come from the directive, like those of any model, and so through the cache; the rest is asked for each time. */
import type { IResolvers } from '@graphql-tools/utils';
import type { Message } from '../contract/generated/media/v1/Message.js';
import { checkIdentifier } from '../contract/identifier.js';
import { checkedPage } from './arguments.js';
import type { RequestContext } from './request-context.js';

/** Where the media service puts the media of messages. */
const [modelType, collectionName] = ['Message', 'attachments'];

const edge = (node: Message): object => ({ cursor: node.cursor, node });

export const messageResolvers: IResolvers<unknown, RequestContext> = {
  Message: {
    from: ({ from }: Message) => from || null,
    sentAt: ({ sent_at }: Message) => sent_at || null,
    receivedAt: ({ received_at }: Message) => received_at,
    mediaStatus: ({ media_state, reason, code, retryable }: Message) => ({ state: media_state, reason: reason || null, code: code || null, retryable }),
  },
  Query: {
    message: async (_parent, { id }: { id: string }, { loaders }) => (await loaders.message.load(checkIdentifier('id', id))) ?? null,
    messages: async (_parent, args: PageArguments, { services }) => {
      const { messages, has_more } = await services.media.listMessages(checkedPage(args));
      return { edges: messages.map(edge), pageInfo: { hasNextPage: has_more, endCursor: messages.at(-1)?.cursor ?? null } };
    },
  },
  Mutation: {
    retryMessageMedia: async (_parent, { id }: { id: string }, { services, viewer }) => {
      const modelId = checkIdentifier('id', id);
      await services.policy.authorize(viewer, { kind: 'import', modelType, modelId, collectionName });
      const data = await services.media.retryMessageMedia(modelId);
      return { success: true, message: data.media_state === 'READY' ? 'The media is there.' : 'The media will be imported.', data };
    },
  },
};

interface PageArguments {
  first?: number | null;
  after?: string | null;
  from?: string | null;
}
