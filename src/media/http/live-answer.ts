/**
 * The bytes of a file as an answer while it is imported: as they arrive for as long as the client keeps up, then from the store.
 * Invariant: an answer ends well only with the bytes that are stored under their hash: what was sent is hashed, and its last piece is sent only when
 * the hash fits. Else the connection is cut.
 */
import type { FastifyReply } from 'fastify';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Logger } from '../../runtime/logger.js';
import type { ByteRange } from '../bytes/blob-store.js';
import type { LiveMedia } from '../messages/message-imports.js';
import { contentType, privateHeaders, protectionOf, type AnsweredFile } from './file-answer.js';

export interface LiveAnswer {
  media: LiveMedia;
  /** Called when its import has ended. Rejects when there is no file. */
  stored: () => Promise<AnsweredFile>;
  /** Undefined when the bytes are lost. */
  open: (file: AnsweredFile, range: ByteRange) => Promise<Readable | undefined>;
  log: Logger;
}

/** What fails before the first byte is sent is an error of the route; what fails later cuts the connection. */
export function answerLive(reply: FastifyReply, answer: LiveAnswer): FastifyReply {
  const { media, log } = answer;
  reply.headers({ 'content-type': contentType(media.mimeType), ...protectionOf(media, 'inline'), ...privateHeaders });
  if (media.size !== undefined) reply.header('content-length', media.size);
  const client = reply.raw;
  client.once('close', () => media.bytes.close());
  const bytes = Readable.from(piecesOf(answer, () => client.destroyed), { objectMode: false });
  bytes.once('error', (error) => log.warn({ err: error }, 'a file could not be sent to its end while it was imported'));
  return reply.send(bytes);
}

/** @throws what `stored` and the store throw, and Error when what is stored is not what was sent. */
async function* piecesOf({ media, stored, open }: LiveAnswer, hasLeft: () => boolean): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash('sha256');
  let sent = 0;
  for await (const chunk of media.bytes) {
    hash.update(chunk);
    sent += chunk.length;
    yield chunk;
  }
  await media.ended;
  if (hasLeft()) return;
  const file = await stored();
  // The announced length is what the client counts by.
  const goesOn = sent < file.size && file.size === (media.size ?? file.size);
  const rest = goesOn ? await open(file, { start: sent, end: file.size - 1 }) : undefined;
  let last: Buffer | undefined;
  for await (const chunk of rest ?? []) {
    if (!Buffer.isBuffer(chunk)) continue;
    hash.update(chunk);
    if (last) yield last;
    last = chunk;
  }
  if (!last || hash.digest('hex') !== file.sha256) throw new Error('the bytes that were sent are not those that are stored');
  yield last;
}
