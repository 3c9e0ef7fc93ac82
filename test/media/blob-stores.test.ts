import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DeleteObjectsCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { randomBytes, randomUUID } from 'node:crypto';
import { readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { placeOf, type BlobStore } from '../../src/media/bytes/blob-store.js';
import { createLocalBlobStore } from '../../src/media/bytes/local-blob-store.js';
import { createS3BlobStore } from '../../src/media/bytes/s3-blob-store.js';
import { chunksOf, describeBlobStore } from '../conformance/blob-store.js';
import { startS3Fake, type S3Fake } from '../support/s3-fake.js';
import { tempDir, waitFor, type TempDir } from '../support/wait.js';

const prefix = 'some/prefix';

const s3Store = ({ endpoint, bucket, credentials }: Pick<S3Fake, 'endpoint' | 'bucket' | 'credentials'>, below = prefix): BlobStore =>
  createS3BlobStore({ bucket, prefix: below, region: 'us-east-1', endpoint, credentials });

describeBlobStore('a directory', async () => {
  const dir = await tempDir('blobs');
  const store = await createLocalBlobStore(dir.path);
  return {
    store,
    temporaries: async () => (await readdir(join(dir.path, 'tmp'))).length,
    aside: async () => (await readdir(join(dir.path, 'quarantine')).catch(() => [])).length,
    tamper: async (sha256, bytes) => {
      // Another file: the temporary name of staged bytes may be a second one of this.
      await rm(join(dir.path, placeOf(sha256)));
      await writeFile(join(dir.path, placeOf(sha256)), bytes);
    },
    close: () => dir.remove(),
  };
});

describeBlobStore('S3', async () => {
  const fake = await startS3Fake();
  const store = s3Store(fake);
  const below = (place: string): number => fake.keys().filter((key) => key.startsWith(`${prefix}/${place}`)).length;
  return {
    store,
    temporaries: () => Promise.resolve(below('tmp/') + fake.openUploads()),
    aside: () => Promise.resolve(below('quarantine/')),
    tamper: (sha256, bytes) => Promise.resolve(fake.tamper(`${prefix}/${placeOf(sha256)}`, () => bytes)),
    close: async () => {
      await store.stop();
      await fake.stop();
    },
  };
});

/** `http(s)://key:secret@host:port/bucket`: a real store, such as MinIO, with a bucket that is there. */
const realEndpoint = process.env['TEST_S3_ENDPOINT'];

if (realEndpoint) {
  describeBlobStore('the S3 of TEST_S3_ENDPOINT', () => {
    const url = new URL(realEndpoint);
    const [accessKeyId, secretAccessKey] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
    const real = { endpoint: url.origin, bucket: url.pathname.slice(1), credentials: { accessKeyId, secretAccessKey } };
    const below = `test-${randomUUID()}`;
    const store = s3Store(real, below);
    const client = new S3Client({ region: 'us-east-1', endpoint: real.endpoint, forcePathStyle: true, credentials: real.credentials });
    const keysBelow = async (place: string): Promise<string[]> => {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: real.bucket, Prefix: `${below}/${place}` }));
      return Contents.flatMap(({ Key }) => Key ?? []);
    };
    return Promise.resolve({
      store,
      temporaries: async () => (await keysBelow('tmp/')).length,
      aside: async () => (await keysBelow('quarantine/')).length,
      tamper: async (sha256: string, bytes: Buffer) => {
        await client.send(new PutObjectCommand({ Bucket: real.bucket, Key: `${below}/${placeOf(sha256)}`, Body: bytes }));
      },
      close: async () => {
        const keys = await keysBelow('');
        if (keys.length > 0) await client.send(new DeleteObjectsCommand({ Bucket: real.bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } }));
        client.destroy();
        await store.stop();
      },
    });
  });
}

