/**
 * A small S3 for tests: one bucket in memory with what a byte store uses - put (with If-None-Match), get (with Range), head, delete, copy, multipart.
 * Invariant: a request without a SigV4 Authorization header is refused. It does not recompute the signature.
 */
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';

export interface S3Fake {
  endpoint: string;
  bucket: string;
  /** Keys of complete objects, and how many multiparts were begun and not ended. */
  keys(): string[];
  openUploads(): number;
  stop(): Promise<void>;
}

interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: Buffer | string;
}

interface Request {
  method: string;
  key: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

const bucket = 'media';

export async function startS3Fake(): Promise<S3Fake> {
  const bucketContent = new Bucket();
  const server = createServer((request, response) => void serve(bucketContent, request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('the S3 fake has no port');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    bucket,
    keys: () => [...bucketContent.objects.keys()],
    openUploads: () => bucketContent.uploads.size,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function serve(content: Bucket, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(incoming.url ?? '/', 'http://s3');
  const [name, ...path] = url.pathname.slice(1).split('/').map(decodeURIComponent);
  try {
    const body = await buffer(incoming);
    const signed = /^AWS4-HMAC-SHA256 Credential=[^,]+, ?SignedHeaders=[^,]+, ?Signature=[0-9a-f]{64}$/.test(incoming.headers.authorization ?? '');
    const request = { method: incoming.method ?? '', key: path.join('/'), query: url.searchParams, headers: incoming.headers, body };
    const answer = signed && name === bucket ? content.answer(request) : failure(403, 'AccessDenied');
    response.writeHead(answer.status, { 'x-amz-request-id': randomUUID(), ...answer.headers }).end(answer.body);
  } catch {
    response.destroy();
  }
}

class Bucket {
  readonly objects = new Map<string, Buffer>();
  readonly uploads = new Map<string, Map<number, Buffer>>();

  answer(request: Request): Answer {
    const { method, key, query, body, headers } = request;
    const uploadId = query.get('uploadId');
    if (method === 'POST' && query.has('uploads')) return this.#begin(key);
    if (uploadId !== null) return this.#multipart(request, uploadId);
    const source = headers['x-amz-copy-source'];
    switch (method) {
      case 'PUT':
        if (headers['if-none-match'] === '*' && this.objects.has(key)) return failure(412, 'PreconditionFailed');
        return typeof source === 'string' ? this.#copy(decodeURIComponent(source), key) : this.#put(key, body);
      case 'GET':
      case 'HEAD':
        return this.#get(key, headers.range);
      case 'DELETE':
        this.objects.delete(key);
        return { status: 204 };
      default:
        return failure(405, 'MethodNotAllowed');
    }
  }

  #put(key: string, body: Buffer): Answer {
    this.objects.set(key, body);
    return { status: 200, headers: { etag: etagOf(body) } };
  }

  #copy(source: string, key: string): Answer {
    const body = this.objects.get(source.replace(/^\/?[^/]+\//, ''));
    if (!body) return failure(404, 'NoSuchKey');
    this.objects.set(key, body);
    return xml(`<CopyObjectResult><ETag>${etagOf(body)}</ETag><LastModified>2024-01-01T00:00:00.000Z</LastModified></CopyObjectResult>`);
  }

  #get(key: string, range: string | undefined): Answer {
    const body = this.objects.get(key);
    if (!body) return failure(404, 'NoSuchKey');
    const { first, last } = /^bytes=(?<first>\d+)-(?<last>\d+)$/.exec(range ?? '')?.groups ?? {};
    if (first === undefined || last === undefined) return { status: 200, headers: { etag: etagOf(body), 'content-length': String(body.length) }, body };
    const part = body.subarray(Number(first), Number(last) + 1);
    return { status: 206, headers: { etag: etagOf(body), 'content-range': `bytes ${first}-${last}/${body.length}` }, body: part };
  }

  #begin(key: string): Answer {
    const id = randomUUID();
    this.uploads.set(id, new Map());
    return xml(`<InitiateMultipartUploadResult><Bucket>${bucket}</Bucket><Key>${key}</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
  }

  #multipart({ method, key, query, body }: Request, id: string): Answer {
    const parts = this.uploads.get(id);
    if (!parts) return failure(404, 'NoSuchUpload');
    switch (method) {
      case 'PUT':
        parts.set(Number(query.get('partNumber')), body);
        return { status: 200, headers: { etag: etagOf(body) } };
      case 'POST':
        this.uploads.delete(id);
        this.objects.set(key, Buffer.concat([...parts].toSorted(([a], [b]) => a - b).map(([, part]) => part)));
        return xml(`<CompleteMultipartUploadResult><Bucket>${bucket}</Bucket><Key>${key}</Key><ETag>"done"</ETag></CompleteMultipartUploadResult>`);
      case 'DELETE':
        this.uploads.delete(id);
        return { status: 204 };
      default:
        return failure(405, 'MethodNotAllowed');
    }
  }
}

function etagOf(body: Buffer): string {
  return `"${createHash('md5').update(body).digest('hex')}"`;
}

function xml(text: string, status = 200): Answer {
  return { status, headers: { 'content-type': 'application/xml' }, body: `<?xml version="1.0" encoding="UTF-8"?>${text}` };
}

function failure(status: number, code: string): Answer {
  return xml(`<Error><Code>${code}</Code><Message>${code}</Message></Error>`, status);
}
