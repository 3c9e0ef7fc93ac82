/**
 * What an error of the Graph API means for a message that was sent, in the answer or in a status later.
 * Invariant: throttling, refused tokens and failures that may pass are never taken for a media that has ended, whatever the operator lists.
 */
import { SendFailure, type SendFailureKind } from '../../media/templates/send-failure.js';
import type { GraphError, GraphErrorKind } from './graph-error.js';

export interface SendErrors {
  /** Of an answer: what may pass leaves it open whether the message was sent. `retryAfterMs`: as the provider asks for. */
  ofAnswer(error: GraphError, retryAfterMs: number | undefined): SendFailure;
  /** Of a status: whatever it says, the message was not delivered. Undefined: it says no error. */
  ofStatus(error: GraphError | undefined): SendFailure;
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
/** Of those who were to be sent to. */
const phoneNumbers = /\d{7,15}/g;

export function createSendErrors({ codes, patterns }: RefreshRules): SendErrors {
  const listed = new Set(codes);
  const kindOf = ({ kind, code, details }: GraphError): SendFailureKind => {
    if (kind === 'throttled' || kind === 'transient' || (kind === 'unauthorised' && code !== permissionMissing)) return kinds[kind];
    if (code !== undefined && listed.has(code)) return 'media';
    const isOfRequest = kind === 'dead-id' || kind === 'media' || (kind === 'unknown' && code !== undefined);
    return isOfRequest && patterns.test(details) ? 'media' : kinds[kind];
  };
  return {
    ofAnswer: (error, retryAfterMs) => failure(kindOf(error), error, retryAfterMs),
    ofStatus: (error = { kind: 'unknown', code: undefined, details: '' }) => {
      const kind = kindOf(error);
      return failure(kind === 'unknown' ? 'rejected' : kind, error);
    },
  };
}

function failure(kind: SendFailureKind, { code, details }: GraphError, retryAfterMs?: number): SendFailure {
  const sentence = `${sentences[kind]}${code === undefined ? '' : ` (code ${code})`}.`;
  return new SendFailure(kind, sentence, { providerCode: code, retryAfterMs, cause: new Error(details.replace(phoneNumbers, '…') || 'no details') });
}
