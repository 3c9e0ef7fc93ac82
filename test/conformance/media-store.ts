/** What every store of media rows promises, with the outbox that it fills in the same transactions. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Media, MediaStore, NewMedia } from '../../src/media/rows/media-store.js';
import type { Outbox, OutboxEvent } from '../../src/media/rows/outbox.js';
import { bytesAreThere, newMedia } from './new-media.js';

export interface TestMediaStore {
  store: MediaStore;
  outbox: Outbox;
  /** Since when nothing refers to a blob. */
  orphanedAt(sha256: string): Promise<string | undefined>;
  close(): Promise<void>;
}

const soon = (): Date => new Date(Date.now() + 1_000);

const ownerName = (modelId: string): string => JSON.stringify(['App\\Models\\Product', modelId]);

export function describeMediaStore(name: string, open: () => Promise<TestMediaStore>): void {
  describe(`${name} as a media store`, () => {
    let store: MediaStore;
    let outbox: Outbox;
    let test: TestMediaStore;
    let owners = 0;

    beforeAll(async () => {
      test = await open();
      ({ store, outbox } = test);
    });
    afterAll(() => test.close());

    const insert: (media: NewMedia) => Promise<Media> = (media) => store.insert(media, bytesAreThere);
    const newOwner = (): string => `owner-${(owners += 1)}`;
    const eventsOf = async (modelId: string): Promise<OutboxEvent[]> => {
      const due = await outbox.due(soon(), 10_000);
      return due.filter(({ owner }) => owner === ownerName(modelId));
    };
    const kindsOf = async (modelId: string): Promise<string[]> => (await eventsOf(modelId)).map(({ routingKey }) => routingKey);
    const filesOf = async (modelId: string, collectionName = '', limit = 0) => {
      const [files] = await store.filesByModels([{ modelType: 'App\\Models\\Product', modelId, collectionName, limit }]);
      if (!files) throw new Error('no answer to a query');
      return files;
    };

    it('gives back what was inserted, by id, by uuid and by owner', async () => {
      const given = newMedia(newOwner());
      const media = await insert(given);
      const { md5: _md5, keepLatest: _keepLatest, conversions: _conversions, from: _from, idempotencyKey: _key, ...kept } = given;
      expect(media).toMatchObject({ ...kept, conversionsDisk: 'local', orderColumn: 1, manipulations: '[]', createdAt: media.updatedAt });
      expect(media.id).toMatch(/^[1-9]\d*$/);
      expect(new Date(media.createdAt).toISOString()).toBe(media.createdAt);
      expect(await store.findByIds([media.id])).toEqual([media]);
      expect(await store.findByUuid(media.uuid.toUpperCase())).toEqual(media);
      expect((await filesOf(given.modelId)).media).toEqual([media]);
    });

    it('finds nothing for what is no id or no uuid', async () => {
      const { id } = await insert(newMedia(newOwner()));
      const ids = ['0', '-1', '1.5', ` ${id}`, `${id} or 1=1`, 'x', '', '9'.repeat(30), '999999999999999'];
      expect(await store.findByIds([...ids, id])).toEqual([...ids.map(() => undefined), expect.objectContaining({ id })]);
      expect(await store.findByIds(ids)).toEqual(ids.map(() => undefined));
      expect(await store.findByUuid("' or ''='")).toBeUndefined();
      expect(await store.findByUuid(randomUUID())).toBeUndefined();
      expect(await store.remove('x')).toBeUndefined();
    });

    it('tells names apart by case, and takes any script', async () => {
      const modelId = newOwner();
      await insert(newMedia(modelId, { collectionName: 'Images' }));
      await insert(newMedia(modelId, { collectionName: 'bilder-ü-写真' }));
      expect((await filesOf(modelId, 'images')).total).toBe(0);
      expect((await filesOf(modelId, 'bilder-ü-写真')).total).toBe(1);
      expect((await filesOf(modelId.toUpperCase())).total).toBe(0);
    });

    it('answers queries in their order, with the total also beyond the limit', async () => {
      const [full, empty] = [newOwner(), newOwner()];
      const inserted = [];
      // One after the other: their order is what is asked for.
      // oxlint-disable-next-line no-await-in-loop
      for (let count = 0; count < 5; count += 1) inserted.push(await insert(newMedia(full)));
      await insert(newMedia(full, { collectionName: 'other' }));
      const query = { modelType: 'App\\Models\\Product', modelId: full, collectionName: 'images', limit: 0 };
      const results = await store.filesByModels([
        { ...query, modelId: empty },
        query,
        { ...query, limit: 2 },
        query,
        { ...query, collectionName: '' },
      ]);
      const ids = inserted.map(({ id }) => id);
      expect(results.map(({ media, total }) => [media.map(({ id }) => id).slice(0, 5), total])).toEqual([
        [[], 0],
        [ids, 5],
        [ids.slice(0, 2), 5],
        [ids, 5],
        [expect.arrayContaining([ids[0]]), 6],
      ]);
      expect(inserted.map(({ orderColumn }) => orderColumn)).toEqual([1, 2, 3, 4, 5]);
    });

    it('answers 500 queries at once', async () => {
      const modelId = newOwner();
      await insert(newMedia(modelId));
      const queries = Array.from({ length: 500 }, (_, index) => ({
        modelType: 'App\\Models\\Product',
        modelId: index === 499 ? modelId : `nobody-${index}`,
        collectionName: 'images',
        limit: 1,
      }));
      const results = await store.filesByModels(queries);
      expect(results).toHaveLength(500);
      expect(results.filter(({ total }) => total > 0)).toEqual([results[499]]);
      expect(await store.filesByModels([])).toEqual([]);
    });

    it('replaces in a single-file collection: deleted for what went, then uploaded', async () => {
      const modelId = newOwner();
      const before = await insert(newMedia(modelId, { keepLatest: 1 }));
      const after = await insert(newMedia(modelId, { keepLatest: 1 }));
      expect((await filesOf(modelId)).media).toEqual([after]);
      const events = await eventsOf(modelId);
      expect(events.map(({ routingKey }) => routingKey)).toEqual(['media.event.uploaded', 'media.event.deleted', 'media.event.uploaded']);
      expect(events.map(({ body }) => JSON.parse(body).media_id)).toEqual([before.id, before.id, after.id]);
      expect(await test.orphanedAt(before.sha256)).toBeDefined();
      expect(await test.orphanedAt(after.sha256)).toBeUndefined();
    });

    it('leaves one file and unbroken events of many replacements at the same time', async () => {
      const modelId = newOwner();
      await Promise.all(Array.from({ length: 20 }, () => insert(newMedia(modelId, { keepLatest: 1 }))));
      const { media } = await filesOf(modelId);
      expect(media).toHaveLength(1);
      const told = (await eventsOf(modelId)).map(({ routingKey, body }) => `${routingKey} ${JSON.parse(body).media_id}`);
      const ids = told.filter((line) => line.includes('uploaded')).map((line) => line.split(' ')[1]);
      expect(ids.at(-1)).toBe(media[0]?.id);
      expect(told).toEqual(ids.flatMap((id, index) => [...(index ? [`media.event.deleted ${ids[index - 1]}`] : []), `media.event.uploaded ${id}`]));
    });

    it('numbers a collection without gaps or doubles when inserts come at the same time', async () => {
      const modelId = newOwner();
      const inserted = await Promise.all(Array.from({ length: 20 }, () => insert(newMedia(modelId))));
      expect(inserted.map(({ orderColumn }) => orderColumn).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    });

    it('removes once, with one event, also when asked twice at the same time', async () => {
      const modelId = newOwner();
      const media = await insert(newMedia(modelId));
      const removed = await Promise.all([store.remove(media.id), store.remove(media.id)]);
      expect(removed.filter(Boolean)).toEqual([media]);
      expect(await store.remove(media.id)).toBeUndefined();
      expect(await kindsOf(modelId)).toEqual(['media.event.uploaded', 'media.event.deleted']);
    });

    it('never gives the id of a removed row to another', async () => {
      const first = await insert(newMedia(newOwner()));
      await store.remove(first.id);
      const second = await insert(newMedia(newOwner()));
      expect(Number(second.id)).toBeGreaterThan(Number(first.id));
    });

    it('holds a blob for orphaned exactly while no row refers to it', async () => {
      const shared = newMedia(newOwner());
      const orphanedAt = (): Promise<string | undefined> => test.orphanedAt(shared.sha256);
      const [first, second] = [await insert(shared), await insert({ ...shared, modelId: newOwner() })];
      await store.remove(first.id);
      expect(await orphanedAt()).toBeUndefined();
      await store.remove(second.id);
      expect(await orphanedAt()).toBeDefined();
      await insert(shared);
      expect(await orphanedAt()).toBeUndefined();
    });

    it('sees the orphan when its last two references go at the same time', async () => {
      const rounds = Array.from({ length: 10 }, async () => {
        const shared = newMedia(newOwner());
        const rows = await Promise.all([insert(shared), insert({ ...shared, modelId: newOwner() })]);
        await Promise.all(rows.map(({ id }) => store.remove(id)));
        return test.orphanedAt(shared.sha256);
      });
      expect((await Promise.all(rounds)).filter((orphanedAt) => orphanedAt === undefined)).toEqual([]);
    });

    it('survives owners that exchange their single files at the same time', async () => {
      const [one, other] = [newMedia(newOwner(), { keepLatest: 1 }), newMedia(newOwner(), { keepLatest: 1 })];
      const swap = (count: number): Promise<unknown>[] => [
        insert({ ...one, sha256: count % 2 ? one.sha256 : other.sha256 }),
        insert({ ...other, sha256: count % 2 ? other.sha256 : one.sha256 }),
      ];
      await Promise.all(Array.from({ length: 15 }, (_, count) => swap(count)).flat());
      expect((await filesOf(one.modelId)).total).toBe(1);
      expect((await filesOf(other.modelId)).total).toBe(1);
    });

    it('answers a retry with the row of its idempotency key', async () => {
      const media = newMedia(newOwner(), { idempotencyKey: randomUUID() });
      expect(await store.findUploaded(media)).toBeUndefined();
      const [first, second] = await Promise.all([insert(media), insert(media)]);
      expect(second).toEqual(first);
      expect(await store.findUploaded(media)).toEqual(first);
      expect(await kindsOf(media.modelId)).toEqual(['media.event.uploaded']);
      await expect(insert({ ...media, modelId: newOwner() })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
      await expect(store.findUploaded({ ...media, collectionName: 'other' })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
      expect(await store.findUploaded(newMedia(newOwner()))).toBeUndefined();
    });

    it('lets one of two owners have an idempotency key that both use at the same time', async () => {
      const idempotencyKey = randomUUID();
      const results = await Promise.allSettled([newOwner(), newOwner()].map((owner) => insert(newMedia(owner, { idempotencyKey }))));
      expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
      expect(results.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'BAD_USER_INPUT' } });
    });

    it('keeps neither row nor event of a transaction that failed', async () => {
      const modelId = newOwner();
      await expect(insert(newMedia(modelId, { name: 'a\0b' }))).rejects.toThrow();
      expect((await filesOf(modelId)).total).toBe(0);
      expect(await kindsOf(modelId)).toEqual([]);
    });

    it('fills the outbox with what the contract says an event has', async () => {
      const media = await insert(newMedia(newOwner()));
      const [event] = await eventsOf(media.modelId);
      expect(JSON.parse(event?.body ?? '')).toEqual({
        event_id: event?.eventId,
        occurred_at: media.createdAt,
        media_id: media.id,
        uuid: media.uuid,
        model_type: media.modelType,
        model_id: media.modelId,
        collection_name: 'images',
        file_name: 'a.png',
        mime_type: 'image/png',
        size: 5_000_000_000,
      });
    });

    it('no longer offers what was published', async () => {
      const media = await insert(newMedia(newOwner()));
      const events = await eventsOf(media.modelId);
      await outbox.markPublished(events.map(({ id }) => id), new Date());
      expect(await eventsOf(media.modelId)).toEqual([]);
      await outbox.markPublished([], new Date());
      await outbox.prune(soon());
    });

    it('postpones the events of one owner only, until a new one makes them due again, in order', async () => {
      const [slow, other] = [newOwner(), newOwner()];
      for (const owner of [slow, slow, other]) {
        // oxlint-disable-next-line no-await-in-loop
        await insert(newMedia(owner));
      }
      const [first, second] = await eventsOf(slow);
      if (!first || !second) throw new Error('events are missing');
      await outbox.postpone(first.owner, new Date(), new Date(Date.now() + 3_600_000));
      expect(await eventsOf(slow)).toEqual([]);
      expect(await eventsOf(other)).toHaveLength(1);
      await insert(newMedia(slow));
      const due = await eventsOf(slow);
      expect(due.map(({ id }) => id)).toEqual([first.id, second.id, due[2]?.id]);
      expect(due.map(({ attempts }) => attempts)).toEqual([1, 1, 0]);
    });

    it('offers untried owners before those that failed', async () => {
      const [failed, fresh] = [newOwner(), newOwner()];
      await insert(newMedia(failed));
      const [event] = await eventsOf(failed);
      if (!event) throw new Error('the event is missing');
      await outbox.postpone(event.owner, soon(), new Date(0));
      await insert(newMedia(fresh));
      const order = (await outbox.due(soon(), 10_000)).map((due) => due.owner);
      expect(order.indexOf(ownerName(fresh))).toBeLessThan(order.indexOf(ownerName(failed)));
    });
  });
}
