/**
 * Serves the bytes of files to whoever has a signed URL, on any Fastify server that registers it.
 * Invariant: no byte without a valid signature; nothing that a browser could run is shown inline, and every answer forbids sniffing and scripts.
 */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { AppError, type ErrorCode } from '../../contract/errors.js';
import type { Logger } from '../../runtime/logger.js';
import { byteRange } from './byte-range.js';
import type { Library } from '../library.js';
import type { Media } from '../rows/media-store.js';
import type { Disposition, UrlSigner } from './signed-urls.js';

export interface DeliveryOptions {
  library: Library;
  signer: UrlSigner;
  log: Logger;
}

interface FileRoute {
  Params: { id: string; '*': string };
}

const statusOfCode: Partial<Record<ErrorCode, number>> = { FORBIDDEN: 403, NOT_FOUND: 404 };

/** GET and HEAD `/files/:id/:fileName?expires=…&kid=…&signature=…`; errors as JSON `{code, message}`. */
export function createDelivery({ library, signer, log }: DeliveryOptions): FastifyPluginAsync {
  const serve = async (request: FastifyRequest<FileRoute>, reply: FastifyReply): Promise<FastifyReply> => {
    const { id, '*': fileName } = request.params;
    const { expires, disposition } = signer.verify({ id, fileName }, request.query);
    const media = await library.findById(id);
    if (!media) throw new AppError('NOT_FOUND', 'There is no such file.');
    describe(reply, media, { expires, disposition });
    const etag = `"${media.sha256}"`;
    if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send();
    const { 'if-range': condition = etag, range: asked } = request.headers;
    const range = byteRange(condition === etag ? asked : undefined, media.size);
    if (range === 'unsatisfiable') return reply.code(416).header('content-range', `bytes */${media.size}`).send();
    reply.header('content-type', contentType(media.mimeType)).header('content-length', range ? range.end - range.start + 1 : media.size);
    if (range) reply.code(206).header('content-range', `bytes ${range.start}-${range.end}/${media.size}`);
    // Fastify keeps the length that was set, and sends no body.
    if (request.method === 'HEAD') return reply.send();
    const bytes = await library.open(media, range);
    if (!bytes) {
      log.error({ mediaId: media.id, sha256: media.sha256 }, 'the bytes of a file are missing');
      throw new AppError('NOT_FOUND', 'There is no such file.');
    }
    return reply.send(bytes);
  };

  return async (server) => {
    await server.register(async (files) => {
      files.setErrorHandler((error, _request, reply) => answerError(error, reply, log));
      // The wildcard: a parameter of the path may have 100 characters only, a file name has up to 255 bytes.
      files.route<FileRoute>({ method: ['GET', 'HEAD'], url: '/files/:id/*', handler: serve });
    });
  };
}

function describe(reply: FastifyReply, media: Media, { expires, disposition }: { expires: number; disposition: Disposition }): void {
  const maxAge = Math.max(0, expires - Math.ceil(Date.now() / 1000));
  reply.headers({
    etag: `"${media.sha256}"`,
    'cache-control': `private, max-age=${maxAge}`,
    'accept-ranges': 'bytes',
    'content-disposition': contentDisposition(media, disposition),
    ...protection,
  });
}

const protection = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "sandbox; default-src 'none'",
  'referrer-policy': 'no-referrer',
  // Pages of other origins may show what a signed URL gives them.
  'cross-origin-resource-policy': 'cross-origin',
};

const rasterImages = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp', 'image/avif', 'image/bmp']);

function isSafeToShow(mimeType: string): boolean {
  return rasterImages.has(mimeType) || mimeType === 'application/pdf' || /^(audio|video)\/[\w.+-]+$/.test(mimeType);
}

function contentDisposition({ mimeType, fileName }: Media, asked: Disposition): string {
  const kind = isSafeToShow(mimeType) ? asked : 'attachment';
  const plain = fileName.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  // RFC 8187 allows fewer characters than encodeURIComponent leaves.
  const encoded = encodeURIComponent(fileName).replace(/['()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  return `${kind}; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

function contentType(mimeType: string): string {
  return mimeType.startsWith('text/') ? `${mimeType}; charset=utf-8` : mimeType;
}

/** True when a list of entity tags, or `*`, names `etag`. */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((tag) => ['*', etag, `W/${etag}`].includes(tag.trim()));
}

function answerError(error: unknown, reply: FastifyReply, log: Logger): FastifyReply {
  reply.removeHeader('content-length').removeHeader('content-range').removeHeader('content-disposition').removeHeader('etag');
  reply.headers({ ...protection, 'cache-control': 'no-store' }).type('application/json; charset=utf-8');
  const status = error instanceof AppError ? statusOfCode[error.code] : undefined;
  if (error instanceof AppError && status) return reply.code(status).send({ code: error.code, message: error.message });
  log.error({ err: error }, 'a file could not be served');
  return reply.code(500).send({ code: 'INTERNAL_SERVER_ERROR', message: 'Internal error.' });
}
