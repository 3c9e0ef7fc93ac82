/**
 * The product as `npm start` runs it, with ways to send it anything, and a look at what it keeps past its own answers.
 * Invariant: every wait ends; what the product keeps is counted in its database and its directories, not asked for.
 */
import { credentials, status } from '@grpc/grpc-js';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { request, type IncomingHttpHeaders } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { z } from 'zod';
import type { Media } from '../../src/contract/generated/media/v1/Media.js';
import type { MediaServiceClient } from '../../src/contract/generated/media/v1/MediaService.js';
import type { UploadFileRequestInput } from '../../src/contract/generated/media/v1/UploadFileRequest.js';
import { MediaService } from '../../src/contract/services.js';
import { unary } from '../../src/runtime/grpc.js';
import { query, upload, type Answer, type UploadFields } from '../support/graphql.js';
import { startMediaHost, type MediaHost } from '../support/media-host.js';
import { startEverything, type Program } from '../support/programs.js';
import { freePort, tempDir, waitFor, type TempDir } from '../support/wait.js';
import { codeOf } from '../media/harness.js';
import type { Reply } from './hostile-input.js';
import { countKept, type Kept } from './kept.js';
import { shown } from './table.js';

export const uploadMaxBytes = 1_000_000;

/** By which the product signs; the tests sign with it too. */
export const signingKey = { id: 'k1', secret: 'the key of the hostile inputs' };
const oldKey = { id: 'k0', secret: 'the older key of the hostile inputs' };

