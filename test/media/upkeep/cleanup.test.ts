import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { BlobStore } from '../../../src/media/bytes/blob-store.js';
import type { CleanupReport } from '../../../src/media/upkeep/cleanup.js';
import { waitFor } from '../../support/wait.js';
import { ago, flipped, hour, openWorld, storages, type World } from './world.js';

const nothing: CleanupReport = {
  removed_blobs: 0,
  removed_bytes: 0,
  unrecorded_blobs: 0,
  unrecorded_bytes: 0,
  temporary_files: 0,
  temporary_bytes: 0,
  missing_blobs: 0,
  missing_bytes: 0,
  unmatched_blobs: 0,
  is_complete: true,
};

const source = 'https://files.example/photo.png';

for (const [name, openStorage] of Object.entries(storages)) {
  describe(`a cleanup of bytes in ${name}`, () => {
    let world: World;
    beforeEach(async () => {
      world = await openWorld(openStorage);
    });
    afterEach(() => world.close());

    const orphan = async (size: number, ageMs = 2 * hour): Promise<string> => {
      const { id, sha256 } = await world.upload(randomBytes(size));
      await world.store.remove(id);
      await world.setBlob(sha256, { orphaned_at: ago(ageMs) });
      return sha256;
    };
    const unrecorded = async (size: number, ageMs = 2 * hour): Promise<string> => {
      const staged = await world.stage(randomBytes(size));
      await staged.commit();
      await staged.discard();
      await world.age(staged.sha256, ageMs);
      return staged.sha256;
    };
    const isThere = async (sha256: string): Promise<boolean> => (await world.blobs.stat(sha256)) !== undefined;
    const stateOf = async (sha256: string): Promise<[string | undefined, boolean]> => [(await world.records.find(sha256))?.state, await isThere(sha256)];

    /** One of each kind. */
    const setUp = async () => {
      const used = await Promise.all([1, 2, 3].map(() => world.upload()));
      const kept = await orphan(11);
      await world.setBlob(kept, { kept_until: new Date(Date.now() + hour).toISOString() });
      const released = await orphan(12);
      await world.setBlob(released, { kept_until: ago(1) });
      const again = await world.upload(randomBytes(13));
      await world.setBlob(again.sha256, { orphaned_at: ago(2 * hour) });
      const deleting = await orphan(14);
      await world.records.deleteOrphan(deleting, new Date(Date.now() - hour), () => Promise.reject(new Error('died'))).catch(() => undefined);
      const aside = await orphan(15);
      await world.tamper(aside, flipped);
      await world.integrity.verify(aside);
      const usedAside = await world.upload(randomBytes(16));
      await world.tamper(usedAside.sha256, flipped);
      await world.integrity.verify(usedAside.sha256);
      const lost = await world.upload(randomBytes(17), source);
      await world.tamper(lost.sha256, () => undefined);
      return {
        gone: { old: await orphan(18), released, deleting, aside },
        stays: { young: await orphan(19, 0), kept, again: again.sha256, used: used.map(({ sha256 }) => sha256) },
        bytesOnly: { old: await unrecorded(20), young: await unrecorded(21, 0) },
        usedAside: usedAside.sha256,
        lost: lost.sha256,
      };
    };

    it('removes what nothing needs, and nothing else', async () => {
      const { gone, stays, bytesOnly, usedAside, lost } = await setUp();
      expect(await world.cleanup().run({ dryRun: false })).toEqual({
        ...nothing,
        removed_blobs: 4,
        removed_bytes: 18 + 12 + 14 + 15,
        unrecorded_blobs: 1,
        unrecorded_bytes: 20,
        missing_blobs: 1,
        missing_bytes: 17,
      });
      for (const sha256 of Object.values(gone)) expect(await stateOf(sha256)).toEqual([undefined, false]);
      for (const sha256 of Object.values(stays).flat()) expect(await stateOf(sha256)).toEqual(['stored', true]);
      expect([await isThere(bytesOnly.old), await isThere(bytesOnly.young)]).toEqual([false, true]);
      expect([await stateOf(usedAside), await stateOf(lost)]).toEqual([['damaged', false], ['damaged', false]]);
      // What was put aside of a blob goes with it, and only then.
      expect(await world.aside()).toEqual([usedAside]);
      expect(await world.counts()).toEqual({ damaged_blobs: 3, removed_blobs: 5, removed_bytes: 18 + 12 + 14 + 15 + 20 });
      expect(await world.cleanup().run({ dryRun: false })).toEqual(nothing);
    });

    it('changes nothing when it is dry, and tells what it would do', async () => {
      await setUp();
      const snapshot = async () => ({ rows: await world.records.page('', 1_000), aside: await world.aside(), counts: await world.counts(), stored: await storedHashes(world.blobs) });
      const before = await snapshot();
      const told = await world.cleanup().run({ dryRun: true });
      expect(await snapshot()).toEqual(before);
      expect(told).toEqual(await world.cleanup().run({ dryRun: false }));
    });

    it('fetches again what is missing where its source is known, and what could not be had before', async () => {
      const [bytes, others] = [randomBytes(30), await Promise.all([1, 2, 3].map(() => world.upload()))];
      const { sha256 } = await world.upload(bytes, source);
      await world.tamper(sha256, () => undefined);
      expect(await world.cleanup().run({ dryRun: false })).toEqual({ ...nothing, missing_blobs: 1, missing_bytes: 30 });
      expect(await stateOf(sha256)).toEqual(['damaged', false]);
      world.outside.set(source, bytes);
      expect(await world.cleanup().run({ dryRun: false })).toEqual(nothing);
      expect(await stateOf(sha256)).toEqual(['stored', true]);
      expect(await world.counts()).toEqual({ damaged_blobs: 1, healed_blobs: 1 });
      expect(others).toHaveLength(3);
    });

    it('does nothing for want of a record, or of bytes, where most have none', async () => {
      const [stray, other] = [await unrecorded(40), await unrecorded(41)];
      const { sha256 } = await world.upload();
      expect(await world.cleanup().run({ dryRun: false })).toEqual({ ...nothing, unmatched_blobs: 2 });
      expect([await isThere(stray), await isThere(other)]).toEqual([true, true]);
      const rows = await Promise.all([1, 2, 3].map(() => world.upload()));
      // The disk is not mounted, or it is another one.
      const elsewhere = await storages['a directory']();
      expect(await world.cleanup({ blobs: elsewhere.blobs }).run({ dryRun: false })).toEqual({ ...nothing, unmatched_blobs: 4 });
      for (const row of [sha256, ...rows.map((media) => media.sha256)]) expect(await stateOf(row)).toEqual(['stored', true]);
      await elsewhere.close();
      expect(await world.cleanup().run({ dryRun: false })).toMatchObject({ unrecorded_blobs: 2, unmatched_blobs: 0 });
    });

    it('leaves bytes that an upload records after they were found', async () => {
      await Promise.all([1, 2, 3].map(() => world.upload()));
      const staged = await world.stage();
      const { sha256, md5, size } = staged;
      await staged.commit();
      await world.age(sha256, 2 * hour);
      const records = {
        orphans: world.records.orphans.bind(world.records),
        deleteOrphan: world.records.deleteOrphan.bind(world.records),
        page: world.records.page.bind(world.records),
        withoutRecord: async (...parameters: Parameters<World['records']['withoutRecord']>) => {
          await world.sources.keep({ sha256, md5, size, mimeType: 'image/png' }, { source, fileName: 'a' }, new Date(), () => staged.commit());
          return world.records.withoutRecord(...parameters);
        },
      };
      expect(await world.cleanup({ records }).run({ dryRun: false })).toMatchObject({ unrecorded_blobs: 0, removed_blobs: 0 });
      expect(await stateOf(sha256)).toEqual(['stored', true]);
    });

    it('goes on in its next run with what failed in one, and gives up when everything fails', async () => {
      const hashes = await Promise.all([51, 52, 53, 54, 55, 56, 57].map((size) => orphan(size)));
      const [stuck = ''] = hashes;
      const failing = (isStuck: (sha256: string) => boolean): BlobStore => ({
        ...world.reads,
        remove: (sha256) => (isStuck(sha256) ? Promise.reject(new Error('permission denied')) : world.blobs.remove(sha256)),
      });
      expect(await world.cleanup({ blobs: failing((sha256) => sha256 === stuck) }).run({ dryRun: false })).toMatchObject({ removed_blobs: 6, is_complete: true });
      expect(await stateOf(stuck)).toEqual(['deleting', true]);
      expect(await world.cleanup().run({ dryRun: false })).toMatchObject({ removed_blobs: 1, removed_bytes: 51 });
      const more = await Promise.all([51, 52, 53, 54, 55, 56, 57].map((size) => orphan(size)));
      let tries = 0;
      await expect(world.cleanup({ blobs: failing(() => (tries += 1) > 0) }).run({ dryRun: false })).rejects.toThrow('permission denied');
      expect(tries).toBe(5);
      expect(await world.cleanup().run({ dryRun: false })).toMatchObject({ removed_blobs: more.length });
    });

    it('sweeps what interrupted uploads left more than an hour ago, however short the grace', async () => {
      await world.stage(randomBytes(6_000_000));
      const cleanup = world.cleanup({ graceSeconds: 0 });
      expect(await cleanup.run({ dryRun: false })).toEqual(nothing);
      await world.ageTemporaries();
      expect(await cleanup.run({ dryRun: true })).toEqual({ ...nothing, temporary_files: 1, temporary_bytes: 6_000_000 });
      expect(await cleanup.run({ dryRun: false })).toEqual({ ...nothing, temporary_files: 1, temporary_bytes: 6_000_000 });
      expect(await cleanup.run({ dryRun: false })).toEqual(nothing);
    });

    it('runs one at a time, ends before its next blob when it is stopped, and the next goes on', async () => {
      const hashes = await Promise.all([1, 2, 3, 4, 5].map((size) => orphan(size)));
      let goOn: (() => void) | undefined;
      const held = { ...world.reads, remove: (sha256: string) => new Promise<void>((resolve, reject) => (goOn = () => void world.blobs.remove(sha256).then(resolve, reject))) };
      const cleanup = world.cleanup({ blobs: held });
      const running = cleanup.run({ dryRun: false });
      await waitFor(() => goOn, { what: 'the first blob to be removed' });
      await expect(world.cleanup().run({ dryRun: false })).rejects.toMatchObject({ code: 'RATE_LIMITED' });
      const stopped = cleanup.stop();
      goOn?.();
      await stopped;
      expect(await running).toMatchObject({ removed_blobs: 1, is_complete: false });
      expect(await world.cleanup().run({ dryRun: false })).toMatchObject({ removed_blobs: hashes.length - 1, is_complete: true });
    });

    it('ends when its signal says so', async () => {
      await orphan(1);
      expect(await world.cleanup().run({ dryRun: false, signal: AbortSignal.abort() })).toMatchObject({ removed_blobs: 0, is_complete: false });
    });
  });
}

describe('a cleanup', () => {
  it('takes more than a page', async () => {
    const world = await openWorld();
    const used = await world.upload();
    const rows = await Promise.all(Array.from({ length: 205 }, () => world.upload(randomBytes(10))));
    for (const { id, sha256 } of rows) {
      await world.store.remove(id);
      await world.setBlob(sha256, { orphaned_at: ago(2 * hour) });
    }
    for (const dryRun of [true, false]) expect(await world.cleanup().run({ dryRun })).toEqual({ ...nothing, removed_blobs: 205, removed_bytes: 2_050 });
    expect(await storedHashes(world.blobs)).toEqual([used.sha256]);
    await world.close();
  });
});

async function storedHashes(blobs: BlobStore): Promise<string[]> {
  const hashes: string[] = [];
  for await (const { sha256 } of blobs.list()) hashes.push(sha256);
  return hashes;
}
