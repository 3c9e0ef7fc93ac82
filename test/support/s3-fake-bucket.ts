/**
 * The bucket of the S3 fake: objects and multipart uploads in memory, and the answers that S3 gives about them.
 * Invariant: an object appears whole, at once; lists come in the order of the keys, a few entries a page.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { S3Failure } from './s3-fake-signature.js';

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: Buffer | string;
}

export interface Request {
  method: string;
  key: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

interface StoredObject {
  body: Buffer;
  etag: string;
  modifiedAt: number;
}

interface MultipartUpload {
  key: string;
  initiatedAt: number;
  parts: Map<number, Omit<StoredObject, 'modifiedAt'>>;
}

/** Less than a client asks for: paging is used by small tests too. */
const pageSize = 7;
const minPartBytes = 5_242_880;

export class Bucket {
  readonly name: string;
  readonly objects = new Map<string, StoredObject>();
  readonly uploads = new Map<string, MultipartUpload>();

  constructor(name: string) {
    this.name = name;
  }

  /** @throws S3Failure */
  answer(request: Request): Answer {
    const { method, key, query } = request;
    if (key === '') {
      if (method === 'GET' && query.get('list-type') === '2') return this.#list(query);
      if (method === 'GET' && query.has('uploads')) return this.#listUploads(query);
      throw new S3Failure(501, 'NotImplemented');
    }
    if (method === 'POST' && query.has('uploads')) return this.#begin(key);
    const uploadId = query.get('uploadId');
    if (uploadId !== null) return this.#multipart(request, uploadId);
    if (method === 'PUT') return this.#put(request);
    if (method === 'GET' || method === 'HEAD') return this.#get(key, request.headers.range);
    if (method !== 'DELETE') throw new S3Failure(405, 'MethodNotAllowed');
    this.objects.delete(key);
    return { status: 204 };
  }