const images = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];
const collections = {
  avatars: { singleFile: true, types: images, maxBytes: 500_000 },
  photos: { types: [...images, 'image/heic'] },
  papers: { types: ['application/pdf', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'] },
};

const deadlineMs = 20_000;

export class World {
  readonly program: Program;
  readonly directory: TempDir;
  readonly client: MediaServiceClient;
  readonly grpcPort: number;
  /** Imports may come from it. */
  readonly host: MediaHost;
  /** Imports may come from it as well, but it has no certificate that counts. */
  readonly sealed: MediaHost;
  /** Of which no import has heard. */
  readonly stranger: MediaHost;
  readonly #digits: Promise<string>;
  #owners = 0;

  private constructor(parts: Pick<World, 'program' | 'directory' | 'client' | 'grpcPort' | 'host' | 'sealed' | 'stranger'>) {
    ({ program: this.program, directory: this.directory, client: this.client, grpcPort: this.grpcPort } = parts);
    ({ host: this.host, sealed: this.sealed, stranger: this.stranger } = parts);
    this.#digits = this.#store(Buffer.from('0123456789'), 'digits.txt');
  }

  static async start(): Promise<World> {
    const directory = await tempDir('hostile');
    const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec', algorithm: 'sha256' });
    const [host, sealed, stranger] = await Promise.all([startMediaHost(), startMediaHost({ tls: { key, cert } }), startMediaHost()]);
    const rules = join(directory.path, 'collections.json');
    await writeFile(rules, JSON.stringify(collections));
    const grpcPort = await freePort();
    const program = await startEverything({
      DATA_DIR: directory.path,
      MEDIA_GRPC_ADDR: `127.0.0.1:${grpcPort}`,
      MEDIA_COLLECTIONS: rules,
      MEDIA_URL_KEYS: [signingKey, oldKey].map(({ id, secret }) => `${id}:${secret}`).join(','),
      UPLOAD_MAX_BYTES: String(uploadMaxBytes),
      MEDIA_IMPORT_ALLOWED_HOSTS: `${host.host},${sealed.host}`,
      BASE_BACKOFF_SECONDS: '0',
    });
    const client = new MediaService(`127.0.0.1:${grpcPort}`, credentials.createInsecure());
    const world = new World({ program, directory, client, grpcPort, host, sealed, stranger });
    await world.#digits;
    return world;
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.program.stop();
    await Promise.all([this.host, this.sealed, this.stranger].map((host) => host.stop()));
    await this.directory.remove();
  }

  get url(): string {
    return this.program.url;
  }

  /** Whom nobody else has used. */
  owner(): string {
    return `owner-${(this.#owners += 1)}`;
  }

  /** An upload through GraphQL; a file that was taken is fetched by its link. */
  async upload(bytes: Buffer, fileName: string, fields: Partial<UploadFields> = {}): Promise<Reply> {
    const owner = { modelType: 'Post', modelId: this.owner(), collectionName: 'files', ...fields };
    return this.stored(await upload(this.url, new Blob([bytes]), fileName, owner));
  }

  /** The id of a file of ten digits that is there from the beginning. */
  get digits(): Promise<string> {
    return this.#digits;
  }

  /** To all hosts of the test. */
  connections(): number {
    return this.host.connections() + this.sealed.connections() + this.stranger.connections();
  }

  async #store(bytes: Buffer, fileName: string): Promise<string> {
    const { data } = await upload(this.url, new Blob([bytes]), fileName, { modelType: 'Post', modelId: this.owner(), collectionName: 'files' });
    return z.object({ uploadFile: z.object({ data: z.object({ id: z.string() }) }) }).parse(data).uploadFile.data.id;
  }

  /** What an upload or an import has answered, and how what it stored is served. */
  async stored(answer: Answer): Promise<Reply> {
    const { uploadFile, importMedia } = answer.data ?? {};
    const taken = z.object({ data: mediaFields }).safeParse(uploadFile ?? importMedia);
    return taken.success ? { answer: 'OK', says: await this.#served(taken.data.data) } : replyOf(answer);
  }

  async #served({ id, mimeType, fileName, width, height }: z.infer<typeof mediaFields>): Promise<string> {
    const answer = await query(this.url, 'query ($id: ID!) { mediaURL(id: $id) { url } }', { id });
    const { mediaURL } = z.object({ mediaURL: z.object({ url: z.string() }) }).parse(answer.data);
    const { headers } = await fetch(mediaURL.url, { method: 'HEAD', signal: AbortSignal.timeout(deadlineMs) });
    const [, how, name] = /^(inline|attachment); filename="[\x20-\x7e]*"; filename\*=UTF-8''([\w.!~$&+^`|%-]*)$/.exec(headers.get('content-disposition') ?? '') ?? [];
    const guarded = headers.get('x-content-type-options') === 'nosniff' && headers.get('content-security-policy') === "sandbox; default-src 'none'";
    if (!guarded || name === undefined || decodeURIComponent(name) !== fileName) throw new Error(`the file is not served safely: ${[...headers].join(' | ')}`);
    return `${mimeType}${width ? ` of ${width} x ${height} pixels` : ''}, named ${shown(fileName)}, served ${how} as ${headers.get('content-type')}`;
  }

  /** A call of the gRPC stream with these messages, which the client leaves open or ends. */
  send(messages: Iterable<UploadFileRequestInput>, { end = true, patienceMs = deadlineMs } = {}): Promise<Reply> {
    return new Promise((resolve) => {
      const call = this.client.UploadFile({ deadline: Date.now() + patienceMs }, (error, media) => resolve(error ? failedCall(error) : takenCall(media)));
      call.on('error', () => undefined);
      const left = messages[Symbol.iterator]();
      const write = (): void => {
        for (let next = left.next(); !next.done; next = left.next()) {
          if (!call.write(next.value)) return void call.once('drain', write);
        }
        if (end) call.end();
      };
      write();
    });
  }

  /** A gRPC stream written by hand, as fast as the service takes it: `first`, one message many times, `last`. */
  async flood(first: UploadFileRequestInput, { message, times }: { message: UploadFileRequestInput; times: number }, last: UploadFileRequestInput[]): Promise<Reply> {
    const session = connectHttp2(`http://127.0.0.1:${this.grpcPort}`);
    session.on('error', () => undefined);
    const stream = session.request({ ':method': 'POST', ':path': MediaService.service.UploadFile.path, 'content-type': 'application/grpc', te: 'trailers' });
    const trailers = new Promise<IncomingHttpHeaders>((resolve) => {
      stream.on('trailers', resolve);
      // Without a message the answer is in the headers.
      stream.on('response', (headers) => headers['grpc-status'] !== undefined && resolve(headers));
    });
    stream.on('error', () => undefined).resume();
    const block = Buffer.alloc(frame(message).length * floodBlock, frame(message));
    const write = async (bytes: Buffer): Promise<void> => {
      if (!stream.write(bytes)) await once(stream, 'drain');
    };
    await write(frame(first));
    for (let sent = 0; sent < times; sent += floodBlock) await write(block);
    stream.end(Buffer.concat(last.map(frame)));
    const { 'grpc-status': code, 'grpc-message': says = '', 'error-code': known } = await trailers;
    session.close();
    return { answer: String(known ?? (code === '0' ? 'OK' : status[Number(code)])), says: decodeURIComponent(String(says)) };
  }

  async unary(work: (client: MediaServiceClient) => ReturnType<typeof unary>): Promise<Reply> {
    return work(this.client).then((given) => ({ answer: 'OK', says: JSON.stringify(given) }), failedCall);
  }

  async query(source: string, variables: Record<string, unknown> = {}): Promise<Reply> {
    return replyOf(await query(this.url, source, variables));
  }

  /** A GET that Node's fetch would mend; the path and the headers go out as they are. */
  get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<{ status: number; body: Buffer; headers: NodeJS.Dict<string | string[]> }> {
    return new Promise((resolve, reject) => {
      const { hostname, port } = new URL(this.url);
      const sent = request({ hostname, port, path, method, headers, agent: false, timeout: deadlineMs }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks), headers: response.headers }));
      });
      sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
      sent.on('error', reject).end();
    });
  }

  /** What a server on `port` says to these bytes, until it closes the connection. */
  talk(port: number, bytes: string | Buffer, patienceMs = deadlineMs): Promise<string> {
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
      socket.setTimeout(patienceMs, () => socket.destroy());
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.on('error', () => undefined);
      socket.on('end', () => socket.end());
      socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
    });
  }

  /** Leaves once these bytes are sent. */
  talkAndLeave(port: number, bytes: string): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(bytes, () => socket.destroy()));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve('closed'));
    });
  }

  /** Uploads that are begun and say nothing, all at once; they leave when the service has proved that it goes on. */
  async openStreams(count: number): Promise<Reply> {
    const codes = new Set<string>();
    const calls = Array.from({ length: count }, () =>
      this.client.UploadFile({ deadline: Date.now() + deadlineMs }, (error) => codes.add(error ? failedCall(error).answer : 'OK')),
    );
    const other = new MediaService(`127.0.0.1:${this.grpcPort}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
    try {
      await unary(other, MediaService.service.GetFilesByModel, { model_type: 'User', model_id: '1' }, deadlineMs);
    } finally {
      other.close();
    }
    for (const call of calls) call.cancel();
    await waitFor(() => codes.size > 0, { what: 'the streams to end' });
    return { answer: [...codes].join(', '), says: '' };
  }

  /** Both doors answer, and the process is the one that was started. */
  async expectWell(): Promise<void> {
    const asked = await query(this.url, '{ user(id: "1") { name } }');
    if (asked.status !== 200 || asked.errors) throw new Error(`the gateway is not well: ${JSON.stringify(asked)}`);
    await unary(this.client, MediaService.service.GetFilesByModel, { model_type: 'User', model_id: '1' }, deadlineMs);
  }

  /** Waits until nothing is under way. */
  settled(): Promise<Kept> {
    return waitFor(
      async () => {
        const kept = await countKept(this.directory.path, this.program.process.pid);
        return kept.temporary === 0 && kept.open === 0 && kept;
      },
      { what: 'the uploads to end' },
    );
  }
}

const floodBlock = 10_000;

/** A message as gRPC frames it. */
function frame(message: UploadFileRequestInput): Buffer {
  const body = MediaService.service.UploadFile.requestSerialize(message);
  const length = Buffer.alloc(5);
  length.writeUInt32BE(body.length, 1);
  return Buffer.concat([length, body]);
}

const mediaFields = z.object({ id: z.string(), mimeType: z.string(), fileName: z.string(), width: z.number().nullable(), height: z.number().nullable() });

/** Of a GraphQL answer without what could differ from run to run. */
export function replyOf({ errors, data, status: httpStatus }: Answer): Reply {
  const [error] = errors ?? [];
  if (error) return { answer: error.extensions.code, says: error.message };
  return { answer: httpStatus === 200 ? 'OK' : String(httpStatus), says: JSON.stringify(data) };
}

function failedCall(error: unknown): Reply {
  const known = error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;
  if (!known) throw error;
  return { answer: codeOf(error) ?? status[Number(error.code)] ?? String(error.code), says: String(error.details) };
}

function takenCall(media: Media | undefined): Reply {
  return { answer: 'OK', says: `${media?.mime_type} of ${media?.size} bytes, named ${shown(media?.file_name ?? '')}` };
}
