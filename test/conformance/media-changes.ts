/** What every store of media rows promises of changes: of names, of the order, of what a collection keeps, and of bytes that a cleanup may take. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Media, MediaStore, NewMedia } from '../../src/media/rows/media-store.js';
import type { TestMediaStore } from './media-store.js';
import { bytesAreThere, newMedia } from './new-media.js';

const unchanged = { name: undefined, fileName: undefined, customProperties: undefined };

export function describeMediaChanges(name: string, open: () => Promise<TestMediaStore>): void {
  describe(`${name} as a store of changing media`, () => {
    let store: MediaStore;
    let test: TestMediaStore;
    let owners = 0;

    beforeAll(async () => {
      test = await open();
      ({ store } = test);
    });
    afterAll(() => test.close());

    const newOwner = (): string => `changing-${(owners += 1)}`;
    const insert = (media: NewMedia): Promise<Media> => store.insert(media, bytesAreThere);
    const insertMany = async (modelId: string, count: number, changes: Partial<NewMedia> = {}): Promise<Media[]> => {
      const inserted: Media[] = [];
      // One after the other: their order is what is asked for.
      // oxlint-disable-next-line no-await-in-loop
      for (let index = 0; index < count; index += 1) inserted.push(await insert(newMedia(modelId, changes)));
      return inserted;
    };
    const collectionOf = ({ modelType, modelId, collectionName }: Media) => ({ modelType, modelId, collectionName });
    const filesOf = async (media: Media): Promise<Media[]> => {
      const [files] = await store.filesByModels([{ ...collectionOf(media), limit: 0 }]);
      return files?.media ?? [];
    };
    const idsOf = (media: readonly Media[]): string[] => media.map(({ id }) => id);
    const eventsOf = async (modelId: string): Promise<string[]> => {
      const due = await test.outbox.due(new Date(Date.now() + 1_000), 10_000);
      const owned = due.filter(({ owner }) => owner === JSON.stringify(['App\\Models\\Product', modelId]));
      return owned.map(({ routingKey, body }) => `${routingKey.replace('media.event.', '')} ${JSON.parse(body).media_id}`);
    };

    it('keeps the latest of a collection, with an event for each that goes', async () => {
      const modelId = newOwner();
      const [first, second, third, fourth] = await insertMany(modelId, 4, { keepLatest: 3 });
      if (!first || !second || !third || !fourth) throw new Error('nothing was inserted');
      expect(await filesOf(first)).toEqual([second, third, fourth]);
      expect(await eventsOf(modelId)).toEqual([`uploaded ${first.id}`, `uploaded ${second.id}`, `uploaded ${third.id}`, `deleted ${first.id}`, `uploaded ${fourth.id}`]);
      expect(await test.orphanedAt(first.sha256)).toBeDefined();
    });

    it('lets go of more than one when a collection keeps less than before', async () => {
      const modelId = newOwner();
      const [, , third] = await insertMany(modelId, 3);
      const [last] = await insertMany(modelId, 1, { keepLatest: 2 });
      if (!third || !last) throw new Error('nothing was inserted');
      expect(await filesOf(last)).toEqual([third, last]);
    });

    it('does not orphan bytes that the same replacement brings back', async () => {
      const media = newMedia(newOwner(), { keepLatest: 1 });
      await insert(media);
      await insert(media);
      expect(await test.orphanedAt(media.sha256)).toBeUndefined();
    });

    it('updates a row with one event, and none when nothing changes', async () => {
      const modelId = newOwner();
      const media = await insert(newMedia(modelId));
      const updated = await store.update(media.id, { ...unchanged, name: 'New', customProperties: '{"alt":"x"}' });
      expect(updated).toEqual({ ...media, name: 'New', customProperties: '{"alt":"x"}', updatedAt: updated?.updatedAt });
      expect(await store.update(media.id, { ...unchanged, name: 'New' })).toEqual(updated);
      expect(await store.findByIds([media.id])).toEqual([updated]);
      expect(await eventsOf(modelId)).toEqual([`uploaded ${media.id}`, `updated ${media.id}`]);
      expect(await store.update('x', { ...unchanged, name: 'New' })).toBeUndefined();
      await store.remove(media.id);
      expect(await store.update(media.id, { ...unchanged, name: 'Late' })).toBeUndefined();
      expect(await eventsOf(modelId)).toHaveLength(3);
    });

    it('puts the named first and the others after them, with an event for each that moved', async () => {
      const modelId = newOwner();
      const [one, two, three, four] = await insertMany(modelId, 4);
      if (!one || !two || !three || !four) throw new Error('nothing was inserted');
      const wanted = [three.id, one.id, two.id, four.id];
      expect(idsOf(await store.reorder(collectionOf(one), [three.id, one.id]))).toEqual(wanted);
      expect(idsOf(await filesOf(one))).toEqual(wanted);
      const events = (await eventsOf(modelId)).slice(4);
      expect(events).toEqual([`updated ${three.id}`, `updated ${one.id}`, `updated ${two.id}`]);
      await store.reorder(collectionOf(one), [three.id]);
      await store.reorder(collectionOf(one), []);
      expect(await eventsOf(modelId)).toHaveLength(7);
    });

    it('keeps an order that has gaps', async () => {
      const modelId = newOwner();
      const [one, two, three] = await insertMany(modelId, 3);
      if (!one || !two || !three) throw new Error('nothing was inserted');
      await store.remove(two.id);
      expect(await store.reorder(collectionOf(one), [one.id, three.id])).toEqual([one, three]);
      expect(idsOf(await store.reorder(collectionOf(one), [three.id]))).toEqual([three.id, one.id]);
    });

    it('refuses an order that names a stranger, or a file twice, and changes nothing', async () => {
      const modelId = newOwner();
      const [one, two] = await insertMany(modelId, 2);
      const [stranger] = await insertMany(newOwner(), 1);
      if (!one || !two || !stranger) throw new Error('nothing was inserted');
      for (const ids of [[two.id, stranger.id], [two.id, two.id], ['x']]) {
        // oxlint-disable-next-line no-await-in-loop
        await expect(store.reorder(collectionOf(one), ids)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
      }
      expect(await filesOf(one)).toEqual([one, two]);
      expect(await eventsOf(modelId)).toHaveLength(2);
    });

    it('finds the files with the same bytes, whoever owns them', async () => {
      const media = newMedia(newOwner());
      const rows = [await insert(media), await insert({ ...media, modelId: newOwner() })];
      expect(await store.findByHash(media.sha256, 10)).toEqual(rows);
      expect(await store.findByHash(media.sha256, 1)).toEqual(rows.slice(0, 1));
      expect(await store.findByHash('0'.repeat(64), 10)).toEqual([]);
    });

    it('makes sure of the bytes unless something refers to them already', async () => {
      const media = newMedia(newOwner());
      let puts = 0;
      const put = (): Promise<void> => Promise.resolve(void (puts += 1));
      const first = await store.insert(media, put);
      const second = await store.insert(media, put);
      expect(puts).toBe(1);
      await store.remove(first.id);
      await store.remove(second.id);
      await store.insert(media, put);
      expect(puts).toBe(2);
    });

    it('keeps nothing when the bytes cannot be had again', async () => {
      const modelId = newOwner();
      const lost = (): Promise<void> => Promise.reject(new Error('the bytes are gone'));
      await expect(store.insert(newMedia(modelId), lost)).rejects.toThrow('the bytes are gone');
      expect(await eventsOf(modelId)).toEqual([]);
    });
  });
}