describe('a blob store in a directory', () => {
  let dir: TempDir;
  beforeEach(async () => {
    dir = await tempDir('blobs');
  });
  afterEach(() => dir.remove());

  it('removes at its start what is left of uploads that ended an hour ago, nothing newer, and nothing that is not its own', async () => {
    await createLocalBlobStore(dir.path);
    const tmp = join(dir.path, 'tmp');
    const [old, recent] = [randomUUID(), randomUUID()];
    for (const name of [old, recent, 'of another program']) await writeFile(join(tmp, name), 'x');
    const twoHoursAgo = Date.now() / 1000 - 7_200;
    for (const name of [old, 'of another program']) await utimes(join(tmp, name), twoHoursAgo, twoHoursAgo);
    await createLocalBlobStore(dir.path);
    expect((await readdir(tmp)).toSorted()).toEqual([recent, 'of another program'].toSorted());
  });

  it('keeps the bytes, and the directories they are in, from other users of the machine', async () => {
    const store = await createLocalBlobStore(dir.path);
    const staged = await store.stage(chunksOf(Buffer.from('private')));
    await staged.commit();
    const place = placeOf(staged.sha256);
    for (const path of [place, place.slice(0, 5), place.slice(0, 2), 'tmp']) {
      expect((await stat(join(dir.path, path))).mode & 0o077).toBe(0);
    }
  });

  it('lists nothing that only looks like a blob', async () => {
    const store = await createLocalBlobStore(dir.path);
    const staged = await store.stage(chunksOf(Buffer.from('a blob')));
    await staged.commit();
    await staged.discard();
    const misplaced = `${staged.sha256.slice(0, -1)}${staged.sha256.endsWith('0') ? '1' : '0'}`;
    await writeFile(join(dir.path, staged.sha256.slice(0, 2), staged.sha256), 'not in its directory');
    await writeFile(join(dir.path, placeOf(staged.sha256).slice(0, 6), `${misplaced}.part`), 'no hash');
    const found = [];
    for await (const { sha256 } of store.list()) found.push(sha256);
    expect(found).toEqual([staged.sha256]);
  });
});

describe('a blob store in S3', () => {
  let fake: S3Fake;
  let store: BlobStore;
  beforeEach(async () => {
    fake = await startS3Fake();
    store = s3Store(fake);
  });
  afterEach(async () => {
    await store.stop();
    await fake.stop();
  });

  const put = async (bytes: Buffer): Promise<string> => {
    const staged = await store.stage(chunksOf(bytes));
    await staged.commit();
    await staged.discard();
    return staged.sha256;
  };

  it('puts a small blob with one request, and makes sure of it with one more', async () => {
    const staged = await store.stage(chunksOf(randomBytes(1_000)));
    await staged.commit();
    expect(fake.requests).toHaveLength(1);
    await staged.commit();
    await staged.discard();
    expect(fake.requests.map((line) => line.split(' ')[0])).toEqual(['PUT', 'HEAD']);
  });

  it('tries again when the store is busy, and fails when it stays so', async () => {
    const bytes = randomBytes(1_000);
    const sha256 = await put(bytes);
    fake.inject({ kind: 'fail' }, 2);
    expect(await store.stat(sha256)).toMatchObject({ size: 1_000 });
    fake.inject({ kind: 'fail' }, 3);
    await expect(put(randomBytes(1_000))).rejects.toMatchObject({ name: 'SlowDown' });
  });

  it('gives an error, and no shorter blob, when an answer is cut off', async () => {
    const sha256 = await put(randomBytes(200_000));
    fake.inject({ kind: 'cut' }, 1, /^GET/);
    const stream = await store.open(sha256);
    await expect(stream && buffer(stream)).rejects.toThrow();
  });

  it('ends multiparts that were begun and left, and no newer ones', async () => {
    let isLeft = false;
    const endless = async function* (): AsyncGenerator<Buffer> {
      yield randomBytes(11_000_000);
      await waitFor(() => isLeft, { what: 'the sweep' });
    };
    const uploads = Promise.allSettled([store.stage(endless()), store.stage(endless())]);
    await waitFor(() => fake.openUploads() === 2, { what: 'the multiparts to begin' });
    expect(await store.sweepTemporary(new Date(Date.now() - 60_000))).toMatchObject({ count: 0 });
    fake.age('tmp/', 120_000);
    expect(await store.sweepTemporary(new Date(Date.now() - 60_000))).toMatchObject({ count: 2 });
    expect(fake.openUploads()).toBe(0);
    isLeft = true;
    expect((await uploads).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  it('sweeps also where the store cannot tell of multiparts', async () => {
    const staged = await store.stage(chunksOf(randomBytes(6_000_000)));
    fake.inject({ kind: 'refuse' }, 1, /^GET \?.*uploads/);
    expect(await store.sweepTemporary(new Date(Date.now() + 60_000))).toEqual({ count: 1, bytes: 6_000_000 });
    expect(fake.requests.filter((line) => /^GET \?.*uploads/.test(line))).toHaveLength(1);
    await staged.discard();
  });
});
