/** What every store of blob records promises of what it tells and marks; what it removes: blob-removal.ts. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { BlobRecord, BlobRecords } from '../../src/media/rows/blob-records.js';
import { hour, hourAgo, inMs, RecordedBlobs, type TestBlobRecords } from './recorded-blobs.js';

export function describeBlobRecords(name: string, open: () => Promise<TestBlobRecords>): void {
  describe(`${name} as a store of blob records`, () => {
    let test: TestBlobRecords;
    let blobs: RecordedBlobs;
    let records: BlobRecords;

    beforeEach(async () => {
      test = await open();
      blobs = new RecordedBlobs(test);
      ({ records } = blobs);
    });
    afterEach(() => test.close());

    it('finds a record by its hash, by an md5 that others have too, and all of them by hash', async () => {
      const staged = await Promise.all([1, 2, 3, 4, 5].map(() => blobs.stage()));
      // oxlint-disable-next-line no-await-in-loop
      for (const blob of staged) await blobs.upload({ ...blob, md5: 'a'.repeat(32) });
      const hashes = staged.map(({ sha256 }) => sha256).toSorted();
      const [first = '', second = ''] = hashes;
      expect(await records.find(first)).toMatchObject({ sha256: first, size: 100, state: 'stored', mimeType: 'image/png', orphanedAt: undefined });
      expect(await records.find(randomUUID())).toBeUndefined();
      expect((await records.findByMd5('a'.repeat(32))).map(({ sha256 }) => sha256)).toEqual(hashes);
      expect(await records.findByMd5('b'.repeat(32))).toEqual([]);
      expect((await records.page('', 2)).map(({ sha256 }) => sha256)).toEqual([first, second]);
      expect((await records.page(second, 100)).map(({ sha256 }) => sha256)).toEqual(hashes.slice(2));
    });

    it('tells of orphans that are old enough and kept no longer, the oldest first, page by page', async () => {
      const oldest = await blobs.orphan(5 * hour);
      const old = await blobs.orphan();
      const [young, kept, released] = [await blobs.orphan(0), await blobs.orphan(), await blobs.orphan(3 * hour)];
      await blobs.setBlob(kept, { kept_until: inMs(hour).toISOString() });
      await blobs.setBlob(released, { kept_until: inMs(-1).toISOString() });
      const used = await blobs.upload(await blobs.stage());
      const hashesOf = (found: readonly BlobRecord[]): string[] => found.map(({ sha256 }) => sha256);
      const all = await records.orphans(hourAgo(), 10);
      expect(hashesOf(all)).toEqual([oldest, released, old]);
      expect(hashesOf(all)).not.toEqual(expect.arrayContaining([young, used.sha256]));
      expect(hashesOf(await records.orphans(hourAgo(), 1, all[0]))).toEqual([released]);
      expect(await records.orphans(hourAgo(), 10, all[2])).toEqual([]);
    });

    it('pages through orphans of the same moment without losing one', async () => {
      const hashes = await Promise.all([1, 2, 3, 4, 5].map(() => blobs.orphan()));
      const moment = inMs(-2 * hour).toISOString();
      for (const sha256 of hashes) await blobs.setBlob(sha256, { orphaned_at: moment });
      const found: string[] = [];
      for (let page = await records.orphans(hourAgo(), 2); page.length > 0; page = await records.orphans(hourAgo(), 2, page.at(-1))) {
        found.push(...page.map(({ sha256 }) => sha256));
      }
      expect(found).toEqual(hashes.toSorted());
    });

    it('tells what was not read for the longest time, to put it being to read it', async () => {
      const rows = await Promise.all([1, 2, 3, 4, 5].map(async () => blobs.upload(await blobs.stage())));
      const [never = '', once = '', lately = '', damaged = '', fresh = ''] = rows.map(({ sha256 }) => sha256);
      await blobs.setBlob(never, { created_at: inMs(-5 * hour).toISOString() });
      await blobs.setBlob(once, { created_at: inMs(-9 * hour).toISOString() });
      await records.markVerified(once, inMs(-3 * hour));
      await blobs.setBlob(lately, { created_at: inMs(-9 * hour).toISOString() });
      await records.markVerified(lately, inMs(-hour / 2));
      await blobs.setBlob(damaged, { created_at: inMs(-9 * hour).toISOString() });
      await records.markDamaged(damaged, () => Promise.resolve(true));
      const unread = await records.unverified(hourAgo(), 10);
      expect(unread.map(({ sha256 }) => sha256)).toEqual([never, once]);
      expect(unread.map(({ sha256 }) => sha256)).not.toContain(fresh);
      expect((await records.unverified(hourAgo(), 1)).map(({ sha256 }) => sha256)).toEqual([never]);
      await records.markVerified(never, new Date());
      expect((await records.unverified(hourAgo(), 10)).map(({ sha256 }) => sha256)).toEqual([once]);
    });

    it('marks damage once, unless the bytes were replaced meanwhile, and heals what was damaged only', async () => {
      const { sha256 } = await blobs.upload(await blobs.stage());
      expect(await records.markHealed(sha256, new Date())).toBe(false);
      expect(await records.markDamaged(sha256, () => Promise.resolve(false))).toBe(false);
      await expect(records.markDamaged(sha256, () => Promise.reject(new Error('the store is away')))).rejects.toThrow('the store is away');
      expect(await records.find(sha256)).toMatchObject({ state: 'stored' });
      expect(await records.markDamaged(sha256, () => Promise.resolve(true))).toBe(true);
      expect(await records.markDamaged(sha256, () => Promise.resolve(true))).toBe(false);
      await records.markVerified(sha256, new Date());
      expect(await records.find(sha256)).toMatchObject({ state: 'damaged', verifiedAt: undefined });
      const at = new Date();
      expect(await records.markHealed(sha256, at)).toBe(true);
      expect(await records.find(sha256)).toMatchObject({ state: 'stored', verifiedAt: at.toISOString() });
      expect(await records.markDamaged(randomUUID(), () => Promise.resolve(true))).toBe(false);
    });

    it('leaves what is being deleted alone, and takes a damaged blob back with an upload', async () => {
      const [deleting, damaged] = [await blobs.orphan(), await blobs.stage()];
      await records.deleteOrphan(deleting, hourAgo(), () => Promise.reject(new Error('died'))).catch(() => undefined);
      expect(await records.markDamaged(deleting, () => Promise.resolve(true))).toBe(false);
      expect(await records.markHealed(deleting, new Date())).toBe(false);
      await blobs.upload(damaged);
      await records.markDamaged(damaged.sha256, async () => (await test.blobs.putAside(damaged.sha256), true));
      expect(await blobs.isThere(damaged.sha256)).toBe(false);
      await blobs.upload(damaged);
      expect([(await records.find(damaged.sha256))?.state, await blobs.isThere(damaged.sha256)]).toEqual(['stored', true]);
    });

    it('lets one do the work of a name at a time, and others do other work', async () => {
      const second = test.canWait ? test.other : test.database;
      const outcomes: unknown[] = [];
      const outer = await test.database.exclusively('cleanup', async () => {
        outcomes.push(await second.exclusively('cleanup', () => Promise.reject(new Error('two at a time'))));
        outcomes.push(await second.exclusively('relay', () => Promise.resolve()));
      });
      await expect(second.exclusively('cleanup', () => Promise.reject(new Error('it failed')))).rejects.toThrow('it failed');
      outcomes.push(await second.exclusively('cleanup', () => Promise.resolve()));
      expect([outer, ...outcomes]).toEqual([true, false, true, true]);
    });
  });
}
