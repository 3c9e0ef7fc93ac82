/**
 * The operator's routes, on any Fastify server that registers them: statistics, a cleanup, a check of handles, and the bytes of provider media.
 * Invariant: nothing is done for a request before it has passed admin-access.ts. A cleanup goes on when nobody waits for it any longer.
 */
import type { FastifyError, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AppError, type ErrorCode } from '../../contract/errors.js';
import { identifier } from '../../contract/identifier.js';
import { endsWithin } from '../../runtime/deadline.js';
import type { Logger } from '../../runtime/logger.js';
import type { ImportSource } from '../import/fetched-file.js';
import { ImportFailure, type FailureKind } from '../import/import-failure.js';
import type { Importer } from '../import/importer.js';
import type { Library } from '../library.js';
import type { Cleanup } from '../upkeep/cleanup.js';
import type { Templates } from '../templates/templates.js';
import { statisticsDocument, type Statistics } from '../upkeep/statistics.js';
import { checkAccess } from './admin-access.js';
import { answerError, answerFile, privateHeaders } from './file-answer.js';

export interface AdminOptions {
  statistics: Pick<Statistics, 'read'>;
  cleanup: Pick<Cleanup, 'run'>;
  importer: Pick<Importer, 'keepCopy'>;
  library: Pick<Library, 'open'>;
  templates: Pick<Templates, 'checkHandles' | 'attempts'>;
  /** The names of those whose media can be asked for. */
  providers: readonly string[];
  /** MEDIA_ADMIN_TOKEN; undefined: programs on this machine only. */
  token: string | undefined;
  log: Logger;
  /** Default 30,000. Milliseconds after which a cleanup, or a check, that goes on is answered with 202. */
  answerMs?: number;
}

/** GET `/media/stats` and `/media/sends/:id`, POST `/media/cleanup` and `/media/handles/check`, GET and HEAD `/media`; errors as JSON `{code, message}`. */
export function createAdmin(options: AdminOptions): FastifyPluginAsync {
  const { statistics, templates, token, log } = options;
  return async (server) => {
    await server.register(async (admin) => {
      admin.setErrorHandler((error: FastifyError, _request, reply) => answerFailure(error, reply, log));
      admin.addHook('onRequest', async (request) => checkAccess(request, token));
      // Whatever its type says: there should be none.
      admin.removeAllContentTypeParsers();
      admin.addContentTypeParser('*', { parseAs: 'string', bodyLimit: 1_024 }, (_request, body, done) => done(null, body));
      admin.get('/media/stats', async (_request, reply) => {
        const document = statisticsDocument(await statistics.read());
        return reply.header('cache-control', 'no-store').send({ status: 'success', statistics: document });
      });
      admin.post('/media/cleanup', cleanupHandler(options));
      admin.post('/media/handles/check', async (_request, reply) => {
        const report = await ended(templates.checkHandles(), 'a check of handles', options);
        reply.header('cache-control', 'no-store');
        return report ? reply.send({ status: 'success', ...report }) : reply.code(202).send({ status: 'running', message: 'The check goes on; what it uploads is counted in /media/stats' });
      });
      admin.get<{ Params: { id: string } }>('/media/sends/:id', async ({ params }, reply) => {
        const attempts = await templates.attempts(params.id);
        return reply.header('cache-control', 'no-store').send({ attempts });
      });
      admin.route({ method: ['GET', 'HEAD'], url: '/media', handler: mediaHandler(options) });
    });
  };
}

const cleanupQuery = z.strictObject({ dryRun: z.enum(['', '1', 'true', '0', 'false'], 'must be 1 or 0').default('0') });

/** Undefined when it goes on for longer than somebody waits: what it fails with then is logged. */
async function ended<T>(work: Promise<T>, what: string, { log, answerMs = 30_000 }: Pick<AdminOptions, 'log' | 'answerMs'>): Promise<T | undefined> {
  if (await endsWithin(answerMs, work.catch(() => undefined))) return work;
  work.catch((error: unknown) => log.error({ err: error }, `${what} failed`));
  return undefined;
}

