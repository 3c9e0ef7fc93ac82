/**
 * What S3 checks before it looks at a request: the AWS Signature Version 4 in its Authorization header, and the body against the signed hash.
 * Invariant: the signature is computed again from the request as it arrived; what is signed with another secret, or changed on its way, is refused.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
}

/** An answer of S3 that is no success. */
export class S3Failure extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Record<string, string>;

  constructor(status: number, code: string, headers: Record<string, string> = {}) {
    super(code);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

const maxSkewMs = 900_000;
const authorization =
  /^AWS4-HMAC-SHA256 Credential=(?<keyId>[^/,]+)\/(?<scope>(?<day>\d{8})\/(?<region>[^/]+)\/s3\/aws4_request), ?SignedHeaders=(?<names>[^,]+), ?Signature=(?<signature>[0-9a-f]{64})$/;

/** The body as it was meant, out of its chunks where it came in such. @throws S3Failure */
export function authenticate(request: IncomingMessage, body: Buffer, { accessKeyId, secretAccessKey }: Credentials): Buffer {
  const { headers, method = '', url = '' } = request;
  const { keyId, scope = '', day = '', region = '', names = '', signature = '' } = authorization.exec(headers.authorization ?? '')?.groups ?? {};
  if (keyId === undefined) throw new S3Failure(403, 'AccessDenied');
  if (keyId !== accessKeyId) throw new S3Failure(403, 'InvalidAccessKeyId');
  const date = text(headers['x-amz-date']);
  if (!date.startsWith(day) || Math.abs(timeOf(date) - Date.now()) > maxSkewMs) throw new S3Failure(403, 'RequestTimeTooSkewed');
  const signed = names.split(';');
  const mustBeSigned = ['host', ...Object.keys(headers).filter((name) => name.startsWith('x-amz-'))];
  if (!mustBeSigned.every((name) => signed.includes(name))) throw new S3Failure(403, 'AccessDenied');
  const payload = text(headers['x-amz-content-sha256']);
  const [path = '', query = ''] = url.split('?', 2);
  const canonicalHeaders = signed.map((name) => `${name}:${text(headers[name]).trim().replace(/ +/g, ' ')}\n`).join('');
  const canonical = [method, canonicalPath(path), canonicalQuery(query), canonicalHeaders, names, payload].join('\n');
  const key = [day, region, 's3', 'aws4_request'].reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${secretAccessKey}`);
  const expected = hmac(key, ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n'));
  if (!timingSafeEqual(expected, Buffer.from(signature, 'hex'))) throw new S3Failure(403, 'SignatureDoesNotMatch');
  return checkedBody(payload, body, text(headers['content-md5']));
}

function checkedBody(payload: string, body: Buffer, md5: string): Buffer {
  // The signatures of the single chunks are not checked.
  const bytes = payload.startsWith('STREAMING-') ? unchunked(body) : body;
  const isHash = /^[0-9a-f]{64}$/.test(payload);
  if (!isHash && payload !== 'UNSIGNED-PAYLOAD' && !payload.startsWith('STREAMING-')) throw new S3Failure(400, 'InvalidRequest');
  if (isHash && sha256(body) !== payload) throw new S3Failure(400, 'XAmzContentSHA256Mismatch');
  if (md5 !== '' && createHash('md5').update(bytes).digest('base64') !== md5) throw new S3Failure(400, 'BadDigest');
  return bytes;
}

/** `aws-chunked`: each chunk after its length in hex, the last one empty, trailers after it. */
function unchunked(body: Buffer): Buffer {
  const chunks: Buffer[] = [];
  for (let start = 0; ; ) {
    const lineEnd = body.indexOf('\r\n', start);
    const size = Number.parseInt(body.toString('latin1', start, lineEnd), 16);
    if (lineEnd < 0 || Number.isNaN(size)) throw new S3Failure(400, 'IncompleteBody');
    if (size === 0) return Buffer.concat(chunks);
    chunks.push(body.subarray(lineEnd + 2, lineEnd + 2 + size));
    start = lineEnd + 2 + size + 2;
  }
}

function canonicalPath(path: string): string {
  return path.split('/').map((segment) => encode(decodeURIComponent(segment))).join('/');
}

function canonicalQuery(query: string): string {
  if (query === '') return '';
  const pairs = query.split('&').map((pair) => {
    const [name = '', value = ''] = pair.split('=', 2).map(decodeURIComponent);
    return `${encode(name)}=${encode(value)}`;
  });
  return pairs.toSorted().join('&');
}

/** As RFC 3986 has it: encodeURIComponent leaves more. */
function encode(plain: string): string {
  return encodeURIComponent(plain).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Of `20240131T235959Z`. */
function timeOf(date: string): number {
  return Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

function text(header: string | string[] | undefined): string {
  return String(header ?? '');
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
