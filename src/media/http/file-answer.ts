/**
 * Bytes as an answer over HTTP, whoever may have them: conditions, ranges, and headers that keep a browser from running them.
 * Invariant: nothing that a browser could run is shown inline, and every answer forbids sniffing and scripts. What fails before its end arrives
 * as an error or as a cut connection, never as a whole.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Readable } from 'node:stream';
import { AppError } from '../../contract/errors.js';
import type { Logger } from '../../runtime/logger.js';
import type { ByteRange } from '../bytes/blob-store.js';
import type { ServedFile } from '../library.js';
import { byteRange } from './byte-range.js';
import type { Disposition } from './signed-urls.js';

export type AnsweredFile = Pick<ServedFile, 'sha256' | 'mimeType' | 'size' | 'fileName'>;

export interface FileAnswer {
  file: AnsweredFile;
  /** Undefined when the bytes are lost. */
  open: (range: ByteRange | undefined) => Promise<Readable | undefined>;
  /** What cannot be shown safely is an attachment all the same. */
  disposition: Disposition;
  /** Of an answer that has the file, or a part of it. */
  headers: Readonly<Record<string, string>>;
  log: Logger;
}

/** Of what is kept by whoever asked, and shown after a look at what is here only. */
export const privateHeaders = { 'cache-control': 'private, no-cache', 'cross-origin-resource-policy': 'same-origin' };

/** @throws AppError NOT_FOUND when the bytes are lost. */
export async function answerFile(request: FastifyRequest, reply: FastifyReply, { file, open, disposition, headers, log }: FileAnswer): Promise<FastifyReply> {
  const etag = `"${file.sha256}"`;
  reply.headers({ etag, 'accept-ranges': 'bytes', ...protectionOf(file, disposition), ...headers });
  if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send();
  const { 'if-range': condition = etag, range: asked } = request.headers;
  const range = byteRange(condition === etag ? asked : undefined, file.size);
  if (range === 'unsatisfiable') return reply.code(416).header('content-range', `bytes */${file.size}`).send();
  reply.header('content-type', contentType(file.mimeType)).header('content-length', range ? range.end - range.start + 1 : file.size);
  if (range) reply.code(206).header('content-range', `bytes ${range.start}-${range.end}/${file.size}`);
  // Fastify keeps the length that was set, and sends no body.
  if (request.method === 'HEAD') return reply.send();
  const bytes = await open(range);
  if (!bytes) {
    log.error({ sha256: file.sha256 }, 'the bytes of a file are missing');
    throw new AppError('NOT_FOUND', 'There is no such file.');
  }
  bytes.once('error', (error) => log.error({ sha256: file.sha256, err: error }, 'the bytes of a file could not be read to their end'));
  return reply.send(bytes);
}

/** An error in place of a file, as JSON. */
export function answerError(reply: FastifyReply, status: number, error: { code: string; message: string }): FastifyReply {
  for (const name of ofTheFile) {
    reply.removeHeader(name);
    // Of a stream that failed before its first byte they are set there already.
    reply.raw.removeHeader(name);
  }
  return reply
    .code(status)
    .headers({ ...protection, 'cache-control': 'no-store' })
    .type('application/json; charset=utf-8')
    .send(error);
}

/** How a file is shown, and what keeps a browser from running it. */
export function protectionOf(file: Pick<AnsweredFile, 'mimeType' | 'fileName'>, asked: Disposition): Record<string, string> {
  return { 'content-disposition': contentDisposition(file, asked), ...protection };
}

const ofTheFile = ['content-length', 'content-range', 'content-disposition', 'etag', 'accept-ranges'];

const protection = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "sandbox; default-src 'none'",
  'referrer-policy': 'no-referrer',
};

const rasterImages = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp', 'image/avif', 'image/bmp']);

function isSafeToShow(mimeType: string): boolean {
  return rasterImages.has(mimeType) || mimeType === 'application/pdf' || /^(audio|video)\/[\w.+-]+$/.test(mimeType);
}

function contentDisposition({ mimeType, fileName }: Pick<AnsweredFile, 'mimeType' | 'fileName'>, asked: Disposition): string {
  const kind = isSafeToShow(mimeType) ? asked : 'attachment';
  const plain = fileName.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  // RFC 8187 allows fewer characters than encodeURIComponent leaves.
  const encoded = encodeURIComponent(fileName).replace(/['()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  return `${kind}; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

export function contentType(mimeType: string): string {
  return mimeType.startsWith('text/') ? `${mimeType}; charset=utf-8` : mimeType;
}

/** True when a list of entity tags, or `*`, names `etag`. */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((tag) => ['*', etag, `W/${etag}`].includes(tag.trim()));
}
