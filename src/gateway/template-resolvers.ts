/** The resolver of template messages. Invariant: nothing is sent before the policy has allowed it. */
import type { IResolvers } from '@graphql-tools/utils';
import { AppError } from '../contract/errors.js';
import type { SendError } from '../contract/generated/media/v1/SendError.js';
import type { SendTemplateResponse } from '../contract/generated/media/v1/SendTemplateResponse.js';
import { checkIdentifier } from '../contract/identifier.js';
import type { RequestContext } from './request-context.js';

interface SendTemplateInput {
  to: string;
  template: string;
  language: string;
  parameters?: string[] | null;
  headerMediaId?: string | null;
  headerUrl?: string | null;
}

export const templateResolvers: IResolvers<unknown, RequestContext> = {
  SendError: { providerCode: ({ provider_code: code }: SendError) => code ?? null },
  SendTemplateResult: {
    sendId: ({ send_id: id }: SendTemplateResponse) => id,
    messageId: ({ message_id: id }: SendTemplateResponse) => id || null,
  },
  Mutation: {
    sendTemplate: async (_parent, { input }: { input: SendTemplateInput }, { services, viewer }): Promise<SendTemplateResponse> => {
      const { to, parameters, headerMediaId: media, headerUrl: url } = input;
      const template = checkIdentifier('template', input.template);
      if (media && url) throw new AppError('BAD_USER_INPUT', 'At most one of headerMediaId and headerUrl can be given.');
      await services.policy.authorize(viewer, { kind: 'send', template });
      const header = { ...(media && { header_media_id: media }), ...(url && { header_url: url }) };
      return services.media.sendTemplate({ to, template, language: input.language, parameters: parameters ?? [], ...header });
    },
  },
};
