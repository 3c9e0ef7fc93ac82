/**
 * Why an import failed, and what follows from it: whether it is tried again, for how long it is remembered, what the client is told.
 * Invariant: the message of a failure is a sentence that a client may read, without addresses; the cause is for the log.
 */
import { AppError, type ErrorCode } from '../../contract/errors.js';

export const failureKinds = [
  /** The source does not have it, or not in a form that can be taken, and will not. */
  'gone',
  /** By its age the provider does not have it any more; it was not asked. */
  'expired',
  /** It failed lately and is not asked for again yet. */
  'remembered',
  /** The URL that a provider gave has ended: a fresh one may work. */
  'dead-link',
  /** The bytes are not those that were announced. */
  'corrupt',
  /** It may pass: a timeout, a lost connection, a failure of the source. */
  'transient',
  /** The source asks for a pause. */
  'throttled',
  /** The source asks for other credentials. */
  'unauthorised',
  /** Our own rules forbid it. */
  'refused',
  /** This process has no room for it, or stops: nothing is known of the source. */
  'busy',
] as const;

export type FailureKind = (typeof failureKinds)[number];

export interface FailurePolicy {
  /** `once`: at once, one more time. `backoff`: after a wait, as long as there are tries. */
  again: 'never' | 'once' | 'backoff';
  remembered: 'long' | 'briefly' | 'never';
  code: ErrorCode;
  /** Said after the message. */
  advice: string;
}

const never = 'Trying again makes no sense.';
const later = 'It may work later.';

export const policies: Readonly<Record<FailureKind, FailurePolicy>> = {
  gone: { again: 'never', remembered: 'long', code: 'IMPORT_FAILED', advice: never },
  expired: { again: 'never', remembered: 'long', code: 'IMPORT_FAILED', advice: never },
  remembered: { again: 'never', remembered: 'never', code: 'IMPORT_FAILED', advice: later },
  'dead-link': { again: 'once', remembered: 'briefly', code: 'IMPORT_FAILED', advice: later },
  corrupt: { again: 'once', remembered: 'briefly', code: 'IMPORT_FAILED', advice: later },
  transient: { again: 'backoff', remembered: 'briefly', code: 'IMPORT_FAILED', advice: later },
  throttled: { again: 'backoff', remembered: 'never', code: 'IMPORT_FAILED', advice: later },
  unauthorised: { again: 'never', remembered: 'never', code: 'IMPORT_FAILED', advice: 'It works again once access is granted.' },
  refused: { again: 'never', remembered: 'never', code: 'IMPORT_REFUSED', advice: '' },
  busy: { again: 'never', remembered: 'never', code: 'IMPORT_FAILED', advice: later },
};

export interface FailureDetails {
  cause?: unknown;
  /** Milliseconds that the source asks to be left alone. */
  retryAfterMs?: number | undefined;
  /** Of `remembered`: the kind of the failure that is remembered. */
  outcome?: FailureKind;
  /** Default false. Nothing can have reached the other side. */
  isUnsent?: boolean;
  /** The provider's own, to be counted by. */
  providerCode?: number | undefined;
}

export class ImportFailure extends Error {
  readonly kind: FailureKind;
  readonly retryAfterMs: number | undefined;
  /** What it says of the source: its kind, or that of the failure which is remembered. */
  readonly outcome: FailureKind;
  readonly isUnsent: boolean;
  readonly providerCode: number | undefined;

  constructor(kind: FailureKind, message: string, { retryAfterMs, outcome = kind, isUnsent = kind === 'refused', providerCode, ...options }: FailureDetails = {}) {
    super(message, options);
    this.name = 'ImportFailure';
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
    this.outcome = outcome;
    this.isUnsent = isUnsent;
    this.providerCode = providerCode;
  }

  toAppError(): AppError {
    const { code, advice } = policies[this.outcome];
    return new AppError(code, `${this.message} ${advice}`.trim(), { cause: this });
  }
}

/** More bytes than the limit that counted at that moment. */
export class FileTooLarge extends AppError {
  readonly maxBytes: number;

  constructor(maxBytes: number) {
    super('FILE_TOO_LARGE', `The file is too large: at most ${maxBytes} bytes are allowed here.`);
    this.maxBytes = maxBytes;
  }
}

/** What an HTTP status other than 200 says. `retryAfter`: the header. */
export function failureOfStatus(status: number, retryAfter: string | undefined): ImportFailure {
  const retryAfterMs = parseRetryAfter(retryAfter, Date.now());
  if (status === 429) return new ImportFailure('throttled', `The source asks for fewer requests (429).`, { retryAfterMs });
  if (status === 401 || status === 403) return new ImportFailure('unauthorised', `The source refuses access (${status}).`);
  if (status === 404 || status === 410) return new ImportFailure('gone', `The source does not have the file (${status}).`);
  if (status === 408 || status === 425 || status >= 500) return new ImportFailure('transient', `The source failed (${status}).`, { retryAfterMs });
  return new ImportFailure('gone', `The source does not give the file (${status}).`);
}

/** Milliseconds, of seconds or a date; undefined when the header says nothing. */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\s*\d{1,9}\s*$/.test(header)) return Number(header) * 1_000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
