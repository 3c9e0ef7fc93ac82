/**
 * The closed list of error codes, and the one error class that carries them.
 * Invariant: an AppError's message is a sentence that a client may read.
 * Everything else that is thrown is internal and is masked at the edges.
 */

export const errorCodes = [
  'BAD_USER_INPUT',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'FILE_TOO_LARGE',
  'EMPTY_FILE',
  'UNSUPPORTED_MEDIA_TYPE',
  'IMAGE_TOO_LARGE',
  'NOT_FOUND',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'QUERY_TOO_COMPLEX',
  'RESULT_TOO_LARGE',
  'IMPORT_REFUSED',
  'IMPORT_FAILED',
  'SEND_FAILED',
  'SEND_OUTCOME_UNKNOWN',
  'MEDIA_SERVICE_UNAVAILABLE',
  'USER_SERVICE_UNAVAILABLE',
  'INTERNAL_SERVER_ERROR',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export function isErrorCode(text: unknown): text is ErrorCode {
  return errorCodes.some((code) => code === text);
}

/** An error whose `message` and `code` may reach a client; `cause` never does. */
export class AppError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'AppError';
    this.code = code;
  }
}
