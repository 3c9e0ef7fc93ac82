/** What every store of conversions promises, with the media, blobs and events that it changes in the same transactions. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomUUID } from 'node:crypto';
import type { Conversion, ConversionJob, ConversionStore } from '../../src/media/rows/conversion-store.js';
import type { Media, MediaStore } from '../../src/media/rows/media-store.js';
import type { Outbox } from '../../src/media/rows/outbox.js';
import { bytesAreThere, newMedia } from './new-media.js';

export interface TestConversionStore {
  /** Two instances, or one twice, on a database that nothing was stored in. */
  instances: [ConversionStore, ConversionStore];
  media: MediaStore;
  outbox: Outbox;
  /** Since when nothing refers to a blob. */
  orphanedAt(sha256: string): Promise<string | undefined>;
  /** Whether a blob has a record. */
  isRecorded(sha256: string): Promise<boolean>;
  close(): Promise<void>;
}

const minutes = (count: number): Date => new Date(Date.now() + count * 60_000);

function made(content: string = randomUUID()): Conversion {
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { sha256, md5: sha256.slice(0, 32), size: 5_000_000_000, mimeType: 'image/webp', width: 96, height: 64 };
}

export function describeConversionStore(name: string, open: () => Promise<TestConversionStore>): void {
  describe(`${name} as a conversion store`, () => {
    let test: TestConversionStore;
    let store: ConversionStore;
    let other: ConversionStore;

    beforeEach(async () => {
      test = await open();
      [store, other] = test.instances;
    });
    afterEach(() => test.close());

    const insert = (conversions: readonly string[] = ['thumb'], modelId = 'owner'): Promise<Media> =>
      test.media.insert(newMedia(modelId, { conversions }), bytesAreThere);
    const claimAll = (now = minutes(1)): Promise<ConversionJob[]> => store.claim(now, minutes(10), 1_000);
    const named = (jobs: readonly ConversionJob[]): string[] => jobs.map((job) => `${job.media.id} ${job.name}`).toSorted();
    const current = async ({ id }: Media): Promise<Media | undefined> => (await test.media.findByIds([id]))[0];
    const events = async (): Promise<string[]> => {
      const due = await test.outbox.due(minutes(1), 10_000);
      return due.map(({ routingKey, body }) => `${routingKey.replace('media.event.', '')} ${JSON.parse(body).media_id}`);
    };

    it('gives each conversion to one of several that claim at the same time', async () => {
      const media = await Promise.all(Array.from({ length: 15 }, (_, index) => insert(['thumb', 'preview'], `owner-${index}`)));
      const taken: ConversionJob[] = [];
      const claimUntilNone = async (claimer: ConversionStore): Promise<void> => {
        const jobs = await claimer.claim(minutes(1), minutes(10), 2);
        taken.push(...jobs);
        if (jobs.length > 0) await claimUntilNone(claimer);
      };
      await Promise.all([store, other, store, other].map(claimUntilNone));
      expect(named(taken)).toEqual(media.flatMap(({ id }) => [`${id} preview`, `${id} thumb`]).toSorted());
      expect(taken.map(({ attempts }) => attempts)).toEqual(taken.map(() => 0));
      expect(taken.find((job) => job.media.id === media[0]?.id)?.media).toEqual(media[0]);
    });

    it('gives the longest due first, and no more than was asked for', async () => {
      const [first, second, third] = [await insert(), await insert(), await insert()];
      await store.postpone(first.id, 'thumb', 'later', minutes(2));
      const claim = async (now: Date): Promise<string[]> => (await store.claim(now, minutes(60), 1)).map(({ media }) => media.id);
      expect(await claim(minutes(1))).toEqual([second.id]);
      expect(await claim(minutes(3))).toEqual([third.id]);
      expect(await claim(minutes(1))).toEqual([]);
      expect(await claim(minutes(3))).toEqual([first.id]);
    });

    it('gives a conversion again when its lease has ended, and counts the claims', async () => {
      await insert();
      const attemptsAt = async (now: Date, until: Date): Promise<number[]> => (await store.claim(now, until, 10)).map(({ attempts }) => attempts);
      expect(await attemptsAt(minutes(1), minutes(5))).toEqual([0]);
      expect(await attemptsAt(minutes(4), minutes(9))).toEqual([]);
      expect(await attemptsAt(minutes(6), minutes(9))).toEqual([1]);
    });

    it('takes back what was not tried, once, and only from whom has it', async () => {
      await insert();
      const [late] = await store.claim(minutes(1), minutes(2), 1);
      const [job] = await other.claim(minutes(3), minutes(10), 1);
      if (!late || !job) throw new Error('nothing was claimed');
      await store.release(late);
      expect(await claimAll()).toEqual([]);
      await other.release(job);
      await other.release(job);
      expect(await claimAll()).toEqual([job]);
    });

    it('records a result with its media, its bytes and one event', async () => {
      const media = await insert(['thumb', 'preview']);
      const result = made();
      let puts = 0;
      const finished = await store.finish(media.id, 'thumb', result, () => Promise.resolve(void (puts += 1)));
      expect([finished, puts]).toEqual([true, 1]);
      expect(await store.find([media.id], 'thumb')).toEqual([result]);
      const changed = await current(media);
      expect(JSON.parse(changed?.generatedConversions ?? '')).toEqual({ thumb: true });
      expect(Date.parse(changed?.updatedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(media.updatedAt));
      expect(changed).toEqual({ ...media, generatedConversions: changed?.generatedConversions, updatedAt: changed?.updatedAt });
      expect(await events()).toEqual([`uploaded ${media.id}`, `updated ${media.id}`]);
      expect([await test.isRecorded(result.sha256), await test.orphanedAt(result.sha256)]).toEqual([true, undefined]);
      expect(named(await claimAll())).toEqual([`${media.id} preview`]);
    });

    it('changes nothing, and tells nobody, when the same result comes again', async () => {
      const media = await insert();
      const result = made();
      await store.finish(media.id, 'thumb', result, bytesAreThere);
      const before = await current(media);
      expect(await other.finish(media.id, 'thumb', result, () => Promise.reject(new Error('the bytes are in use')))).toBe(true);
      expect(await current(media)).toEqual(before);
      expect(await events()).toEqual([`uploaded ${media.id}`, `updated ${media.id}`]);
    });

    it('lets go of the bytes of a result that another replaces', async () => {
      const media = await insert();
      const [first, second] = [made(), made()];
      await store.finish(media.id, 'thumb', first, bytesAreThere);
      await store.finish(media.id, 'thumb', second, bytesAreThere);
      expect(await store.find([media.id], 'thumb')).toEqual([second]);
      expect(await test.orphanedAt(first.sha256)).toBeDefined();
      expect(await test.orphanedAt(second.sha256)).toBeUndefined();
    });

    it('keeps both of two results of one media that come at the same time', async () => {
      const media = await insert(['thumb', 'preview']);
      await Promise.all([store.finish(media.id, 'thumb', made(), bytesAreThere), other.finish(media.id, 'preview', made(), bytesAreThere)]);
      expect(JSON.parse((await current(media))?.generatedConversions ?? '')).toEqual({ thumb: true, preview: true });
      expect(await events()).toEqual([`uploaded ${media.id}`, `updated ${media.id}`, `updated ${media.id}`]);
    });

    it('records nothing for a media that is gone', async () => {
      const media = await insert();
      await test.media.remove(media.id);
      const result = made();
      const noBytes = (): Promise<void> => Promise.reject(new Error('bytes were put for nothing'));
      expect(await store.finish(media.id, 'thumb', result, noBytes)).toBe(false);
      expect(await store.finish('no id', 'thumb', result, noBytes)).toBe(false);
      expect(await test.isRecorded(result.sha256)).toBe(false);
      expect(await claimAll()).toEqual([]);
    });

    it('records nothing when the bytes cannot be put', async () => {
      const media = await insert();
      const result = made();
      await expect(store.finish(media.id, 'thumb', result, () => Promise.reject(new Error('the disk is full')))).rejects.toThrow('the disk is full');
      expect(await store.find([media.id], 'thumb')).toEqual([undefined]);
      expect(await current(media)).toEqual(media);
      expect(await test.isRecorded(result.sha256)).toBe(false);
      expect(await claimAll()).toHaveLength(1);
    });

    it('orphans the bytes of the conversions of a media that goes', async () => {
      const media = await insert(['thumb', 'preview']);
      const results = [made(), made()];
      await store.finish(media.id, 'thumb', results[0] ?? made(), bytesAreThere);
      await store.finish(media.id, 'preview', results[1] ?? made(), bytesAreThere);
      await test.media.remove(media.id);
      expect(await Promise.all(results.map(({ sha256 }) => test.orphanedAt(sha256)))).toEqual([expect.any(String), expect.any(String)]);
      expect(await store.find([media.id], 'thumb')).toEqual([undefined]);
    });

    it('stores equal conversions of two media once, until the last of them goes', async () => {
      const [one, another] = [await insert(), await insert(['thumb'], 'another')];
      const result = made();
      await store.finish(one.id, 'thumb', result, bytesAreThere);
      await store.finish(another.id, 'thumb', result, () => Promise.reject(new Error('the bytes are in use')));
      await test.media.remove(one.id);
      expect(await test.orphanedAt(result.sha256)).toBeUndefined();
      await test.media.remove(another.id);
      expect(await test.orphanedAt(result.sha256)).toBeDefined();
    });

    it('puts bytes again that a cleanup may have taken', async () => {
      const [one, another] = [await insert(), await insert(['thumb'], 'another')];
      const result = made();
      await store.finish(one.id, 'thumb', result, bytesAreThere);
      await test.media.remove(one.id);
      let puts = 0;
      await store.finish(another.id, 'thumb', result, () => Promise.resolve(void (puts += 1)));
      expect([puts, await test.orphanedAt(result.sha256)]).toEqual([1, undefined]);
    });

    it('leaves no bytes in use of a media that goes while its conversions are claimed and finished', async () => {
      const rounds = Array.from({ length: 12 }, async (_, index) => {
        const media = await insert(['thumb', 'preview'], `owner-${index}`);
        const results = [made(), made()];
        await Promise.all([
          ...['thumb', 'preview'].map((conversion, at) => store.finish(media.id, conversion, results[at] ?? made(), bytesAreThere)),
          other.claim(minutes(1), minutes(2), 3),
          test.media.remove(media.id),
        ]);
        return Promise.all(results.map(async ({ sha256 }) => (await test.isRecorded(sha256)) && (await test.orphanedAt(sha256)) === undefined));
      });
      expect((await Promise.all(rounds)).flat()).toEqual(Array.from({ length: 24 }, () => false));
    });

    it('keeps bytes that one media begins to use while another, that used them alone, goes', async () => {
      const rounds = Array.from({ length: 12 }, async (_, index) => {
        const [going, staying] = [await insert(['thumb'], `going-${index}`), await insert(['thumb'], `staying-${index}`)];
        const result = made();
        await store.finish(going.id, 'thumb', result, bytesAreThere);
        await Promise.all([test.media.remove(going.id), other.finish(staying.id, 'thumb', result, bytesAreThere)]);
        return test.orphanedAt(result.sha256);
      });
      expect(await Promise.all(rounds)).toEqual(rounds.map(() => undefined));
    });

    it('no longer offers what has failed, and keeps what was made', async () => {
      const media = await insert(['thumb', 'preview']);
      await store.fail(media.id, 'thumb', 'no image');
      expect(named(await claimAll())).toEqual([`${media.id} preview`]);
      const result = made();
      await store.finish(media.id, 'preview', result, bytesAreThere);
      await store.fail(media.id, 'preview', 'too late');
      await store.postpone(media.id, 'preview', 'too late', minutes(0));
      expect(await store.find([media.id], 'preview')).toEqual([result]);
      expect(await store.find([media.id], 'thumb')).toEqual([undefined]);
      expect(await claimAll()).toEqual([]);
      expect(await events()).toEqual([`uploaded ${media.id}`, `updated ${media.id}`]);
    });

    it('finds conversions in the order of the ids, and none for what is no id', async () => {
      const [one, another] = [await insert(), await insert()];
      const result = made();
      await store.finish(another.id, 'thumb', result, bytesAreThere);
      expect(await store.find([one.id, 'x', another.id, '-1', another.id], 'thumb')).toEqual([undefined, undefined, result, undefined, result]);
      expect(await store.find([another.id], 'preview')).toEqual([undefined]);
      expect(await store.find([], 'thumb')).toEqual([]);
      expect(await store.find(['x'], 'thumb')).toEqual([undefined]);
    });
  });
}
