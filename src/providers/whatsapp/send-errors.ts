/**
 * What an error of the Graph API means for a message that was sent, in the answer or in a status later.
 * Invariant: throttling and refused tokens are never taken for a media that has ended, whatever the operator lists.
 */
import { SendFailure, type SendFailureKind } from '../../media/templates/send-failure.js';
import type { GraphError, GraphErrorKind } from './graph-error.js';

export interface SendErrors {
  failureOf(error: GraphError, retryAfterMs?: number): SendFailure;
}

export interface RefreshRules {
  /** WA_MEDIA_REFRESH_CODES */
  readonly codes: readonly number[];
  /** WA_MEDIA_REFRESH_PATTERNS: of the details. */
  readonly patterns: RegExp;
}

const kinds: Readonly<Record<GraphErrorKind, SendFailureKind>> = {
  throttled: 'throttled',
  unauthorised: 'unauthorised',
  rejected: 'rejected',
  transient: 'unknown',
  // Of a message, these name what is wrong with the request.
  'dead-id': 'rejected',
  media: 'rejected',
  unknown: 'rejected',
};

const sentences: Readonly<Record<SendFailureKind, string>> = {
  media: 'The provider cannot use the media of the header',
  throttled: 'The provider asks for fewer messages',
  unauthorised: 'The provider refuses access',
  rejected: 'The provider has refused the message',
  unsent: 'The provider could not be reached',
  unknown: 'The provider failed: it is not known whether the message was sent, and sending it again may send it twice',
};

/** Says that a permission is missing; the codes of tokens are others. */
const permissionMissing = 131_005;

export function createSendErrors({ codes, patterns }: RefreshRules): SendErrors {
  const listed = new Set(codes);
  const kindOf = ({ kind, code, details }: GraphError): SendFailureKind => {
    if (kind === 'throttled' || (kind === 'unauthorised' && code !== permissionMissing)) return kind;
    if (code !== undefined && listed.has(code)) return 'media';
    const isOfRequest = kind === 'dead-id' || kind === 'media' || (kind === 'unknown' && code !== undefined);
    return isOfRequest && patterns.test(details) ? 'media' : kinds[kind];
  };
  return {
    failureOf(error, retryAfterMs) {
      const kind = kindOf(error);
      const code = error.code === undefined ? '' : ` (code ${error.code})`;
      return new SendFailure(kind, `${sentences[kind]}${code}.`, { providerCode: error.code, retryAfterMs, cause: new Error(error.details || 'no details') });
    },
  };
}
