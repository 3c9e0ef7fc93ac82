import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { waitFor } from '../../support/wait.js';
import { png } from '../images.js';
import { converters, photo, Workshop } from './workshop.js';

let workshop: Workshop;
beforeEach(async () => {
  workshop = await Workshop.open();
});
afterEach(() => workshop.close());

const shapeOf = async (bytes: Buffer) => {
  const { format, width, height, exif, icc, orientation } = await sharp(bytes).metadata();
  return { format, width, height, hasMetadata: [exif, icc, orientation].some((part) => part !== undefined) };
};

const eventsOf = async (): Promise<string[]> => {
  const events = await workshop.database.db.selectFrom('outbox').select(['routing_key', 'body']).orderBy('id').execute();
  return events.map(({ routing_key: key, body }) => `${key.replace('media.event.', '')} ${JSON.parse(body).media_id}`);
};

describe('a conversion worker', () => {
  it('makes what the collection asks for, and records it with its dimensions and an event', async () => {
    let commits = 0;
    workshop.start({ onCommit: () => void (commits += 1) });
    const media = await workshop.upload(await photo(1_200, 600).jpeg().toBuffer(), { conversions: ['thumb', 'preview'] });
    await Promise.all([workshop.settled(media, 'thumb'), workshop.settled(media, 'preview')]);

    expect(await shapeOf(await workshop.bytes(media, 'thumb'))).toEqual({ format: 'webp', width: 96, height: 96, hasMetadata: false });
    expect(await shapeOf(await workshop.bytes(media, 'preview'))).toEqual({ format: 'webp', width: 512, height: 256, hasMetadata: false });
    expect(await workshop.store.find([media.id], 'preview')).toMatchObject([{ mimeType: 'image/webp', width: 512, height: 256 }]);
    const [changed] = await workshop.media.findByIds([media.id]);
    expect(JSON.parse(changed?.generatedConversions ?? '')).toEqual({ thumb: true, preview: true });
    expect(await eventsOf()).toEqual([`uploaded ${media.id}`, `updated ${media.id}`, `updated ${media.id}`]);
    await waitFor(() => commits === 2, { what: 'the hint that there are events' });
  });

  it.each(['jpeg', 'png', 'gif', 'webp', 'avif'] as const)('reads %s', async (format) => {
    workshop.start();
    const media = await workshop.upload(await photo(300, 200).toFormat(format).toBuffer());
    expect(await workshop.settled(media)).toEqual({ state: 'done', attempts: 1, reason: null });
    expect(await shapeOf(await workshop.bytes(media))).toMatchObject({ width: 96, height: 96 });
  });

  it('turns an image upright, and keeps nothing of its metadata', async () => {
    workshop.start();
    const lying = photo(400, 200).withExif({ IFD0: { Artist: 'somebody' } }).withMetadata({ orientation: 6 });
    const media = await workshop.upload(await lying.jpeg().toBuffer(), { conversions: ['preview'] });
    await workshop.settled(media, 'preview');
    const preview = await workshop.bytes(media, 'preview');
    expect(await shapeOf(preview)).toEqual({ format: 'webp', width: 200, height: 400, hasMetadata: false });
    expect(preview.includes('somebody')).toBe(false);
  });

  it('turns the pixels the right way, not only the sides', async () => {
    workshop.start();
    const right = await sharp({ create: { width: 100, height: 200, channels: 3, background: 'white' } }).png().toBuffer();
    // Red on the left, white on the right; orientation 6 is shown turned clockwise: red above.
    const lying = sharp({ create: { width: 200, height: 200, channels: 3, background: 'red' } }).composite([{ input: right, left: 100, top: 0 }]);
    const media = await workshop.upload(await lying.withMetadata({ orientation: 6 }).jpeg().toBuffer());
    await workshop.settled(media);
    const pixels = await sharp(await workshop.bytes(media)).raw().toBuffer();
    const blueAt = (x: number, y: number): number | undefined => pixels[(y * 96 + x) * 3 + 2];
    expect(blueAt(48, 10)).toBeLessThan(60);
    expect(blueAt(48, 86)).toBeGreaterThan(200);
  });

  it('enlarges to fill, but not to fit', async () => {
    workshop.start();
    const media = await workshop.upload(await photo(40, 20).png().toBuffer(), { conversions: ['thumb', 'preview'] });
    await Promise.all([workshop.settled(media, 'thumb'), workshop.settled(media, 'preview')]);
    expect(await workshop.store.find([media.id], 'thumb')).toMatchObject([{ width: 96, height: 96 }]);
    expect(await workshop.store.find([media.id], 'preview')).toMatchObject([{ width: 40, height: 20 }]);
  });

  it('stores the equal conversions of equal images once', async () => {
    workshop.start();
    const bytes = await photo(200, 200).png().toBuffer();
    const [one, another] = [await workshop.upload(bytes), await workshop.upload(bytes, { modelId: 'another' })];
    await Promise.all([workshop.settled(one), workshop.settled(another)]);
    const [first, second] = await workshop.store.find([one.id, another.id], 'thumb');
    expect(first).toBeDefined();
    expect(second).toEqual(first);
  });

  it('says of what cannot be converted why, at once, and goes on', async () => {
    const whole = await photo(600, 400).jpeg().toBuffer();
    const grid = await photo(600, 400).png().toBuffer();
    const middle = Math.floor(grid.length / 2);
    const holed = Buffer.from(grid).fill(7, middle, middle + 200);
    const hostile = {
      'cut off': [whole.subarray(0, whole.length / 2), /premature end/],
      corrupt: [holed, /libpng read error/],
      'a bomb': [png(30_000, 30_000), /pixel limit/],
      'a bomb within the limit': [png(7_000, 7_000), /read error|not enough/i],
      'no image': [Buffer.from('hello'), /unsupported image format/],
      'a drawing': [Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), /unsupported image format/],
      'a format that nobody asked for': [await photo(20, 20).tiff().toBuffer(), /unsupported image format/],
    } as const;
    const media = await Promise.all(Object.values(hostile).map(([bytes]) => workshop.upload(bytes)));
    const good = await workshop.upload(await photo(200, 100).jpeg().toBuffer());
    workshop.start({ concurrency: 1 });
    expect(await workshop.settled(good)).toMatchObject({ state: 'done' });
    const rows = await Promise.all(media.map((file) => workshop.settled(file)));
    expect(rows).toEqual(Object.values(hostile).map(([, reason]) => ({ state: 'failed', attempts: 1, reason: expect.stringMatching(reason) })));
    await workshop.cleared();
  });

  it('does not make what the collection no longer has', async () => {
    const media = await workshop.upload(await photo(20, 20).png().toBuffer(), { conversions: ['poster', 'constructor'] });
    workshop.start();
    for (const name of ['poster', 'constructor']) {
      // oxlint-disable-next-line no-await-in-loop
      expect(await workshop.settled(media, name)).toEqual({ state: 'failed', attempts: 1, reason: `the collection avatars has no conversion ${name} any more` });
    }
    await waitFor(async () => (await workshop.counters.read()).failed_conversions === 2, { what: 'both to be counted' });
  });

  it('begins when it is woken, long before it would look again', async () => {
    const worker = workshop.start({ pollMs: 3_600_000 });
    const media = await workshop.upload(await photo(20, 20).png().toBuffer());
    worker.wake();
    expect(await workshop.settled(media)).toMatchObject({ state: 'done' });
  });

  it('has no process before there is work, and none when there has been none for a while', async () => {
    workshop.start({ converter: { idleMs: 50 } });
    expect(await converters()).toEqual([]);
    const first = await workshop.upload(await photo(20, 20).png().toBuffer());
    await workshop.settled(first);
    await waitFor(async () => (await converters()).length === 0, { what: 'the converter to end' });
    const second = await workshop.upload(await photo(20, 20).png().toBuffer());
    expect(await workshop.settled(second)).toMatchObject({ state: 'done' });
  });
});
