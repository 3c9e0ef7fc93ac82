/** What every byte store promises, checked through its public seam alone. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { buffer } from 'node:stream/consumers';
import type { BlobStore, StagedBlob, StoredBlob } from '../../src/media/bytes/blob-store.js';

export interface TestBlobStore {
  store: BlobStore;
  /** How many staged or half-written files there are, and how many that were put aside. */
  temporaries(): Promise<number>;
  aside(): Promise<number>;
  /** Puts other bytes under the name of a blob. */
  tamper(sha256: string, bytes: Buffer): Promise<void>;
  close(): Promise<void>;
}

export async function* chunksOf(...chunks: Buffer[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) {
    // oxlint-disable-next-line no-await-in-loop
    await turn();
    yield chunk;
  }
}

async function* failingAfter(chunk: Buffer): AsyncGenerator<Buffer> {
  yield chunk;
  await turn();
  throw new Error('the client left');
}

const minute = 60_000;

/** Both ways in which a store may take bytes. */
const sizes = [1_000, 6_000_000];

export function describeBlobStore(name: string, open: () => Promise<TestBlobStore>): void {
  describe(`${name} as a blob store`, () => {
    let test: TestBlobStore;

    beforeAll(async () => {
      test = await open();
    });
    afterAll(() => test.close());

    const stage = (...chunks: Buffer[]): Promise<StagedBlob> => test.store.stage(chunksOf(...chunks));
    const put = async (...chunks: Buffer[]): Promise<string> => {
      const staged = await stage(...chunks);
      await staged.commit();
      await staged.discard();
      return staged.sha256;
    };
    const read = async (sha256: string, range?: { start: number; end: number }): Promise<Buffer | undefined> => {
      const stream = await test.store.open(sha256, range);
      return stream && buffer(stream);
    };
    const listed = async (): Promise<StoredBlob[]> => {
      const blobs: StoredBlob[] = [];
      for await (const blob of test.store.list()) blobs.push(blob);
      return blobs;
    };

    it('gives back what was put, under the hash of its bytes, and tells size, hashes and head', async () => {
      const bytes = randomBytes(600_000);
      const staged = await stage(bytes.subarray(0, 1), Buffer.alloc(0), bytes.subarray(1, 300_000), bytes.subarray(300_000));
      const hash = (name_: string): string => createHash(name_).update(bytes).digest('hex');
      expect({ sha256: staged.sha256, md5: staged.md5, size: staged.size }).toEqual({ sha256: hash('sha256'), md5: hash('md5'), size: bytes.length });
      expect(staged.head.equals(bytes.subarray(0, 262_144))).toBe(true);
      await staged.commit();
      await staged.discard();
      expect((await read(staged.sha256))?.equals(bytes)).toBe(true);
    });

    it('takes several megabytes, of which no length is known', async () => {
      const chunk = randomBytes(1_500_000);
      const sha256 = await put(chunk, chunk, chunk, chunk, chunk);
      expect((await read(sha256))?.equals(Buffer.concat([chunk, chunk, chunk, chunk, chunk]))).toBe(true);
    });

    it('takes sizes around those at which it changes its ways', async () => {
      const edges = [524_287, 524_288, 524_289, 5_242_880, 5_242_881, 10_485_760];
      for (const size of edges) {
        const bytes = randomBytes(size);
        // One after the other: they are large.
        // oxlint-disable-next-line no-await-in-loop
        const sha256 = await put(bytes.subarray(0, 70_000), bytes.subarray(70_000));
        // oxlint-disable-next-line no-await-in-loop
        expect({ size, same: (await read(sha256))?.equals(bytes) }).toEqual({ size, same: true });
      }
    });

    it('takes no bytes at all', async () => {
      const sha256 = await put();
      expect(await read(sha256)).toHaveLength(0);
    });

    it('opens a range, both ends included', async () => {
      const sha256 = await put(Buffer.from('0123456789'));
      expect(String(await read(sha256, { start: 2, end: 5 }))).toBe('2345');
      expect(String(await read(sha256, { start: 9, end: 9 }))).toBe('9');
    });

    it('shows nothing before the commit, and nothing of what was discarded', async () => {
      for (const size of sizes) {
        const staged = await stage(randomBytes(size));
        expect(await test.store.stat(staged.sha256)).toBeUndefined();
        await staged.discard();
        await staged.discard();
        expect(await test.store.open(staged.sha256)).toBeUndefined();
        expect(await test.temporaries()).toBe(0);
      }
    });

    it('keeps what was committed when it is committed again and discarded', async () => {
      for (const size of sizes) {
        const staged = await stage(randomBytes(size));
        await staged.commit();
        await staged.commit();
        await staged.discard();
        expect(await test.store.stat(staged.sha256)).toMatchObject({ sha256: staged.sha256, size });
        expect(await test.temporaries()).toBe(0);
      }
    });

    it('puts again on a second commit what was removed or put aside meanwhile', async () => {
      for (const size of sizes) {
        const bytes = randomBytes(size);
        const staged = await stage(bytes);
        await staged.commit();
        await test.store.remove(staged.sha256);
        await staged.commit();
        expect((await read(staged.sha256))?.equals(bytes)).toBe(true);
        await test.store.putAside(staged.sha256);
        await staged.commit();
        expect((await read(staged.sha256))?.equals(bytes)).toBe(true);
        await staged.discard();
        await test.store.remove(staged.sha256);
      }
    });

    it('replaces what has lost a part of its bytes, at the first and at a later commit', async () => {
      for (const size of sizes) {
        const bytes = randomBytes(size);
        const sha256 = await put(bytes);
        await test.tamper(sha256, bytes.subarray(0, 100));
        const staged = await stage(bytes);
        await staged.commit();
        expect((await read(sha256))?.equals(bytes)).toBe(true);
        await test.tamper(sha256, bytes.subarray(0, 99));
        await staged.commit();
        expect((await read(sha256))?.equals(bytes)).toBe(true);
        await staged.discard();
        expect(await test.temporaries()).toBe(0);
      }
    });

    it('rejects with what the chunks threw, and keeps nothing', async () => {
      for (const size of sizes) {
        await expect(test.store.stage(failingAfter(randomBytes(size)))).rejects.toThrow('the client left');
        expect(await test.temporaries()).toBe(0);
      }
    });

    it('stores equal bytes once, also when they arrive at the same time', async () => {
      const bytes = randomBytes(100_000);
      const hashes = await Promise.all(Array.from({ length: 20 }, () => put(bytes)));
      expect(new Set(hashes).size).toBe(1);
      expect((await read(hashes[0] ?? ''))?.equals(bytes)).toBe(true);
      expect(await test.temporaries()).toBe(0);
    });

    it('removes, more than once too, and says what is missing', async () => {
      const sha256 = await put(randomBytes(100));
      await test.store.remove(sha256);
      await test.store.remove(sha256);
      expect(await test.store.stat(sha256)).toBeUndefined();
      expect(await test.store.open(sha256)).toBeUndefined();
    });

    it('lists every blob once, by hash, and nothing else', async () => {
      const blobs = await Promise.all([3, 1, 4, 1, 5, 9, 2, 6, 5, 3].map(async (size) => ({ sha256: await put(randomBytes(size)), size })));
      const aside = await put(randomBytes(50));
      await test.store.putAside(aside);
      const staged = await stage(randomBytes(6_000_000));
      const found = await listed();
      await staged.discard();
      expect(found.map(({ sha256 }) => sha256)).toEqual(found.map(({ sha256 }) => sha256).toSorted());
      expect(new Set(found.map(({ sha256 }) => sha256)).size).toBe(found.length);
      expect(found).toEqual(expect.arrayContaining(blobs.map((blob) => expect.objectContaining(blob))));
      expect(found.filter(({ sha256 }) => sha256 === aside || sha256 === staged.sha256)).toEqual([]);
      expect(found.every(({ modifiedAt }) => Math.abs(Date.now() - modifiedAt.getTime()) < 10 * minute)).toBe(true);
    });

    it('puts a blob aside, where it is neither opened nor listed, until it is removed', async () => {
      const before = await test.aside();
      const bytes = randomBytes(100);
      const sha256 = await put(bytes);
      await test.store.putAside(sha256);
      await test.store.putAside(sha256);
      expect(await test.store.open(sha256)).toBeUndefined();
      expect(await test.store.stat(sha256)).toBeUndefined();
      expect((await listed()).filter((blob) => blob.sha256 === sha256)).toEqual([]);
      expect(await test.aside()).toBe(before + 1);
      await put(bytes);
      await test.store.putAside(sha256);
      expect(await test.aside()).toBe(before + 1);
      await test.store.remove(sha256);
      expect(await test.aside()).toBe(before);
      await test.store.putAside(sha256);
      expect(await test.aside()).toBe(before);
    });

    it('sweeps what interrupted uploads left, nothing newer, and no blob', async () => {
      const sha256 = await put(randomBytes(100));
      const staged = await stage(randomBytes(6_000_000));
      const [past, future] = [new Date(Date.now() - 10 * minute), new Date(Date.now() + 10 * minute)];
      expect(await test.store.sweepTemporary(past)).toEqual({ count: 0, bytes: 0 });
      expect(await test.store.sweepTemporary(future, { dryRun: true })).toEqual({ count: 1, bytes: 6_000_000 });
      expect(await test.temporaries()).toBe(1);
      expect(await test.store.sweepTemporary(future)).toEqual({ count: 1, bytes: 6_000_000 });
      expect(await test.temporaries()).toBe(0);
      expect(await test.store.sweepTemporary(future)).toEqual({ count: 0, bytes: 0 });
      expect(await read(sha256)).toHaveLength(100);
      await staged.discard();
    });

    it('takes nothing but a sha256 for a name', async () => {
      const names = ['../../etc/passwd', `../../${'a'.repeat(58)}`, 'A'.repeat(64), ''];
      const work = names.flatMap((path) => [test.store.open(path), test.store.stat(path), test.store.remove(path), test.store.putAside(path)]);
      expect((await Promise.allSettled(work)).map((result) => result.status === 'rejected' && result.reason instanceof TypeError)).toEqual(work.map(() => true));
    });
  });
}
