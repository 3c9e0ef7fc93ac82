/**
 * How an AppError travels over gRPC: a status for foreign clients, and the exact
 * code in the trailer `error-code` for ours. Translated only here, in both directions.
 */
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { AppError, isErrorCode, type ErrorCode } from './errors.js';

const trailer = 'error-code';

const statusOfCode: Partial<Record<ErrorCode, status>> = {
  BAD_USER_INPUT: status.INVALID_ARGUMENT,
  EMPTY_FILE: status.INVALID_ARGUMENT,
  FILE_TOO_LARGE: status.INVALID_ARGUMENT,
  IMAGE_TOO_LARGE: status.INVALID_ARGUMENT,
  UNSUPPORTED_MEDIA_TYPE: status.INVALID_ARGUMENT,
  NOT_FOUND: status.NOT_FOUND,
  UNAUTHENTICATED: status.UNAUTHENTICATED,
  FORBIDDEN: status.PERMISSION_DENIED,
  RATE_LIMITED: status.RESOURCE_EXHAUSTED,
  RESULT_TOO_LARGE: status.OUT_OF_RANGE,
  MEDIA_SERVICE_UNAVAILABLE: status.UNAVAILABLE,
  USER_SERVICE_UNAVAILABLE: status.UNAVAILABLE,
};

/** What a gRPC handler gives to its callback. Anything but an AppError becomes INTERNAL with no detail. */
export function toGrpcError(error: unknown): Partial<ServiceError> {
  if (!(error instanceof AppError)) return { code: status.INTERNAL, details: 'internal error' };
  const metadata = new Metadata();
  metadata.set(trailer, error.code);
  return { code: statusOfCode[error.code] ?? status.INTERNAL, details: error.message, metadata };
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;
}

/**
 * True when `error` is a gRPC failure with one of `statuses`.
 * A server that runs but lacks a method answers UNIMPLEMENTED, for example.
 */
export function hasGrpcStatus(error: unknown, ...statuses: status[]): boolean {
  return isServiceError(error) && statuses.includes(error.code);
}

/**
 * The AppError that a failed call means. `unavailable` names the service: used when it cannot be reached,
 * does not answer in time, refuses more work, or was cut off in the middle.
 */
export function fromGrpcError(error: unknown, unavailable: { code: ErrorCode; message: string }): AppError {
  if (error instanceof AppError) return error;
  if (!isServiceError(error)) return new AppError('INTERNAL_SERVER_ERROR', 'Internal error.', { cause: error });
  const [code] = error.metadata?.get(trailer) ?? [];
  if (isErrorCode(code)) return new AppError(code, error.details, { cause: error });
  switch (error.code) {
    case status.UNAVAILABLE:
    case status.DEADLINE_EXCEEDED:
    case status.RESOURCE_EXHAUSTED:
    case status.CANCELLED:
    case status.ABORTED:
      return new AppError(unavailable.code, unavailable.message, { cause: error });
    case status.INVALID_ARGUMENT:
      return new AppError('BAD_USER_INPUT', 'The service refused the request.', { cause: error });
    case status.NOT_FOUND:
      return new AppError('NOT_FOUND', 'Not found.', { cause: error });
    default:
      return new AppError('INTERNAL_SERVER_ERROR', 'Internal error.', { cause: error });
  }
}
