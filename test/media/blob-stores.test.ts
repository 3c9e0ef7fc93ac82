import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLocalBlobStore } from '../../src/media/bytes/local-blob-store.js';
import { createS3BlobStore } from '../../src/media/bytes/s3-blob-store.js';
import { describeBlobStore } from '../conformance/blob-store.js';
import { startS3Fake } from '../support/s3-fake.js';
import { tempDir, type TempDir } from '../support/wait.js';

describeBlobStore('a directory', async () => {
  const dir = await tempDir('blobs');
  const store = await createLocalBlobStore(dir.path);
  return { store, temporaries: async () => (await readdir(join(dir.path, 'tmp'))).length, close: () => dir.remove() };
});

describeBlobStore('S3', async () => {
  const fake = await startS3Fake();
  const store = createS3BlobStore({
    bucket: fake.bucket,
    prefix: 'some/prefix',
    region: 'us-east-1',
    endpoint: fake.endpoint,
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
  });
  return {
    store,
    temporaries: () => Promise.resolve(fake.keys().filter((key) => key.startsWith('some/prefix/tmp/')).length + fake.openUploads()),
    close: async () => {
      await store.stop();
      await fake.stop();
    },
  };
});

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

  it('keeps the bytes from other users of the machine', async () => {
    const store = await createLocalBlobStore(dir.path);
    const staged = await store.stage((async function* () {
      yield Buffer.from('private');
    })());
    await staged.commit();
    const path = join(dir.path, staged.sha256.slice(0, 2), staged.sha256.slice(2, 4), staged.sha256);
    expect((await stat(path)).mode & 0o077).toBe(0);
  });
});
