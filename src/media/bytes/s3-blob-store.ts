/**
 * The byte store in an S3 bucket: multipart to `tmp/<uuid>`, whose length and hash are not known before its end, then a copy to
 * `aa/bb/<sha256>`.
 * Invariant: a final key is written only by a copy of complete bytes. What a killed process leaves under `tmp/` (and multiparts that were never
 * completed) is removed by a lifecycle rule of the bucket.
 */
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { BlobDigest } from './blob-digest.js';
import type { BlobStore, ByteRange, StagedBlob } from './blob-store.js';

export interface S3BlobStoreOptions {
  bucket: string;
  /** Without slashes at its ends; empty: the keys begin at the bucket's root. */
  prefix: string;
  region: string;
  /** Undefined: AWS. */
  endpoint: string | undefined;
  /** Undefined: what the machine provides. */
  credentials: { accessKeyId: string; secretAccessKey: string } | undefined;
}

/** The smallest that S3 takes. With two in flight, memory per upload is some 15 MB. */
const partBytes = 5_242_880;
const partsInFlight = 2;

export function createS3BlobStore(options: S3BlobStoreOptions): BlobStore {
  return new S3BlobStore(options);
}

class S3BlobStore implements BlobStore {
  readonly disk = 's3';
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;

  constructor({ bucket, prefix, region, endpoint, credentials }: S3BlobStoreOptions) {
    this.#bucket = bucket;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.#client = new S3Client({
      region,
      ...(endpoint && { endpoint, forcePathStyle: true }),
      ...(credentials && { credentials }),
      maxAttempts: 3,
      requestHandler: { connectionTimeout: 3_000, requestTimeout: 30_000 },
      // Stores other than AWS do not all understand checksums in trailers.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
  }

  async stage(chunks: AsyncIterable<Buffer>): Promise<StagedBlob> {
    const temporary = `${this.#prefix}tmp/${randomUUID()}`;
    const digest = new BlobDigest();
    const upload = new Upload({
      client: this.#client,
      params: { Bucket: this.#bucket, Key: temporary, Body: Readable.from(digested(chunks, digest), { objectMode: false }) },
      partSize: partBytes,
      queueSize: partsInFlight,
    });
    const discard = (): Promise<void> => this.#delete(temporary).catch(() => undefined);
    try {
      await upload.done();
    } catch (error) {
      await discard();
      throw error;
    }
    const staged = digest.finish();
    return { ...staged, commit: () => this.#commit(temporary, staged.sha256), discard };
  }

  async #commit(temporary: string, sha256: string): Promise<void> {
    if (await this.exists(sha256)) return;
    const source = `${this.#bucket}/${temporary}`.split('/').map(encodeURIComponent).join('/');
    await this.#client.send(new CopyObjectCommand({ Bucket: this.#bucket, Key: this.#keyOf(sha256), CopySource: source }));
  }

  async open(sha256: string, range?: ByteRange): Promise<Readable | undefined> {
    const Range = range && `bytes=${range.start}-${range.end}`;
    const answer = await unlessMissing(
      this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: this.#keyOf(sha256), ...(Range && { Range }) })),
    );
    if (!answer) return undefined;
    if (answer.Body instanceof Readable) return answer.Body;
    throw new Error('the S3 client answered without a stream');
  }

  async exists(sha256: string): Promise<boolean> {
    const found = await unlessMissing(this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: this.#keyOf(sha256) })));
    return found !== undefined;
  }

  remove(sha256: string): Promise<void> {
    return this.#delete(this.#keyOf(sha256));
  }

  stop(): Promise<void> {
    this.#client.destroy();
    return Promise.resolve();
  }

  async #delete(key: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key }));
  }

  #keyOf(sha256: string): string {
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new TypeError('a blob is named by the hex of a sha256');
    return `${this.#prefix}${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}`;
  }
}

async function* digested(chunks: AsyncIterable<Buffer>, digest: BlobDigest): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of chunks) {
    digest.update(chunk);
    // A Readable of bytes stops reading at an empty chunk.
    if (chunk.length > 0) yield chunk;
  }
}

async function unlessMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404) return undefined;
    throw error;
  }
}
