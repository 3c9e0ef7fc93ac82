/**
 * A small S3 for tests, with what a byte store uses: put (with If-None-Match), get (with Range), head, delete, copy, multipart, lists.
 * Invariant: a request whose signature or body does not fit is refused, as S3 does (s3-fake-signature.ts); faults come only as a test asked for them.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Bucket, xml, type Answer } from './s3-fake-bucket.js';
import { authenticate, S3Failure, type Credentials } from './s3-fake-signature.js';

/** `fail`: 503 SlowDown; `cut`: half of the answer; `slow`: the answer after `ms`; `refuse`: 501, as of a store that has no such call. */
export type Fault = { kind: 'fail' | 'cut' | 'refuse' } | { kind: 'slow'; ms: number };

export interface S3Fake {
  endpoint: string;
  bucket: string;
  credentials: Credentials;
  /** `METHOD key?query` of all requests, refused ones too. */
  readonly requests: readonly string[];
  /** Keys of complete objects, and how many multiparts were begun and not ended. */
  keys(): string[];
  openUploads(): number;
  /** Changes the bytes of an object where they lie; undefined: it gets lost. */
  tamper(key: string, change: (bytes: Buffer) => Buffer | undefined): void;
  /** Makes the objects and multiparts whose keys have this in them older by `ms`. */
  age(part: string, ms: number): void;
  /** Of the next requests whose line (`METHOD key?query`) matches, `times` meet this fault. */
  inject(fault: Fault, times: number, line?: RegExp): void;
  stop(): Promise<void>;
}

const bucketName = 'media';

interface Injected {
  fault: Fault;
  left: number;
  line: RegExp;
}

export async function startS3Fake(): Promise<S3Fake> {
  const content = new Bucket(bucketName);
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };
  const requests: string[] = [];
  const faults: Injected[] = [];
  const server = createServer((request, response) => {
    const line = `${request.method} ${decodeURIComponent(request.url ?? '').slice(`/${bucketName}`.length).replace(/^\//, '')}`;
    requests.push(line);
    const fault = faults.find((injected) => injected.left > 0 && injected.line.test(line));
    if (fault) fault.left -= 1;
    void serve({ content, credentials, fault: fault?.fault }, request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('the S3 fake has no port');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    bucket: content.name,
    credentials,
    requests,
    keys: () => [...content.objects.keys()],
    openUploads: () => content.uploads.size,
    tamper: (key, change) => {
      const stored = content.objects.get(key);
      if (!stored) throw new Error(`there is no object ${key}`);
      // A copy: the bytes may be shared with the object that this one was copied from.
      const body = change(Buffer.from(stored.body));
      if (body) content.objects.set(key, { ...stored, body });
      else content.objects.delete(key);
    },
    age: (part, ms) => {
      for (const [key, stored] of content.objects) if (key.includes(part)) stored.modifiedAt -= ms;
      for (const upload of content.uploads.values()) if (upload.key.includes(part)) upload.initiatedAt -= ms;
    },
    inject: (fault, times, line = /^/) => void faults.push({ fault, left: times, line }),
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

interface Served {
  content: Bucket;
  credentials: Credentials;
  fault: Fault | undefined;
}

async function serve({ content, credentials, fault }: Served, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const received = await buffer(incoming);
    if (fault?.kind === 'slow') await sleep(fault.ms, undefined, { ref: false });
    const { status, headers, body = '' } = refusal(fault) ?? answer(content, credentials, incoming, received);
    response.writeHead(status, { 'x-amz-request-id': randomUUID(), ...headers });
    if (fault?.kind !== 'cut') return void response.end(body);
    const bytes = Buffer.from(body);
    response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.destroy());
  } catch {
    response.destroy();
  }
}

function refusal(fault: Fault | undefined): Answer | undefined {
  if (fault?.kind === 'fail') return failure(503, 'SlowDown');
  return fault?.kind === 'refuse' ? failure(501, 'NotImplemented') : undefined;
}

function answer(content: Bucket, credentials: Credentials, incoming: IncomingMessage, received: Buffer): Answer {
  const { pathname, searchParams: query } = new URL(incoming.url ?? '/', 'http://s3');
  const [bucket, ...path] = pathname.slice(1).split('/').map(decodeURIComponent);
  try {
    const body = authenticate(incoming, received, credentials);
    if (bucket !== content.name) throw new S3Failure(404, 'NoSuchBucket');
    return content.answer({ method: incoming.method ?? '', key: path.join('/'), query, headers: incoming.headers, body });
  } catch (error) {
    if (error instanceof S3Failure) return failure(error.status, error.code, error.headers);
    throw error;
  }
}

function failure(status: number, code: string, headers: Record<string, string> = {}): Answer {
  const answered = xml(`<Error><Code>${code}</Code><Message>${code}</Message></Error>`, status);
  return { ...answered, headers: { ...answered.headers, ...headers } };
}