function cleanupHandler(options: AdminOptions) {
  return async ({ query, body }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const dryRun = !['0', 'false'].includes(parsed(cleanupQuery, query).dryRun);
    // What somebody hopes to say in it, such as a dry run, must not be ignored.
    if (typeof body === 'string' && !/^\s*(\{\s*\})?\s*$/.test(body)) throw new AppError('BAD_USER_INPUT', 'No body is read here: a dry run is /media/cleanup?dryRun=1.');
    const report = await ended(options.cleanup.run({ dryRun }), 'a cleanup', options);
    reply.header('cache-control', 'no-store');
    if (report) {
      const completed = dryRun ? 'This is what a cleanup would remove' : 'Old media cleanup completed';
      return reply.send({ status: 'success', message: report.is_complete ? completed : 'The cleanup was stopped half-way', ...report });
    }
    return reply.code(202).send({ status: 'running', message: 'The cleanup goes on; what it removes is counted in /media/stats' });
  };
}

const once = z.string('must be given once');

const mediaQuery = z
  .record(z.string(), z.unknown())
  // An empty parameter is what a template leaves of a value that there is not.
  .transform((query) => Object.fromEntries(Object.entries(query).filter(([, value]) => value !== '')))
  .pipe(
    z.object({
      url: once.optional(),
      id: once.pipe(identifier).optional(),
      provider: once.optional(),
      // Milliseconds would be a time beyond the year 5000.
      timestamp: once.regex(/^\d{1,11}(\.\d+)?$/, 'must be in seconds since 1970').optional(),
    }),
  );

function mediaHandler({ importer, library, providers, log }: AdminOptions) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { blob, fileName } = await importer.keepCopy(sourceOf(parsed(mediaQuery, request.query), providers));
    return answerFile(request, reply, {
      file: { ...blob, fileName },
      open: (range) => library.open(blob, range),
      disposition: 'inline',
      headers: privateHeaders,
      log,
    });
  };
}

function sourceOf({ url, id, timestamp, ...named }: z.output<typeof mediaQuery>, providers: readonly string[]): ImportSource {
  if (url !== undefined && id === undefined) return { kind: 'url', url };
  if (id === undefined || url !== undefined) throw new AppError('BAD_USER_INPUT', 'What is asked for is said by an id, or by a url.');
  if (named.provider === undefined && providers.length > 1) throw new AppError('BAD_USER_INPUT', `provider must be one of ${providers.join(', ')}.`);
  const provider = named.provider ?? providers[0];
  if (provider === undefined) throw new AppError('NOT_FOUND', 'No provider of media is configured.');
  if (!providers.includes(provider)) throw new AppError('NOT_FOUND', 'There is no such provider of media.');
  return { kind: 'provider', provider, id, announcedAt: timestamp === undefined ? undefined : new Date(1_000 * Number(timestamp)) };
}

/** @throws AppError BAD_USER_INPUT */
function parsed<T>(type: z.ZodType<T>, query: unknown): T {
  const result = type.safeParse(query);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new AppError('BAD_USER_INPUT', `${issue?.path.join('.') || 'The query'} ${issue?.message ?? 'is not usable'}.`);
}

const statusOfCode: Partial<Record<ErrorCode, number>> = {
  BAD_USER_INPUT: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  IMPORT_REFUSED: 403,
  NOT_FOUND: 404,
  // Another one goes on.
  RATE_LIMITED: 409,
  // The fault of whoever has the file.
  FILE_TOO_LARGE: 502,
  EMPTY_FILE: 502,
  IMPORT_FAILED: 502,
};

const statusOfFailure: Partial<Record<FailureKind, number>> = { gone: 404, expired: 410, throttled: 503, busy: 503 };

function answerFailure(error: FastifyError | AppError, reply: FastifyReply, log: Logger): FastifyReply {
  if (error instanceof AppError) {
    const { code, message, cause } = error;
    const failure = cause instanceof ImportFailure ? cause : undefined;
    if (code === 'UNAUTHENTICATED') reply.header('www-authenticate', 'Bearer realm="media"');
    if (failure?.retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(failure.retryAfterMs / 1_000));
    const status = (failure && statusOfFailure[failure.outcome]) ?? statusOfCode[code];
    if (status) return answerError(reply, status, { code, message });
  }
  const { statusCode = 500, message } = 'statusCode' in error ? error : {};
  if (statusCode < 500 && message !== undefined) return answerError(reply, statusCode, { code: 'BAD_USER_INPUT', message });
  log.error({ err: error }, 'an operator\'s request failed');
  return answerError(reply, 500, { code: 'INTERNAL_SERVER_ERROR', message: 'Internal error.' });
}
