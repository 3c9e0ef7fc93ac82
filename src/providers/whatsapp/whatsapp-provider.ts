/**
 * Media of the WhatsApp Cloud API, by their ids: an id is resolved to a URL that lives for five minutes and needs the token.
 * Invariant: the token goes to the Graph API and to the hosts of WA_MEDIA_HOSTS, and nowhere else.
 */
import { z } from 'zod';
import { ImportFailure, parseRetryAfter, type FailureKind } from '../../media/import/import-failure.js';
import type { ProviderAnswer } from '../../media/import/provider-call.js';
import type { MediaProvider, ResolvedMedia } from '../../media/import/provider.js';
import { parseJson } from '../../runtime/parse-json.js';
import type { Settings } from '../../runtime/settings.js';
import { readGraphError, type GraphErrorKind } from './graph-error.js';
import { whatsAppName } from './name.js';
import { mediaIdIn } from './webhook-body.js';

export interface WhatsAppProviderOptions {
  settings: Pick<Settings, 'GRAPH_BASE_URL' | 'GRAPH_API_VERSION' | 'WA_MEDIA_HOSTS'>;
  accessToken: string;
  /** Undefined: nothing is told of messages. */
  webhook: MediaProvider['webhook'];
  /** Default nothing is sent. */
  templates?: MediaProvider['templates'];
}

const resolved = z.object({
  url: z.url({ protocol: /^https?$/ }),
  sha256: z.string().optional(),
  // A string or a number, as it likes.
  file_size: z.coerce.number().int().nonnegative().optional(),
  mime_type: z.string().optional(),
});

export function createWhatsAppProvider({ settings, accessToken, webhook, templates }: WhatsAppProviderOptions): MediaProvider {
  const { GRAPH_BASE_URL: base, GRAPH_API_VERSION: version, WA_MEDIA_HOSTS: allowedHosts } = settings;
  const headers = { authorization: `Bearer ${accessToken}` };
  const api = new URL(base);
  return {
    name: whatsAppName,
    mediaIdIn,
    ...(webhook && { webhook }),
    ...(templates && { templates }),
    // Without a port a host is called as the rest of the world is: by https, at a public address.
    namedHosts: [...(api.protocol === 'http:' ? [api.host] : []), ...allowedHosts.filter((host) => /:\d+$/.test(host))],
    async resolve(id, { fetch }): Promise<ResolvedMedia> {
      const answer = await fetch(`${base}/${version}/${encodeURIComponent(id)}`, headers);
      const body = parseJson(answer.text);
      if (answer.status !== 200) throw failureOf(answer, body);
      const media = resolved.safeParse(body);
      if (!media.success) throw new ImportFailure('transient', 'The provider did not say where the media is.');
      const { url, sha256, file_size: size, mime_type: mimeType } = media.data;
      return { url, headers, allowedHosts, sha256, size, mimeType };
    },
  };
}

const failures: Readonly<Record<GraphErrorKind, readonly [FailureKind, string]>> = {
  'dead-id': ['gone', 'The provider does not have the media any more.'],
  media: ['gone', 'The provider says that the media is not available, or too large.'],
  unauthorised: ['unauthorised', 'The provider refuses access.'],
  throttled: ['throttled', 'The provider asks for fewer requests.'],
  // Nothing is said of the media: once the account is free again, it may be had.
  rejected: ['unauthorised', 'The provider has closed the account, or restricted it.'],
  transient: ['transient', 'The provider failed.'],
  unknown: ['transient', 'The provider gave an answer that is not understood.'],
};

function failureOf({ status, retryAfter }: ProviderAnswer, body: unknown): ImportFailure {
  const { kind, code, details } = readGraphError(status, body);
  const [failure, sentence] = failures[kind];
  return new ImportFailure(failure, `${sentence.slice(0, -1)} (${code === undefined ? status : `code ${code}`}).`, {
    cause: new Error(`the Graph API answered ${status}: ${details}`),
    retryAfterMs: parseRetryAfter(retryAfter, Date.now()),
    providerCode: code,
  });
}
