/**
 * Uploads by the GraphQL multipart request specification (https://github.com/jaydenseric/graphql-multipart-request-spec).
 * Invariant: a file is read only as fast as it is consumed, and never beyond the limit; a body that is not read to its end
 * does not keep the client waiting.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { processRequest, type FileUpload } from 'graphql-upload-minimal';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { AppError } from '../contract/errors.js';
import { DeadlineExceeded, withDeadline } from '../runtime/deadline.js';

/** Of `operations` and of `map`, in bytes. */
const maxFieldBytes = 100_000;
/** One file at a time: two that are awaited in another order than they were sent would wait for each other for ever. */
const maxFiles = 1;
const maxPathsPerFile = 20;
const idleTimeoutMs = 30_000;
const silence = `No data arrived for ${idleTimeoutMs / 1_000} seconds.`;
const lingerMs = 2_000;

export const preflightHeaders = ['apollo-require-preflight', 'x-apollo-operation-name', 'graphql-require-preflight'];

function isMultipart(request: FastifyRequest): boolean {
  return /^multipart\/form-data/i.test(request.headers['content-type'] ?? '');
}

export interface MultipartOptions {
  maxUploadBytes: number;
  /** Asked before anything of the body is read. @throws AppError */
  authorize: (request: FastifyRequest) => Promise<void>;
}

/** Makes the routes of this instance take multipart requests: `request.body` becomes the operation, with its files as `Upload`s. */
export function acceptMultipart(app: FastifyInstance, options: MultipartOptions): void {
  app.addContentTypeParser('multipart/form-data', (_request, _payload, done) => done(null));
  app.addHook('preHandler', async (request, reply) => {
    if (isMultipart(request)) request.body = await readOperation(request, reply, options);
  });
  app.addHook('onSend', async (request, reply) => {
    if (isMultipart(request) && !request.raw.readableEnded) closeEarly(request, reply);
  });
}

async function readOperation(request: FastifyRequest, reply: FastifyReply, { maxUploadBytes, authorize }: MultipartOptions): Promise<unknown> {
  // A browser sends a multipart form to any site without asking; a header of its own it does not.
  if (!preflightHeaders.some((name) => request.headers[name])) {
    throw new AppError('BAD_USER_INPUT', `A multipart request needs one of the headers ${preflightHeaders.join(', ')}, with any value.`);
  }
  await authorize(request);
  try {
    // One byte more than allowed is let through, so that limitedBytes sees the excess instead of a cut-off file.
    hearEveryParserError(request);
    const parsing = processRequest(request.raw, reply.raw, { maxFieldSize: maxFieldBytes, maxFiles, maxFileSize: maxUploadBytes + 1 });
    const operation = await withDeadline(parsing, idleTimeoutMs);
    checkPaths(operation);
    return operation;
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('BAD_USER_INPUT', explainRefusal(error), { cause: error });
  }
}

/**
 * The library listens for one error of its parser; a malformed body can cause two, and the second would end the process.
 * The parser is first seen when the body is piped into it.
 */
function hearEveryParserError({ raw }: FastifyRequest): void {
  const pipe = raw.pipe.bind(raw);
  raw.pipe = (parser, options) => pipe(parser.on('error', () => undefined), options);
}

function explainRefusal(error: unknown): string {
  if (!(error instanceof Error)) return 'The multipart request cannot be read.';
  if (error instanceof DeadlineExceeded) return silence;
  // The library's own advice for an empty body speaks of its configuration, which is no help to a client.
  if (error.message.startsWith('graphql-upload-minimal')) return "The multipart request has no 'operations' and no 'map'.";
  return `The multipart request cannot be read: ${error.message}`;
}

/** `map` can put one file at any number of places; a legitimate request needs a few. */
function checkPaths(operation: unknown): void {
  const uploads = new Map<object, number>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if ('promise' in value && value.promise instanceof Promise) uploads.set(value, (uploads.get(value) ?? 0) + 1);
    else for (const inner of Object.values(value)) visit(inner);
  };
  visit(operation);
  if ([...uploads.values()].some((count) => count > maxPathsPerFile)) {
    throw new AppError('BAD_USER_INPUT', `A file can be used at ${maxPathsPerFile} places of the operation at most.`);
  }
}

/** The bytes of a file. @throws AppError FILE_TOO_LARGE after the limit, BAD_USER_INPUT when the request is not as it should be or breaks off. */
export async function* limitedBytes(file: FileUpload, maxBytes: number): AsyncGenerator<Buffer> {
  const stream = openOnce(file);
  try {
    const chunks: AsyncIterator<unknown> = stream[Symbol.asyncIterator]();
    for (let size = 0; ; ) {
      // Only the client's silence counts: while we hold the stream back, nobody waits for the client.
      const { done, value } = await withDeadline(chunks.next(), idleTimeoutMs);
      if (done || !Buffer.isBuffer(value)) return;
      size += value.length;
      if (size > maxBytes) throw new AppError('FILE_TOO_LARGE', `The file is larger than ${maxBytes} bytes, the most that is allowed.`);
      yield value;
    }
  } catch (error) {
    throw error instanceof AppError ? error : new AppError('BAD_USER_INPUT', explainBreak(error), { cause: error });
  } finally {
    stream.destroy();
  }
}

function openOnce(file: FileUpload): Readable {
  try {
    return file.createReadStream();
  } catch (error) {
    throw new AppError('BAD_USER_INPUT', 'The file was used already, or its request has ended: a file can be used once.', { cause: error });
  }
}

function explainBreak(error: unknown): string {
  if (error instanceof DeadlineExceeded) return silence;
  // An error of the library has a status, and a sentence that says what was wrong with the rest of the request.
  const known = error instanceof Error && 'status' in error && error.status !== 499;
  return known ? `The multipart request cannot be read to its end: ${error.message}` : 'The request broke off before the end of the file.';
}

/**
 * Lets the client have its answer although we do not read the rest of its body: the connection is closed behind the answer, but not
 * while unread bytes would turn the close into a reset that destroys the answer on its way (as nginx's lingering_close).
 */
function closeEarly(request: FastifyRequest, reply: FastifyReply): void {
  reply.header('connection', 'close');
  const { socket } = request.raw;
  socket.destroySoon = () => lingeringClose(socket);
  request.raw.unpipe();
  request.raw.resume();
}

function lingeringClose(socket: Socket): void {
  socket.end();
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(timer));
}
