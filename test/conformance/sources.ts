/** What every store of sources promises, with the media rows that share its blobs. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import type { BlobRecord } from '../../src/media/rows/blob-records.js';
import type { MediaStore, NewMedia } from '../../src/media/rows/media-store.js';
import type { Sources } from '../../src/media/rows/sources.js';
import { waitFor } from '../support/wait.js';
import { bytesAreThere, newMedia } from './new-media.js';

export interface TestSources {
  sources: Sources;
  store: MediaStore;
  setState(sha256: string, state: BlobRecord['state']): Promise<void>;
  close(): Promise<void>;
}

const inDays = (days: number): Date => new Date(Date.now() + days * 86_400_000);

export function describeSources(name: string, open: () => Promise<TestSources>): void {
  describe(`${name} as a store of sources`, () => {
    let test: TestSources;
    let sources: Sources;

    beforeAll(async () => {
      test = await open();
      ({ sources } = test);
    });
    afterAll(() => test.close());

    const newBlob = (): NewMedia => newMedia(`owner-${randomUUID()}`);
    const newSource = (): string => `https://files.example/${randomUUID()}.png`;
    const keep = async (blob: NewMedia, source: string, until = inDays(7), putBytes = bytesAreThere): Promise<void> => {
      const { sha256, md5, size, mimeType } = blob;
      await sources.keep({ sha256, md5, size, mimeType }, { source, fileName: 'ä photo.png' }, until, putBytes);
    };
    const nextMoment = async (): Promise<void> => {
      const now = Date.now();
      await waitFor(() => Date.now() > now, { what: 'the clock to move on' });
    };

    it('knows nothing of what was never kept', async () => {
      expect(await sources.find(newSource())).toBeUndefined();
      expect(await sources.of(newBlob().sha256)).toEqual([]);
    });

    it('finds what was kept, with the record of its blob', async () => {
      const [blob, source, until] = [newBlob(), newSource(), inDays(7)];
      const before = new Date().toISOString();
      await keep(blob, source, until);
      const found = await sources.find(source);
      const { sha256, md5, size, mimeType } = blob;
      expect(found).toMatchObject({ blob: { sha256, md5, size, mimeType, state: 'stored', keptUntil: until.toISOString(), verifiedAt: undefined }, fileName: 'ä photo.png' });
      for (const time of [found?.fetchedAt, found?.blob.createdAt, found?.blob.orphanedAt]) {
        expect(time && time >= before && time <= new Date().toISOString()).toBe(true);
      }
      expect(await sources.of(blob.sha256)).toEqual([source]);
    });

    it('calls for the bytes of a blob that nothing refers to, and records nothing when they cannot be put', async () => {
      const [blob, source] = [newBlob(), newSource()];
      await expect(keep(blob, source, inDays(7), () => Promise.reject(new Error('the disk is full')))).rejects.toThrow('the disk is full');
      expect(await sources.find(source)).toBeUndefined();
      let puts = 0;
      const count = (): Promise<void> => Promise.resolve(void (puts += 1));
      await keep(blob, source, inDays(7), count);
      // A cleanup may have removed them meanwhile.
      await keep(blob, source, inDays(7), count);
      expect(puts).toBe(2);
    });

    it('leaves a blob that a media refers to in use, and its bytes alone', async () => {
      const [blob, source, until] = [newBlob(), newSource(), inDays(7)];
      const media = await test.store.insert(blob, bytesAreThere);
      await keep(blob, source, until, () => Promise.reject(new Error('they are there')));
      expect((await sources.find(source))?.blob).toMatchObject({ orphanedAt: undefined, keptUntil: until.toISOString() });
      await test.store.remove(media.id);
      const after = (await sources.find(source))?.blob;
      expect(after?.orphanedAt).toBeDefined();
      expect(after?.keptUntil).toBe(until.toISOString());
    });

    it('counts the later of two terms, whichever came first', async () => {
      const [blob, near, far] = [newBlob(), inDays(1), inDays(7)];
      const [one, other] = [newSource(), newSource()];
      await keep(blob, one, far);
      await keep(blob, other, near);
      expect((await sources.find(other))?.blob.keptUntil).toBe(far.toISOString());
      const further = inDays(30);
      await keep(blob, one, further);
      expect((await sources.find(other))?.blob.keptUntil).toBe(further.toISOString());
    });

    it('names several sources of one blob, the latest first, and one blob of a source, the latest', async () => {
      const [blob, another] = [newBlob(), newBlob()];
      const [first, second] = [newSource(), newSource()];
      await keep(blob, first);
      await nextMoment();
      await keep(blob, second);
      expect(await sources.of(blob.sha256)).toEqual([second, first]);
      await nextMoment();
      await keep(another, second);
      expect((await sources.find(second))?.blob.sha256).toBe(another.sha256);
      expect(await sources.of(blob.sha256)).toEqual([first]);
    });

    it('remembers when bytes were fetched that a stored copy gave', async () => {
      const [{ sha256, md5, size, mimeType }, source] = [newBlob(), newSource()];
      const fetchedAt = '2026-01-02T03:04:05.678Z';
      await sources.keep({ sha256, md5, size, mimeType }, { source, fileName: 'a.png', fetchedAt }, inDays(7), bytesAreThere);
      expect((await sources.find(source))?.fetchedAt).toBe(fetchedAt);
    });

    it('finds what media were imported from', async () => {
      const [blob, source] = [newBlob(), newSource()];
      await test.store.insert({ ...blob, from: { source, fileName: 'from there.png' } }, bytesAreThere);
      expect(await sources.find(source)).toMatchObject({ blob: { sha256: blob.sha256, orphanedAt: undefined }, fileName: 'from there.png' });
    });

    it('does not find a blob that is damaged or being deleted, until it is kept again', async () => {
      const [blob, source] = [newBlob(), newSource()];
      await keep(blob, source);
      for (const state of ['damaged', 'deleting'] as const) {
        await test.setState(blob.sha256, state);
        expect(await sources.find(source)).toBeUndefined();
        expect(await sources.of(blob.sha256)).toEqual([source]);
        let puts = 0;
        await keep(blob, source, inDays(1), () => Promise.resolve(void (puts += 1)));
        expect(puts).toBe(1);
        expect((await sources.find(source))?.blob.state).toBe('stored');
      }
    });

    it('takes the same bytes from many sources at the same time', async () => {
      const blob = newBlob();
      const many = Array.from({ length: 20 }, newSource);
      await Promise.all(many.map((source) => keep(blob, source)));
      expect((await sources.of(blob.sha256)).toSorted()).toEqual(many.toSorted());
    });

    it('takes a URL of 2,048 bytes', async () => {
      const source = `https://files.example/${randomBytes(1_013).toString('hex')}`;
      expect(source).toHaveLength(2_048);
      await keep(newBlob(), source);
      expect(await sources.find(source)).toBeDefined();
      expect(await sources.find(source.slice(0, -1))).toBeUndefined();
    });
  });
}