  #put({ key, headers, body }: Request): Answer {
    if (headers['if-none-match'] === '*' && this.objects.has(key)) throw new S3Failure(412, 'PreconditionFailed');
    const source = headers['x-amz-copy-source'];
    if (typeof source !== 'string') return { status: 200, headers: { etag: this.#store(key, body, etagOf(body)) } };
    const [bucket, ...path] = decodeURIComponent(source).replace(/^\//, '').split('/');
    const copied = this.#object(bucket === this.name ? path.join('/') : '');
    const etag = this.#store(key, copied.body, copied.etag);
    return xml(`<CopyObjectResult><ETag>${etag}</ETag><LastModified>${new Date().toISOString()}</LastModified></CopyObjectResult>`);
  }

  #get(key: string, range: string | undefined): Answer {
    const { body, etag, modifiedAt } = this.#object(key);
    const headers = { etag, 'last-modified': new Date(modifiedAt).toUTCString(), 'accept-ranges': 'bytes' };
    const { first = '', last = '' } = /^bytes=(?<first>\d*)-(?<last>\d*)$/.exec(range ?? '')?.groups ?? {};
    if (first === '' && last === '') return { status: 200, headers: { ...headers, 'content-length': String(body.length) }, body };
    const start = first === '' ? Math.max(0, body.length - Number(last)) : Number(first);
    const end = first === '' || last === '' ? body.length - 1 : Math.min(Number(last), body.length - 1);
    if (start > end) throw new S3Failure(416, 'InvalidRange', { 'content-range': `bytes */${body.length}` });
    const part = body.subarray(start, end + 1);
    return { status: 206, headers: { ...headers, 'content-range': `bytes ${start}-${end}/${body.length}`, 'content-length': String(part.length) }, body: part };
  }

  #list(query: URLSearchParams): Answer {
    const after = Buffer.from(query.get('continuation-token') ?? '', 'base64url').toString() || (query.get('start-after') ?? '');
    const prefix = query.get('prefix') ?? '';
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).toSorted();
    const page = keys.slice(0, Math.min(pageSize, Number(query.get('max-keys') ?? pageSize)));
    const contents = page.map((key) => {
      const { body, etag, modifiedAt } = this.#object(key);
      const modified = new Date(modifiedAt).toISOString();
      return `<Contents><Key>${escaped(key)}</Key><LastModified>${modified}</LastModified><ETag>${etag}</ETag><Size>${body.length}</Size></Contents>`;
    });
    const more = page.length < keys.length;
    const next = more ? `<NextContinuationToken>${Buffer.from(page.at(-1) ?? '').toString('base64url')}</NextContinuationToken>` : '';
    return xml(`<ListBucketResult><Name>${this.name}</Name><KeyCount>${page.length}</KeyCount><IsTruncated>${more}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`);
  }

  #listUploads(query: URLSearchParams): Answer {
    const place = (key: string, id: string): string => `${key}\0${id}`;
    const after = query.has('key-marker') ? place(query.get('key-marker') ?? '', query.get('upload-id-marker') ?? '\uffff') : '';
    const prefix = query.get('prefix') ?? '';
    const uploads = [...this.uploads]
      .map(([id, upload]) => ({ id, ...upload }))
      .filter(({ key, id }) => key.startsWith(prefix) && place(key, id) > after)
      .toSorted((a, b) => (place(a.key, a.id) < place(b.key, b.id) ? -1 : 1));
    const page = uploads.slice(0, pageSize);
    const entries = page.map(
      ({ key, id, initiatedAt }) =>
        `<Upload><Key>${escaped(key)}</Key><UploadId>${id}</UploadId><Initiated>${new Date(initiatedAt).toISOString()}</Initiated></Upload>`,
    );
    const more = page.length < uploads.length;
    const last = page.at(-1);
    const next = more && last ? `<NextKeyMarker>${escaped(last.key)}</NextKeyMarker><NextUploadIdMarker>${last.id}</NextUploadIdMarker>` : '';
    return xml(`<ListMultipartUploadsResult><Bucket>${this.name}</Bucket><IsTruncated>${more}</IsTruncated>${next}${entries.join('')}</ListMultipartUploadsResult>`);
  }

  #begin(key: string): Answer {
    const id = randomUUID();
    this.uploads.set(id, { key, initiatedAt: Date.now(), parts: new Map() });
    return xml(`<InitiateMultipartUploadResult><Bucket>${this.name}</Bucket><Key>${escaped(key)}</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
  }

  #multipart({ method, key, query, body }: Request, id: string): Answer {
    const upload = this.uploads.get(id);
    if (upload?.key !== key) throw new S3Failure(404, 'NoSuchUpload');
    if (method === 'PUT') {
      const number = Number(query.get('partNumber'));
      if (!(number >= 1 && number <= 10_000)) throw new S3Failure(400, 'InvalidArgument');
      upload.parts.set(number, { body, etag: etagOf(body) });
      return { status: 200, headers: { etag: etagOf(body) } };
    }
    if (method !== 'POST' && method !== 'DELETE') throw new S3Failure(405, 'MethodNotAllowed');
    const parts = method === 'POST' ? namedParts(upload, String(body)) : [];
    this.uploads.delete(id);
    if (method === 'DELETE') return { status: 204 };
    const digests = Buffer.concat(parts.map(({ etag }) => Buffer.from(etag.slice(1, -1), 'hex')));
    const etag = this.#store(key, Buffer.concat(parts.map((part) => part.body)), `${etagOf(digests).slice(0, -1)}-${parts.length}"`);
    return xml(`<CompleteMultipartUploadResult><Bucket>${this.name}</Bucket><Key>${escaped(key)}</Key><ETag>${etag}</ETag></CompleteMultipartUploadResult>`);
  }

  #object(key: string): StoredObject {
    const found = this.objects.get(key);
    if (!found) throw new S3Failure(404, 'NoSuchKey');
    return found;
  }

  #store(key: string, body: Buffer, etag: string): string {
    this.objects.set(key, { body, etag, modifiedAt: Date.now() });
    return etag;
  }
}

/** The parts that a completion names: in rising order, each as it was sent, all but the last of the least size. */
function namedParts({ parts }: MultipartUpload, completion: string): Omit<StoredObject, 'modifiedAt'>[] {
  const named = [...completion.matchAll(/<Part>(?<part>.*?)<\/Part>/gs)].map(({ groups }) => ({
    number: Number(/<PartNumber>(?<text>\d+)</.exec(groups?.part ?? '')?.groups?.text),
    etag: (/<ETag>(?<text>[^<]+)</.exec(groups?.part ?? '')?.groups?.text ?? '').replaceAll('&quot;', '"').replace(/^"?(.*?)"?$/, '"$1"'),
  }));
  if (named.length === 0) throw new S3Failure(400, 'MalformedXML');
  if (named.some(({ number }, index) => index > 0 && number <= (named[index - 1]?.number ?? 0))) throw new S3Failure(400, 'InvalidPartOrder');
  return named.map(({ number, etag }, index) => {
    const part = parts.get(number);
    if (part?.etag !== etag) throw new S3Failure(400, 'InvalidPart');
    if (index < named.length - 1 && part.body.length < minPartBytes) throw new S3Failure(400, 'EntityTooSmall');
    return part;
  });
}

function etagOf(body: Buffer): string {
  return `"${createHash('md5').update(body).digest('hex')}"`;
}

export function xml(text: string, status = 200): Answer {
  return { status, headers: { 'content-type': 'application/xml' }, body: `<?xml version="1.0" encoding="UTF-8"?>${text}` };
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
