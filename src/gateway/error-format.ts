/**
 * The one boundary between what went wrong and what a client reads: a code of the closed list and a sentence.
 * Invariant: an error that is not an AppError or a mistake that GraphQL itself found is answered as INTERNAL_SERVER_ERROR with the request's id.
 */
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { AppError, type ErrorCode } from '../contract/errors.js';

/** Apollo's codes of clients' mistakes, as ours. Those of persisted queries are part of their protocol and stay. */
const codeOfApollo: Readonly<Record<string, ErrorCode | 'PERSISTED_QUERY_NOT_FOUND' | 'PERSISTED_QUERY_NOT_SUPPORTED'>> = {
  GRAPHQL_PARSE_FAILED: 'GRAPHQL_PARSE_FAILED',
  GRAPHQL_VALIDATION_FAILED: 'GRAPHQL_VALIDATION_FAILED',
  PERSISTED_QUERY_NOT_FOUND: 'PERSISTED_QUERY_NOT_FOUND',
  PERSISTED_QUERY_NOT_SUPPORTED: 'PERSISTED_QUERY_NOT_SUPPORTED',
  BAD_USER_INPUT: 'BAD_USER_INPUT',
  BAD_REQUEST: 'BAD_USER_INPUT',
  OPERATION_RESOLUTION_FAILURE: 'BAD_USER_INPUT',
};

/** The AppError behind an error that Apollo formats, if there is one. */
function appErrorOf(error: unknown): AppError | undefined {
  const original = error instanceof GraphQLError ? error.originalError : error;
  return original instanceof AppError ? original : undefined;
}

/** True for what nobody foresaw: it is logged with the request's id, and masked. */
export function isInternal(error: unknown, code: unknown): boolean {
  const appError = appErrorOf(error);
  if (appError) return appError.code === 'INTERNAL_SERVER_ERROR';
  if (codeOfApollo[String(code)] !== undefined) return false;
  // Without another error behind it, it is what GraphQL itself found to be wrong with the request.
  return !(error instanceof GraphQLError) || error.originalError !== undefined;
}

/** Apollo's `formatError`. */
export function formatError(formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError {
  const { locations, path } = formatted;
  const place = { ...(locations && { locations }), ...(path && { path }) };
  if (isInternal(error, formatted.extensions?.code)) {
    const requestId = formatted.extensions?.requestId;
    return { message: 'Internal error.', ...place, extensions: { code: 'INTERNAL_SERVER_ERROR', ...(requestId !== undefined && { requestId }) } };
  }
  const appError = appErrorOf(error);
  const code = appError?.code ?? codeOfApollo[String(formatted.extensions?.code)] ?? 'BAD_USER_INPUT';
  return { message: appError?.message ?? formatted.message, ...place, extensions: { code } };
}

/** The body of an answer that ends before GraphQL begins. */
export function errorBody(code: ErrorCode, message: string, requestId?: string): { errors: GraphQLFormattedError[] } {
  return { errors: [{ message, extensions: { code, ...(requestId !== undefined && { requestId }) } }] };
}
