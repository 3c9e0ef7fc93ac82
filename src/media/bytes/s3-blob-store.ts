/**
 * The byte store in an S3 bucket: blobs under `aa/bb/<sha256>`. Small ones are put there as they are; of large ones length and hash are not known
 * before their end: a multipart to `tmp/<uuid>`, then a copy.
 * Invariant: a final key is written only with complete bytes. No request without a deadline; those that are made under a blob's lock in the
 * database have a short one, because the lock would not outlive a long one.
 */
import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  type MultipartUpload,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { BlobDigest } from './blob-digest.js';
import { blobAt, placeAside, placeOf, type BlobStore, type ByteRange, type StagedBlob, type StoredBlob, type Swept } from './blob-store.js';

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

/** The smallest part that S3 takes, and the largest blob that is put in one piece. With two in flight, memory per upload is some 15 MB. */
const partBytes = 5_242_880;
const partsInFlight = 2;

const shortMs = 10_000;
const requestMs = 30_000;
/** A store copies as fast as its disks are. */
const copyMs = 120_000;
const asideMs = 15_000;

/** Readers that pause hold a connection each. */
const connections = 256;

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
    const agent = { keepAlive: true, maxSockets: connections };
    this.#client = new S3Client({
      region,
      ...(endpoint && { endpoint, forcePathStyle: true }),
      ...(credentials && { credentials }),
      maxAttempts: 3,
      requestHandler: {
        connectionTimeout: 3_000,
        requestTimeout: requestMs,
        // Without it a late answer is waited for, with a warning.
        throwOnRequestTimeout: true,
        socketTimeout: copyMs,
        httpAgent: agent,
        httpsAgent: agent,
      },
      // Stores other than AWS do not all understand checksums in trailers.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
  }

  async stage(chunks: AsyncIterable<Buffer>): Promise<StagedBlob> {
    const digest = new BlobDigest();
    const rest = digested(chunks, digest);
    const begin = await readUpTo(rest, partBytes);
    return begin.ended ? this.#stageSmall(digest, begin.chunks) : this.#stageLarge(digest, begin.chunks, rest);
  }

  #stageSmall(digest: BlobDigest, chunks: Buffer[]): StagedBlob {
    const { md5, ...known } = digest.finish();
    const { sha256, size } = known;
    let body: Buffer | undefined = Buffer.concat(chunks);
    let wasAsked = false;
    const put = async (condition: { IfNoneMatch?: '*' }): Promise<void> => {
      if (!body) throw new Error('a blob was committed that had been discarded');
      const ContentMD5 = Buffer.from(md5, 'hex').toString('base64');
      await this.#client.send(new PutObjectCommand({ ...this.#at(placeOf(sha256)), ...condition, ContentMD5, Body: body }));
    };
    const commit = async (): Promise<void> => {
      // The first time it is most likely new, and one request does. 412: there is one already; 409: one is being put.
      const isNew = !wasAsked && (await unlessRefused([409, 412], put({ IfNoneMatch: '*' }).then(() => true)));
      wasAsked = true;
      if (!isNew && (await this.stat(sha256))?.size !== size) await put({});
    };
    const discard = (): Promise<void> => {
      body = undefined;
      return Promise.resolve();
    };
    return { ...known, md5, commit, discard };
  }

  async #stageLarge(digest: BlobDigest, begin: Buffer[], rest: AsyncGenerator<Buffer, void, undefined>): Promise<StagedBlob> {
    const temporary = `tmp/${randomUUID()}`;
    const body = Readable.from(joined(begin, rest), { objectMode: false });
    const upload = new Upload({ client: this.#client, params: { ...this.#at(temporary), Body: body }, partSize: partBytes, queueSize: partsInFlight });
    const discard = (): Promise<void> => this.#delete(temporary).catch(() => undefined);
    try {
      await upload.done();
    } catch (error) {
      body.destroy();
      await discard();
      throw error;
    }
    const staged = digest.finish();
    const commit = async (): Promise<void> => {
      if ((await this.stat(staged.sha256))?.size !== staged.size) await this.#copy(temporary, placeOf(staged.sha256));
    };
    return { ...staged, commit, discard };
  }

  async open(sha256: string, range?: ByteRange): Promise<Readable | undefined> {
    const Range = range && `bytes=${range.start}-${range.end}`;
    const command = new GetObjectCommand({ ...this.#at(placeOf(sha256)), ...(Range && { Range }) });
    const answer = await unlessRefused([404], this.#client.send(command));
    if (!answer) return undefined;
    if (answer.Body instanceof Readable) return answer.Body;
    throw new Error('the S3 client answered without a stream');
  }

  async stat(sha256: string): Promise<StoredBlob | undefined> {
    const found = await unlessRefused([404], this.#client.send(new HeadObjectCommand(this.#at(placeOf(sha256))), short()));
    return found && { sha256, size: found.ContentLength ?? 0, modifiedAt: found.LastModified ?? new Date(0) };
  }

  async remove(sha256: string): Promise<void> {
    await Promise.all([this.#delete(placeOf(sha256)), this.#delete(placeAside(sha256))]);
  }

  async putAside(sha256: string): Promise<void> {
    const deadline = { abortSignal: AbortSignal.timeout(asideMs) };
    const copied = await unlessRefused([404], this.#copy(placeOf(sha256), placeAside(sha256), deadline).then(() => true));
    if (copied) await this.#delete(placeOf(sha256));
  }

  /** S3 gives keys in their order, which is that of the hashes. */
  async *list(): AsyncGenerator<StoredBlob, void, undefined> {
    for await (const { place, size, modifiedAt } of this.#objects('')) {
      const sha256 = blobAt(place);
      if (sha256) yield { sha256, size, modifiedAt };
    }
  }

  async sweepTemporary(before: Date, { dryRun } = { dryRun: false }): Promise<Swept> {
    const swept = { count: 0, bytes: 0 };
    for await (const { place, size, modifiedAt } of this.#objects('tmp/')) {
      if (modifiedAt >= before) continue;
      if (!dryRun) await this.#delete(place);
      swept.count += 1;
      swept.bytes += size;
    }
    for await (const { Key, UploadId, Initiated } of this.#openUploads()) {
      if (!Initiated || Initiated >= before) continue;
      if (!dryRun) await unlessRefused([404], this.#client.send(new AbortMultipartUploadCommand({ Bucket: this.#bucket, Key, UploadId }), short()));
      // Nobody tells how much of it has arrived.
      swept.count += 1;
    }
    return swept;
  }

  stop(): Promise<void> {
    this.#client.destroy();
    return Promise.resolve();
  }

  async *#objects(below: string): AsyncGenerator<{ place: string; size: number; modifiedAt: Date }, void, undefined> {
    const pages = paginateListObjectsV2({ client: this.#client }, { Bucket: this.#bucket, Prefix: this.#prefix + below });
    for await (const { Contents = [] } of pages) {
      for (const { Key = '', Size = 0, LastModified = new Date(0) } of Contents) {
        yield { place: Key.slice(this.#prefix.length), size: Size, modifiedAt: LastModified };
      }
    }
  }

  async *#openUploads(): AsyncGenerator<MultipartUpload, void, undefined> {
    const markers: { KeyMarker?: string; UploadIdMarker?: string } = {};
    for (let more = true; more; ) {
      const command = new ListMultipartUploadsCommand({ Bucket: this.#bucket, Prefix: `${this.#prefix}tmp/`, ...markers });
      // Some stores do not tell. Page after page: each says where the next begins.
      // oxlint-disable-next-line no-await-in-loop
      const page = await unlessRefused([400, 404, 405, 501], this.#client.send(command));
      yield* page?.Uploads ?? [];
      more = page?.IsTruncated === true && page.NextKeyMarker !== undefined;
      markers.KeyMarker = page?.NextKeyMarker ?? '';
      markers.UploadIdMarker = page?.NextUploadIdMarker ?? '';
    }
  }

  async #copy(from: string, to: string, deadline: { abortSignal?: AbortSignal } = {}): Promise<void> {
    const source = `${this.#bucket}/${this.#prefix}${from}`.split('/').map(encodeURIComponent).join('/');
    await this.#client.send(new CopyObjectCommand({ ...this.#at(to), CopySource: source }), { requestTimeout: copyMs, ...deadline });
  }

  async #delete(place: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand(this.#at(place)), short());
  }

  #at(place: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: this.#prefix + place };
  }
}

function short(): { abortSignal: AbortSignal } {
  return { abortSignal: AbortSignal.timeout(shortMs) };
}

async function* digested(chunks: AsyncIterable<Buffer>, digest: BlobDigest): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of chunks) {
    digest.update(chunk);
    // A Readable of bytes stops reading at an empty chunk.
    if (chunk.length > 0) yield chunk;
  }
}

/** Reads until there is more than `bytes`, or to the end. */
async function readUpTo(chunks: AsyncGenerator<Buffer, void, undefined>, bytes: number): Promise<{ chunks: Buffer[]; ended: boolean }> {
  const read: Buffer[] = [];
  for (let size = 0; size <= bytes; ) {
    // oxlint-disable-next-line no-await-in-loop
    const next = await chunks.next();
    if (next.done) return { chunks: read, ended: true };
    read.push(next.value);
    size += next.value.length;
  }
  return { chunks: read, ended: false };
}

async function* joined(begin: Buffer[], rest: AsyncGenerator<Buffer, void, undefined>): AsyncGenerator<Buffer, void, undefined> {
  for (let chunk = begin.shift(); chunk; chunk = begin.shift()) yield chunk;
  yield* rest;
}

/** Undefined: the store answered with one of `statuses`. */
async function unlessRefused<T>(statuses: readonly number[], answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof S3ServiceException && statuses.includes(error.$metadata.httpStatusCode ?? 0)) return undefined;
    throw error;
  }
}
