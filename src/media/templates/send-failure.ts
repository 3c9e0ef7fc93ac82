/**
 * Why a template message was not sent, or why that is not known, and what follows from it.
 * Invariant: the message of a failure is a sentence that a client may read, without addresses; the cause is for the log.
 */
import type { ErrorCode } from '../../contract/errors.js';

export type SendFailureKind =
  /** The media of its header cannot be used under its handle: a fresh one may work. */
  | 'media'
  | 'throttled'
  /** The provider asks for other credentials. */
  | 'unauthorised'
  /** The same again is answered the same. */
  | 'rejected'
  /** Nothing has reached the provider. */
  | 'unsent'
  /** It may have been sent: the answer is missing, or says nothing. */
  | 'unknown';

export interface SendPolicy {
  readonly code: ErrorCode;
  /** Whether sending it again may succeed. */
  readonly retryable: boolean;
}

export const sendPolicies: Readonly<Record<SendFailureKind, SendPolicy>> = {
  media: { code: 'SEND_FAILED', retryable: false },
  throttled: { code: 'RATE_LIMITED', retryable: true },
  unauthorised: { code: 'SEND_FAILED', retryable: false },
  rejected: { code: 'SEND_FAILED', retryable: false },
  unsent: { code: 'SEND_FAILED', retryable: true },
  unknown: { code: 'SEND_OUTCOME_UNKNOWN', retryable: true },
};

export interface SendFailureDetails {
  cause?: unknown;
  /** The provider's own, where it says one. */
  providerCode?: number | undefined;
  /** Milliseconds that the provider asks to be left alone. */
  retryAfterMs?: number | undefined;
}

export class SendFailure extends Error {
  readonly kind: SendFailureKind;
  readonly providerCode: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(kind: SendFailureKind, message: string, { providerCode, retryAfterMs, ...options }: SendFailureDetails = {}) {
    super(message, options);
    this.name = 'SendFailure';
    this.kind = kind;
    this.providerCode = providerCode;
    this.retryAfterMs = retryAfterMs;
  }
}
