/** What every store of blob records promises of removals: nothing that is needed goes, whoever comes in between or dies half-way. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type { BlobRecords } from '../../src/media/rows/blob-records.js';
import type { Media, MediaStore } from '../../src/media/rows/media-store.js';
import { createSqlBlobRecords } from '../../src/media/rows/sql-blob-records.js';
import { createSqlConversionStore } from '../../src/media/rows/sql-conversion-store.js';
import type { SqlDatabase } from '../../src/media/rows/sql-database.js';
import { createSqlMediaStore } from '../../src/media/rows/sql-media-store.js';
import { createSqlSources } from '../../src/media/rows/sql-sources.js';
import { bytesAreThere, newMedia } from './new-media.js';
import { hour, hourAgo, inMs, RecordedBlobs, type TestBlobRecords } from './recorded-blobs.js';

export function describeBlobRemoval(name: string, open: () => Promise<TestBlobRecords>): void {
  describe(`${name} as a store of blob records that are removed`, () => {
    let test: TestBlobRecords;
    let blobs: RecordedBlobs;
    let records: BlobRecords;
    let media: MediaStore;

    beforeEach(async () => {
      test = await open();
      blobs = new RecordedBlobs(test);
      ({ records, media } = blobs);
    });
    afterEach(() => test.close());

    const removeBytes = (sha256: string) => () => test.blobs.remove(sha256);

    it('removes an orphan with its bytes and its sources, once', async () => {
      const sha256 = await blobs.orphan();
      const sources = createSqlSources(test.database);
      await sources.keep({ sha256, md5: sha256.slice(0, 32), size: 100, mimeType: 'image/png' }, { source: 'https://a.example/', fileName: 'a' }, inMs(-1), bytesAreThere);
      await blobs.setBlob(sha256, { orphaned_at: inMs(-2 * hour).toISOString() });
      expect(await sources.of(sha256)).toEqual(['https://a.example/']);
      expect(await records.deleteOrphan(sha256, hourAgo(), removeBytes(sha256))).toBe(true);
      expect([await records.find(sha256), await blobs.isThere(sha256), await sources.of(sha256)]).toEqual([undefined, false, []]);
      expect(await records.deleteOrphan(sha256, hourAgo(), removeBytes(sha256))).toBe(false);
    });

    it('leaves what is young, kept, or referred to again', async () => {
      const [young, kept] = [await blobs.orphan(0), await blobs.orphan()];
      await blobs.setBlob(kept, { kept_until: inMs(hour).toISOString() });
      const staged = await blobs.stage();
      await media.remove((await blobs.upload(staged)).id);
      await blobs.setBlob(staged.sha256, { orphaned_at: inMs(-2 * hour).toISOString() });
      await blobs.upload(staged);
      for (const sha256 of [young, kept, staged.sha256]) {
        expect(await records.deleteOrphan(sha256, hourAgo(), () => Promise.reject(new Error('must not be called')))).toBe(false);
        expect([(await records.find(sha256))?.state, await blobs.isThere(sha256)]).toEqual(['stored', true]);
      }
    });

    it('believes the rows, not the mark, that nothing refers to a blob', async () => {
      const original = await blobs.upload(await blobs.stage());
      const withThumb = await media.insert(newMedia('owner', { conversions: ['thumb'] }), bytesAreThere);
      const thumb = await blobs.stage();
      await thumb.commit();
      const { sha256, md5, size } = thumb;
      const conversions = createSqlConversionStore(test.database);
      await conversions.claim(inMs(1_000), inMs(hour), 10);
      expect(await conversions.finish(withThumb.id, 'thumb', { sha256, md5, size, mimeType: 'image/webp', width: 1, height: 1 }, () => thumb.commit())).toBe(true);
      for (const hash of [original.sha256, sha256]) {
        await blobs.setBlob(hash, { orphaned_at: inMs(-2 * hour).toISOString() });
        expect(await records.deleteOrphan(hash, hourAgo(), removeBytes(hash))).toBe(false);
        expect(await blobs.isThere(hash)).toBe(true);
      }
    });

    it('goes on with a deletion that failed, or died, half-way', async () => {
      const sha256 = await blobs.orphan();
      await expect(records.deleteOrphan(sha256, hourAgo(), () => Promise.reject(new Error('the store is away')))).rejects.toThrow('the store is away');
      expect(await records.find(sha256)).toMatchObject({ state: 'deleting' });
      expect((await records.orphans(hourAgo(), 10)).map((blob) => blob.sha256)).toEqual([sha256]);
      // It died after the bytes were gone and before the record was.
      await test.blobs.remove(sha256);
      expect(await records.deleteOrphan(sha256, hourAgo(), removeBytes(sha256))).toBe(true);
      expect(await records.find(sha256)).toBeUndefined();
    });

    it('loses no upload that comes while its bytes are marked, half removed, or removed', async () => {
      const bytes = randomBytes(100);
      const failures = [
        () => Promise.reject(new Error('before the bytes went')),
        async (sha256: string) => {
          await test.blobs.remove(sha256);
          throw new Error('after the bytes went');
        },
      ];
      for (const fail of failures) {
        const first = await blobs.upload(await blobs.stage(bytes));
        await media.remove(first.id);
        await blobs.setBlob(first.sha256, { orphaned_at: inMs(-2 * hour).toISOString() });
        await expect(records.deleteOrphan(first.sha256, hourAgo(), () => fail(first.sha256))).rejects.toThrow('the bytes went');
        const again = await blobs.upload(await blobs.stage(bytes), createSqlMediaStore(test.other));
        expect([(await records.find(again.sha256))?.state, await blobs.isThere(again.sha256)]).toEqual(['stored', true]);
        expect(await records.deleteOrphan(first.sha256, hourAgo(), removeBytes(first.sha256))).toBe(false);
        await media.remove(again.id);
      }
    });

    it('takes a blob back that an upload claims between the two transactions', async () => {
      const bytes = randomBytes(100);
      const first = await blobs.upload(await blobs.stage(bytes));
      await media.remove(first.id);
      let transactions = 0;
      const interrupted: SqlDatabase = {
        ...test.database,
        transaction: async (work) => {
          const result = await test.database.transaction(work);
          transactions += 1;
          if (transactions === 1) await blobs.upload(await blobs.stage(bytes), createSqlMediaStore(test.other));
          return result;
        },
      };
      const removed = await createSqlBlobRecords(interrupted).deleteOrphan(first.sha256, inMs(1_000), removeBytes(first.sha256));
      expect([transactions, removed, await blobs.isThere(first.sha256)]).toEqual([2, false, true]);
      expect(await records.find(first.sha256)).toMatchObject({ state: 'stored', orphanedAt: undefined });
    });

    it('puts the bytes again of an upload that waits while they are being removed', async () => {
      const bytes = randomBytes(100);
      const first = await blobs.upload(await blobs.stage(bytes));
      await media.remove(first.id);
      let uploading: Promise<Media> | undefined;
      const removed = await records.deleteOrphan(first.sha256, inMs(1_000), async () => {
        const staged = await blobs.stage(bytes);
        await staged.commit();
        let commits = 0;
        const { sha256, md5, size } = staged;
        const store = createSqlMediaStore(test.canWait ? test.other : test.database);
        uploading = store.insert(newMedia('waits', { sha256, md5, size }), () => ((commits += 1), staged.commit()));
        const outcome = await Promise.race([uploading, new Promise((resolve) => setTimeout(resolve, 300, 'waits'))]);
        expect([outcome, commits]).toEqual(['waits', 0]);
        await test.blobs.remove(sha256);
      });
      expect(removed).toBe(true);
      const again = await uploading;
      expect(again?.sha256).toBe(first.sha256);
      expect([(await records.find(first.sha256))?.state, await blobs.isThere(first.sha256)]).toEqual(['stored', true]);
    });

    it('never leaves a row without its bytes, however uploads, removals and cleanups of one blob meet', async () => {
      const bytes = randomBytes(100);
      const { sha256 } = await blobs.stage(bytes);
      const removals = { count: 0 };
      const work = async (database: SqlDatabase): Promise<void> => {
        const store = createSqlMediaStore(database);
        // At least one removal has to get in between, which is a matter of luck.
        for (let round = 0; round < 15 || (removals.count === 0 && round < 1_000); round += 1) {
          // One after the other: what meets is the other workers.
          // oxlint-disable-next-line no-await-in-loop
          const staged = await blobs.stage(bytes);
          // oxlint-disable-next-line no-await-in-loop
          const row = await blobs.upload(staged, store);
          // oxlint-disable-next-line no-await-in-loop
          expect(await blobs.isThere(sha256)).toBe(true);
          // oxlint-disable-next-line no-await-in-loop
          await Promise.all([staged.discard(), store.remove(row.id)]);
        }
      };
      const working = new AbortController();
      const clean = async (): Promise<void> => {
        const cleaning = createSqlBlobRecords(test.canWait ? test.other : test.database);
        while (!working.signal.aborted) {
          // SQLite answers at once: nothing else would ever have its turn.
          // oxlint-disable-next-line no-await-in-loop
          await turn();
          // oxlint-disable-next-line no-await-in-loop
          if (await cleaning.deleteOrphan(sha256, inMs(1_000), removeBytes(sha256))) removals.count += 1;
          // oxlint-disable-next-line no-await-in-loop
          if (await cleaning.withoutRecord(sha256, removeBytes(sha256))) removals.count += 1;
        }
      };
      const cleaning = clean();
      await Promise.all([work(test.database), work(test.database), work(test.database)]).finally(() => working.abort());
      await cleaning;
      expect(removals.count).toBeGreaterThan(0);
      const last = await blobs.upload(await blobs.stage(bytes));
      expect([(await media.findByIds([last.id]))[0]?.sha256, await blobs.isThere(sha256)]).toEqual([sha256, true]);
    });

    it('works on bytes without a record only while they have none', async () => {
      const staged = await blobs.stage();
      await staged.commit();
      let works = 0;
      const work = (): Promise<void> => Promise.resolve(void (works += 1));
      expect(await records.withoutRecord(staged.sha256, work)).toBe(true);
      await blobs.upload(staged);
      expect(await records.withoutRecord(staged.sha256, work)).toBe(false);
      expect(works).toBe(1);
    });
  });
}
