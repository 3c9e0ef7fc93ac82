/**
 * Serves the bytes of files and of their conversions to whoever has a signed URL, on any Fastify server that registers it.
 * Invariant: no byte without a valid signature, and never a file in place of its conversion. How the bytes are answered: file-answer.ts.
 */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { AppError, type ErrorCode } from '../../contract/errors.js';
import type { Logger } from '../../runtime/logger.js';
import type { Library } from '../library.js';
import { answerError, answerFile } from './file-answer.js';
import type { UrlSigner } from './signed-urls.js';

export interface DeliveryOptions {
  library: Pick<Library, 'served' | 'open'>;
  signer: UrlSigner;
  log: Logger;
}

interface FileRoute {
  Params: { id: string; '*': string };
}

const statusOfCode: Partial<Record<ErrorCode, number>> = { FORBIDDEN: 403, NOT_FOUND: 404 };

/** Pages of other origins may show what a signed URL gives them. */
const crossOrigin = { 'cross-origin-resource-policy': 'cross-origin' };

/** GET and HEAD `/files/:id/:fileName?expires=…&conversion=…&kid=…&signature=…`; errors as JSON `{code, message}`. */
export function createDelivery({ library, signer, log }: DeliveryOptions): FastifyPluginAsync {
  const serve = async (request: FastifyRequest<FileRoute>, reply: FastifyReply): Promise<FastifyReply> => {
    const { id, '*': fileName } = request.params;
    const { conversion, disposition, expires } = signer.verify({ id, fileName }, request.query);
    const file = await library.served(id, conversion);
    if (!file) throw new AppError('NOT_FOUND', 'There is no such file.');
    // No cache keeps it longer than its URL is valid.
    const maxAge = Math.max(0, expires - Math.ceil(Date.now() / 1000));
    const headers = { 'cache-control': `${file.isPublic ? 'public' : 'private'}, max-age=${maxAge}`, ...crossOrigin };
    return answerFile(request, reply, { file, open: (range) => library.open(file, range), disposition, headers, log });
  };

  return async (server) => {
    await server.register(async (files) => {
      files.setErrorHandler((error, _request, reply) => refuse(error, reply, log));
      // The wildcard: a parameter of the path may have 100 characters only, a file name has up to 255 bytes.
      files.route<FileRoute>({ method: ['GET', 'HEAD'], url: '/files/:id/*', handler: serve });
    });
  };
}

function refuse(error: unknown, reply: FastifyReply, log: Logger): FastifyReply {
  reply.headers(crossOrigin);
  const status = error instanceof AppError ? statusOfCode[error.code] : undefined;
  if (error instanceof AppError && status) return answerError(reply, status, { code: error.code, message: error.message });
  log.error({ err: error }, 'a file could not be served');
  return answerError(reply, 500, { code: 'INTERNAL_SERVER_ERROR', message: 'Internal error.' });
}
