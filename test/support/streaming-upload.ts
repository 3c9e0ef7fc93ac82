/** An upload whose bytes are made while they are sent, so that a test can send much, slowly, or break off. */
import { createHash } from 'node:crypto';
import { request, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { uploadMutation, type UploadFields } from './graphql.js';

export interface StreamingUpload {
  /** The parsed answer. */
  readonly answer: Promise<unknown>;
  /** Breaks the connection. */
  readonly vanish: () => void;
}

const boundary = 'streaming-upload';

/** Begins at once, and goes on while `chunks` gives. */
export function startUpload(url: string, fields: UploadFields, chunks: Iterable<Buffer> | AsyncIterable<Buffer>): StreamingUpload {
  const part = (name: string, extra = ''): string => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${extra}\r\n\r\n`;
  const operations = JSON.stringify({ query: uploadMutation, variables: { input: { ...fields, file: null } } });
  const head = `${part('operations')}${operations}\r\n${part('map')}{"0":["variables.input.file"]}\r\n${part('0', '; filename="film.bin"')}`;
  const body = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from(head);
    yield* chunks;
    yield Buffer.from(`\r\n--${boundary}--\r\n`);
  };
  const sending = request(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}`, 'apollo-require-preflight': 'true' },
  });
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    sending.on('response', resolve);
    sending.on('error', reject);
  }).then(async (response): Promise<unknown> => JSON.parse(await text(response)));
  // A test that lets the upload vanish does not look at its answer.
  answer.catch(() => undefined);
  pipeline(Readable.from(body()), sending).catch(() => undefined);
  return { answer, vanish: () => void sending.destroy() };
}

/** `size` bytes in chunks of 64 KB, the same for the same seed. */
export function* fileOf(seed: string, size: number): Generator<Buffer> {
  const block = createHash('sha512').update(seed).digest();
  const chunk = Buffer.concat(Array.from({ length: 1_000 }, () => block));
  for (let left = size; left > 0; left -= chunk.length) yield chunk.subarray(0, Math.min(left, chunk.length));
}

/** A file whose second half is sent only after `release`. */
export function heldFile(size: number): { chunks: AsyncIterable<Buffer>; release: () => void } {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const chunks = async function* (): AsyncGenerator<Buffer> {
    yield* fileOf('first half', size / 2);
    await held;
    yield* fileOf('second half', size / 2);
  };
  return { chunks: chunks(), release: () => release() };
}

export function sha256Of(chunks: Iterable<Buffer>): string {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}
