/** What every byte store promises, checked through its public seam alone. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { buffer } from 'node:stream/consumers';
import type { BlobStore } from '../../src/media/bytes/blob-store.js';

export interface TestBlobStore {
  store: BlobStore;
  /** How many staged or half-written files there are. */
  temporaries(): Promise<number>;
  close(): Promise<void>;
}

async function* chunksOf(...chunks: Buffer[]): AsyncGenerator<Buffer> {
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

export function describeBlobStore(name: string, open: () => Promise<TestBlobStore>): void {
  describe(`${name} as a blob store`, () => {
    let test: TestBlobStore;

    beforeAll(async () => {
      test = await open();
    });
    afterAll(() => test.close());

    const put = async (...chunks: Buffer[]): Promise<string> => {
      const staged = await test.store.stage(chunksOf(...chunks));
      await staged.commit();
      await staged.discard();
      return staged.sha256;
    };
    const read = async (sha256: string, range?: { start: number; end: number }): Promise<Buffer | undefined> => {
      const stream = await test.store.open(sha256, range);
      return stream && buffer(stream);
    };

    it('gives back what was put, under the hash of its bytes, and tells size, hashes and head', async () => {
      const bytes = randomBytes(600_000);
      const staged = await test.store.stage(chunksOf(bytes.subarray(0, 1), Buffer.alloc(0), bytes.subarray(1, 300_000), bytes.subarray(300_000)));
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
      const staged = await test.store.stage(chunksOf(randomBytes(1_000)));
      expect(await test.store.exists(staged.sha256)).toBe(false);
      await staged.discard();
      await staged.discard();
      expect(await test.store.open(staged.sha256)).toBeUndefined();
      expect(await test.temporaries()).toBe(0);
    });

    it('keeps what was committed when it is discarded and committed again', async () => {
      const staged = await test.store.stage(chunksOf(randomBytes(1_000)));
      await staged.commit();
      await staged.commit();
      await staged.discard();
      expect(await test.store.exists(staged.sha256)).toBe(true);
      expect(await test.temporaries()).toBe(0);
    });

    it('rejects with what the chunks threw, and keeps nothing', async () => {
      await expect(test.store.stage(failingAfter(randomBytes(6_000_000)))).rejects.toThrow('the client left');
      expect(await test.temporaries()).toBe(0);
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
      expect(await test.store.exists(sha256)).toBe(false);
      expect(await test.store.open(sha256)).toBeUndefined();
    });

    it('takes nothing but a sha256 for a name', async () => {
      await expect(test.store.open('../../etc/passwd')).rejects.toThrow(TypeError);
    });
  });
}
