/**
 * Serves the media of messages by the id of the message, and has them imported where they are not there yet, as they arrive or once they are stored.
 * Invariant: an answer without the bytes says whether asking again may help, and whether the provider has ended them.
 */
import type { FastifyError, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../contract/errors.js';
import { checkIdentifier } from '../../contract/identifier.js';
import type { Logger } from '../../runtime/logger.js';
import type { Library } from '../library.js';
import { messageFiles, type Message } from '../messages/message-store.js';
import type { Messages } from '../messages/messages.js';
import type { Counters } from '../rows/counters.js';
import { checkAccess } from './admin-access.js';
import { answerError, answerFile, privateHeaders, type AnsweredFile } from './file-answer.js';
import { answerLive } from './live-answer.js';

export interface MessageMediaOptions {
  messages: Pick<Messages, 'importNow'>;
  library: Pick<Library, 'filesByModels' | 'open'>;
  counters: Pick<Counters, 'add'>;
  /** MEDIA_ADMIN_TOKEN; undefined: programs on this machine only. */
  token: string | undefined;
  log: Logger;
}

interface MessageRoute {
  Params: { '*': string };
}

/** Why there are no bytes. */
interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly expired: boolean;
}

class Refused extends Error {
  readonly refusal: Refusal;
  /** Of who has asked: there never was anything. */
  readonly isMistake: boolean;

  constructor(refusal: Refusal, isMistake: boolean) {
    super(refusal.message);
    this.refusal = refusal;
    this.isMistake = isMistake;
  }
}

const unknown: Refusal = { status: 404, code: 'NOT_FOUND', message: 'There is no such message.', retryable: false, expired: false };
const retryAfterSeconds = 5;

/** GET and HEAD `/api/media/messages/:id`; errors as JSON `{code, message, retryable, expired}`. */
export function createMessageMedia(options: MessageMediaOptions): FastifyPluginAsync {
  const { counters, token, log } = options;
  return async (server) => {
    await server.register(async (routes) => {
      routes.setErrorHandler(async (error: FastifyError | AppError | Refused, _request, reply) => {
        const refusal = refusalOf(error, log);
        if (refusal.status >= 500 || (error instanceof Refused && !error.isMistake)) await counters.add({ message_media_refusals: 1 });
        return refuse(reply, refusal);
      });
      routes.addHook('onRequest', async (request) => checkAccess(request, token));
      // A wildcard: a parameter of the path may have 100 characters only, and the id of a message more, also slashes.
      routes.route<MessageRoute>({ method: ['GET', 'HEAD'], url: '/api/media/messages/*', handler: (request, reply) => serve(request, reply, options) });
    });
  };
}

async function serve(request: FastifyRequest<MessageRoute>, reply: FastifyReply, { messages, library, counters, log }: MessageMediaOptions): Promise<FastifyReply> {
  const id = checkIdentifier('id', request.params['*']);
  const { message, live, wasReady } = await messages.importNow(id, { live: isForAllOfIt(request) });
  if (live) {
    await counters.add({ message_media_misses: 1 });
    // The import may have failed, and may work the next time.
    const stored = async (): Promise<AnsweredFile> => storedFile((await messages.importNow(id, { live: false })).message, library);
    return answerLive(reply, { media: live, stored, open: (file, range) => library.open(file, range), log });
  }
  const file = await storedFile(message, library);
  await counters.add(wasReady ? { message_media_hits: 1 } : { message_media_misses: 1 });
  return answerFile(request, reply, { file, open: (range) => library.open(file, range), disposition: 'inline', headers: privateHeaders, log });
}

/** What asks for a part, or under a condition, is answered by what is stored. */
function isForAllOfIt({ method, headers }: FastifyRequest): boolean {
  return method === 'GET' && headers.range === undefined && headers['if-none-match'] === undefined;
}

/** @throws Refused */
async function storedFile(message: Message | undefined, library: MessageMediaOptions['library']): Promise<AnsweredFile> {
  if (!message) throw new Refused(unknown, true);
  const [files] = message.state === 'READY' ? await library.filesByModels([{ ...messageFiles(message.id), limit: 0 }]) : [];
  const file = files?.media.at(-1);
  if (!file) throw new Refused(refusalFor(message), message.state === 'NONE');
  return file;
}

function refusalFor({ state, reason, code = 'NOT_FOUND', retryable }: Message): Refusal {
  if (state === 'NONE') return { ...unknown, message: 'The message brings no media.' };
  if (state === 'READY') return { ...unknown, message: 'The media of the message was deleted.' };
  if (state === 'PENDING') return { status: 503, code: 'IMPORT_FAILED', message: reason ?? 'The media is being imported.', retryable: true, expired: false };
  if (state === 'EXPIRED') return { status: 410, code, message: reason ?? 'Media expired.', retryable: false, expired: true };
  return { status: retryable ? 502 : 404, code, message: reason ?? 'The media cannot be had.', retryable, expired: false };
}

const statusOfCode: Partial<Record<string, number>> = { BAD_USER_INPUT: 400, UNAUTHENTICATED: 401, FORBIDDEN: 403, NOT_FOUND: 404 };

function refusalOf(error: FastifyError | AppError | Refused, log: Logger): Refusal {
  if (error instanceof Refused) return error.refusal;
  const status = error instanceof AppError ? statusOfCode[error.code] : error.statusCode;
  if (status !== undefined && status < 500) {
    return { status, code: error instanceof AppError ? error.code : 'BAD_USER_INPUT', message: error.message, retryable: false, expired: false };
  }
  log.error({ err: error }, 'the media of a message could not be served');
  return { status: 500, code: 'INTERNAL_SERVER_ERROR', message: 'Internal error.', retryable: true, expired: false };
}

function refuse(reply: FastifyReply, { status, ...error }: Refusal): FastifyReply {
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="media"');
  if (status === 503) reply.header('retry-after', retryAfterSeconds);
  return answerError(reply, status, error);
}
