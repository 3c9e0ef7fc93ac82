/** The S3 fake refuses what S3 refuses: a store that passes its tests against it must sign, order and name things properly. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { startS3Fake, type S3Fake } from './s3-fake.js';

interface SentRequest {
  path: string;
  headers: Record<string, string>;
  body: unknown;
}

describe('the S3 fake', () => {
  let fake: S3Fake;
  let client: S3Client;
  const clients: S3Client[] = [];
  const Bucket = 'media';

  const connect = (changes: Partial<S3ClientConfig> = {}): S3Client => {
    const made = new S3Client({
      region: 'us-east-1',
      endpoint: fake.endpoint,
      forcePathStyle: true,
      credentials: fake.credentials,
      maxAttempts: 1,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      ...changes,
    });
    clients.push(made);
    return made;
  };
  /** Changes requests after they were signed. */
  const meddling = (change: (request: SentRequest) => void): S3Client => {
    const meddled = connect();
    meddled.middlewareStack.add(
      (next) => (args) => {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the SDK calls it unknown
        change(args.request as SentRequest);
        return next(args);
      },
      { step: 'deserialize', name: 'meddle' },
    );
    return meddled;
  };
  const put = (Key: string, Body = 'bytes'): PutObjectCommand => new PutObjectCommand({ Bucket, Key, Body });

  beforeAll(async () => {
    fake = await startS3Fake();
  });
  beforeEach(() => {
    client = connect();
  });
  afterAll(async () => {
    for (const made of clients) made.destroy();
    await fake.stop();
  });

  it('takes what is signed with its secret, whatever the key looks like', async () => {
    const keys = ['plain', "od d/(key)*!'~+ä?&=", 'a//b'];
    for (const key of keys) {
      await client.send(put(key));
      expect(await (await client.send(new GetObjectCommand({ Bucket, Key: key }))).Body?.transformToString()).toBe('bytes');
    }
    expect(fake.keys()).toEqual(expect.arrayContaining(keys));
  });

  it('refuses who has no key, another one, or another secret', async () => {
    expect((await fetch(`${fake.endpoint}/media/plain`)).status).toBe(403);
    const { accessKeyId } = fake.credentials;
    await expect(connect({ credentials: { accessKeyId: 'other', secretAccessKey: 'secret' } }).send(put('k'))).rejects.toMatchObject({ name: 'InvalidAccessKeyId' });
    await expect(connect({ credentials: { accessKeyId, secretAccessKey: 'other' } }).send(put('k'))).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
  });

  it('refuses what was changed after it was signed, or is not signed at all', async () => {
    const cases: [string, (request: SentRequest) => void][] = [
      ['XAmzContentSHA256Mismatch', (request) => (request.body = 'bytez')],
      ['SignatureDoesNotMatch', (request) => (request.path += 'x')],
      ['SignatureDoesNotMatch', (request) => (request.headers['x-amz-content-sha256'] = createHash('sha256').update('bytez').digest('hex'))],
      ['AccessDenied', (request) => (request.headers['x-amz-meta-added'] = 'later')],
      ['RequestTimeTooSkewed', (request) => (request.headers['x-amz-date'] = '20200101T000000Z')],
    ];
    for (const [code, change] of cases) {
      await expect(meddling(change).send(put('changed'))).rejects.toMatchObject({ name: code });
    }
    expect(fake.keys()).not.toContain('changed');
  });

  it('checks a Content-MD5, and puts under a new name only when asked to', async () => {
    await expect(client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'bytes', ContentMD5: 'AAAAAAAAAAAAAAAAAAAAAA==' }))).rejects.toMatchObject({ name: 'BadDigest' });
    await client.send(put('taken'));
    await expect(client.send(new PutObjectCommand({ Bucket, Key: 'taken', Body: 'other', IfNoneMatch: '*' }))).rejects.toMatchObject({ name: 'PreconditionFailed' });
  });

  it('takes bytes that come in chunks with a trailer', async () => {
    const streaming = connect({ requestChecksumCalculation: 'WHEN_SUPPORTED' });
    const Body = Readable.from(['x'.repeat(60_000), 'y'.repeat(40_000)], { objectMode: false });
    let encoding: string | undefined;
    streaming.middlewareStack.add(
      (next) => (args) => {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the SDK calls it unknown
        encoding = (args.request as SentRequest).headers['content-encoding'];
        return next(args);
      },
      { step: 'deserialize', name: 'look' },
    );
    await streaming.send(new PutObjectCommand({ Bucket, Key: 'streamed', Body, ContentLength: 100_000 }));
    expect(encoding).toBe('aws-chunked');
    expect((await client.send(new HeadObjectCommand({ Bucket, Key: 'streamed' }))).ContentLength).toBe(100_000);
  });

  it('gives ranges, and refuses one beyond the end', async () => {
    await client.send(put('ten', '0123456789'));
    const range = async (Range: string) => (await client.send(new GetObjectCommand({ Bucket, Key: 'ten', Range }))).Body?.transformToString();
    expect([await range('bytes=2-5'), await range('bytes=7-'), await range('bytes=-2'), await range('bytes=8-100')]).toEqual(['2345', '789', '89', '89']);
    await expect(range('bytes=10-')).rejects.toMatchObject({ name: 'InvalidRange', $metadata: { httpStatusCode: 416 } });
  });

  it('checks the parts of a multipart: their order, their tags, their sizes', async () => {
    const key = { Bucket, Key: 'parts' };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(key));
    const upload = { ...key, UploadId };
    const etags = await Promise.all(
      [5_242_880, 10, 5].map(async (size, index) => {
        const { ETag } = await client.send(new UploadPartCommand({ ...upload, PartNumber: index + 1, Body: 'x'.repeat(size) }));
        return { ETag, PartNumber: index + 1 };
      }),
    );
    const [first, second, third] = etags;
    const complete = (...Parts: ({ ETag: string | undefined; PartNumber: number } | undefined)[]) =>
      client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: Parts.flatMap((part) => part ?? []) } }));
    await expect(complete(second, first)).rejects.toMatchObject({ name: 'InvalidPartOrder' });
    await expect(complete(first, { ETag: first?.ETag, PartNumber: 2 })).rejects.toMatchObject({ name: 'InvalidPart' });
    await expect(complete(first, second, third)).rejects.toMatchObject({ name: 'EntityTooSmall' });
    expect((await client.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads?.map(({ Key }) => Key)).toEqual(['parts']);
    await complete(first, second);
    expect((await client.send(new HeadObjectCommand(key))).ContentLength).toBe(5_242_890);
    expect(fake.openUploads()).toBe(0);
  });

  it('lists a page at a time, in the order of the keys', async () => {
    const keys = Array.from({ length: 20 }, (_, index) => `list/${String(index).padStart(2, '0')}`);
    for (const key of keys.toReversed()) await client.send(put(key));
    const found: (string | undefined)[] = [];
    let pages = 0;
    for (let token: string | undefined, more = true; more; pages += 1) {
      const page = await client.send(new ListObjectsV2Command({ Bucket, Prefix: 'list/', ...(token && { ContinuationToken: token }) }));
      found.push(...(page.Contents ?? []).map(({ Key }) => Key));
      [token, more] = [page.NextContinuationToken, page.IsTruncated === true];
    }
    expect(found).toEqual(keys);
    expect(pages).toBeGreaterThan(1);
  });

  it('has the faults it was asked for, and no others', async () => {
    await client.send(put('faulty', 'x'.repeat(1_000)));
    const get = async () => (await client.send(new GetObjectCommand({ Bucket, Key: 'faulty' }))).Body?.transformToString();
    fake.inject({ kind: 'fail' }, 1, /^GET faulty/);
    await client.send(put('other'));
    await expect(get()).rejects.toMatchObject({ name: 'SlowDown' });
    fake.inject({ kind: 'cut' }, 1);
    await expect(get()).rejects.toThrow();
    fake.inject({ kind: 'slow', ms: 50 }, 1);
    expect(await get()).toHaveLength(1_000);
    fake.tamper('faulty', (bytes) => bytes.subarray(1));
    expect(await get()).toHaveLength(999);
  });
});
