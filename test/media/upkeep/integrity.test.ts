import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { Integrity } from '../../../src/media/upkeep/integrity.js';
import { waitFor } from '../../support/wait.js';
import { flipped, openWorld, storages, type World } from './world.js';

const source = 'https://files.example/photo.png';

for (const [name, openStorage] of Object.entries(storages)) {
  describe(`the bytes in ${name}`, () => {
    let world: World;
    beforeEach(async () => {
      world = await openWorld(openStorage);
    });
    afterEach(() => world.close());

    const isAside = (sha256: string): Promise<boolean> => waitFor(async () => (await world.aside()).includes(sha256), { what: 'the blob to be put aside' });

    it('pass when they are right, whatever their size', async () => {
      for (const size of [0, 1, 131_072, 400_000]) {
        const bytes = randomBytes(size);
        const { sha256 } = await world.upload(bytes);
        expect((await world.read(sha256))?.equals(bytes)).toBe(true);
        expect(await world.integrity.verify(sha256)).toEqual({ state: 'VERIFIED', size });
      }
      expect(await world.aside()).toEqual([]);
    });

    it('are cut off before their end when one bit is wrong, put aside, and never served again', async () => {
      const { sha256 } = await world.upload(randomBytes(400_000));
      await world.tamper(sha256, flipped);
      const stream = await world.reads.open(sha256);
      let received = 0;
      stream?.on('data', (chunk: Buffer) => (received += chunk.length));
      const [error] = stream ? await once(stream, 'error') : [];
      expect(error).toMatchObject({ code: 'NOT_FOUND', message: 'The bytes of this file are damaged.' });
      expect(received).toBeLessThan(400_000);
      await isAside(sha256);
      await waitFor(async () => (await world.records.find(sha256))?.state === 'damaged', { what: 'the record to say so' });
      expect(await world.read(sha256)).toBeUndefined();
      expect(await world.read(sha256, { start: 0, end: 9 })).toBeUndefined();
      expect(await world.counts()).toEqual({ damaged_blobs: 1 });
      expect(world.lines.filter((line) => line.includes('"level":50') && line.includes(sha256))).toHaveLength(1);
    });

    it('give nothing at all when they are one chunk and wrong', async () => {
      const { sha256 } = await world.upload(randomBytes(1_000));
      await world.tamper(sha256, flipped);
      const stream = await world.reads.open(sha256);
      let received = 0;
      stream?.on('data', (chunk: Buffer) => (received += chunk.length));
      if (stream) await once(stream, 'error');
      expect(received).toBe(0);
    });

    it('are fetched again from their source, however many readers have met the damage', async () => {
      const bytes = randomBytes(5_000);
      const { sha256 } = await world.upload(bytes, source);
      world.outside.set(source, bytes);
      await world.tamper(sha256, flipped);
      const reads = await Promise.allSettled(Array.from({ length: 20 }, () => world.read(sha256)));
      expect(reads.filter((read) => read.status === 'fulfilled' && read.value && !read.value.equals(bytes))).toEqual([]);
      await waitFor(async () => (await world.counts()).healed_blobs === 1, { what: 'the blob to be healed' });
      expect((await world.read(sha256))?.equals(bytes)).toBe(true);
      expect(await world.integrity.verify(sha256)).toEqual({ state: 'VERIFIED', size: 5_000 });
      expect(world.calls).toEqual([source]);
      expect(await world.counts()).toEqual({ damaged_blobs: 1, healed_blobs: 1 });
    });

    it('are looked for when a reader finds none, once', async () => {
      const bytes = randomBytes(5_000);
      const { sha256 } = await world.upload(bytes);
      await world.tamper(sha256, () => undefined);
      expect(await world.read(sha256)).toBeUndefined();
      await waitFor(async () => (await world.records.find(sha256))?.state === 'damaged', { what: 'the record to say so' });
      expect(await world.counts()).toEqual({ damaged_blobs: 1 });
    });

    it('are put again by an upload after one was put aside', async () => {
      const bytes = randomBytes(5_000);
      const { sha256 } = await world.upload(bytes);
      await world.tamper(sha256, flipped);
      expect(await world.integrity.verify(sha256)).toEqual({ state: 'CORRUPT', size: 5_000 });
      await world.upload(bytes);
      expect((await world.read(sha256))?.equals(bytes)).toBe(true);
      expect(await world.records.find(sha256)).toMatchObject({ state: 'stored' });
      expect(await world.integrity.verify(sha256)).toEqual({ state: 'VERIFIED', size: 5_000 });
    });

    it('are replaced by an upload when they have lost their end', async () => {
      const bytes = randomBytes(5_000);
      const { sha256 } = await world.upload(bytes);
      await world.tamper(sha256, (stored) => stored.subarray(0, 100));
      await world.upload(bytes);
      expect((await world.read(sha256))?.equals(bytes)).toBe(true);
      expect(await world.counts()).toEqual({});
    });

    it('stay when an upload has replaced them while they were being verified', async () => {
      const bytes = randomBytes(400_000);
      const { sha256 } = await world.upload(bytes);
      await world.tamper(sha256, (stored) => stored.subarray(0, 300_000));
      let uploaded = false;
      const pace = async (): Promise<void> => {
        if (!uploaded) await world.upload(bytes);
        uploaded = true;
      };
      expect(await world.integrity.verify(sha256, { pace })).toMatchObject({ state: 'CORRUPT' });
      expect(await world.records.find(sha256)).toMatchObject({ state: 'stored' });
      expect((await world.read(sha256))?.equals(bytes)).toBe(true);
      expect([await world.aside(), await world.counts()]).toEqual([[], {}]);
    });
  });
}

describe('a verification', () => {
  let world: World;
  beforeEach(async () => {
    world = await openWorld();
  });
  afterEach(() => world.close());

  it('says what it found, heals, and says the next time that all is well', async () => {
    const [bytes, others] = [randomBytes(5_000), randomBytes(5_000)];
    const [wrong, away, right] = ['https://a.example/', 'https://b.example/', 'https://c.example/'];
    // The latest is asked first.
    const { sha256 } = await world.upload(bytes, right);
    for (const also of [away, wrong]) await world.upload(bytes, also);
    for (const [at, found] of [[wrong, others], [away, new Error('no route')], [right, bytes]] as const) world.outside.set(at, found);
    for (const [damage, state] of [[flipped, 'CORRUPT'], [() => undefined, 'MISSING']] as const) {
      await world.tamper(sha256, damage);
      expect(await world.integrity.verify(sha256)).toEqual({ state, size: 5_000 });
      expect(await world.integrity.verify(sha256)).toEqual({ state: 'VERIFIED', size: 5_000 });
    }
    expect(new Set(world.calls)).toEqual(new Set([wrong, away, right]));
    expect(await world.counts()).toEqual({ damaged_blobs: 2, healed_blobs: 2 });
  });

  it('tries again to heal what could not be healed, and counts the damage once', async () => {
    const bytes = randomBytes(5_000);
    const { sha256 } = await world.upload(bytes, source);
    await world.tamper(sha256, () => undefined);
    expect(await world.integrity.verify(sha256)).toMatchObject({ state: 'MISSING' });
    expect(await world.integrity.verify(sha256)).toMatchObject({ state: 'MISSING' });
    world.outside.set(source, bytes);
    expect(await world.integrity.verify(sha256)).toMatchObject({ state: 'MISSING' });
    expect(await world.integrity.verify(sha256)).toMatchObject({ state: 'VERIFIED' });
    expect(await world.counts()).toEqual({ damaged_blobs: 1, healed_blobs: 1 });
  });

  it('does not call the source again for each reader of what is known to be damaged', async () => {
    const { sha256 } = await world.upload(randomBytes(100), source);
    await world.tamper(sha256, () => undefined);
    await world.integrity.verify(sha256);
    for (let reader = 0; reader < 10; reader += 1) expect(await world.read(sha256)).toBeUndefined();
    await world.integrity.stop();
    expect(world.calls).toEqual([source]);
  });

  it('knows nothing of other hashes, of what is no hash, and of what is being deleted', async () => {
    const { sha256, id } = await world.upload();
    await world.store.remove(id);
    await world.records.deleteOrphan(sha256, new Date(Date.now() + 1_000), () => Promise.reject(new Error('died'))).catch(() => undefined);
    for (const unknown of [sha256, 'a'.repeat(64), '../../etc/passwd', '']) {
      await expect(world.integrity.verify(unknown)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
  });

  it('reads a blob once for all who ask at the same time, at the pace of the most hurried', async () => {
    const { sha256 } = await world.upload(randomBytes(400_000));
    let isHeldUp = 0;
    let goOn: (() => void) | undefined;
    const slow = world.integrity.verify(sha256, { pace: () => new Promise((resolve) => ((isHeldUp += 1), (goOn = resolve))) });
    await waitFor(() => isHeldUp === 1, { what: 'the slow one to begin' });
    const hurried = world.integrity.verify(sha256);
    goOn?.();
    expect(await Promise.all([slow, hurried])).toEqual([{ state: 'VERIFIED', size: 400_000 }, { state: 'VERIFIED', size: 400_000 }]);
    expect(isHeldUp).toBe(1);
  });

  it('takes a read that fails for no damage, also one that ends with the service', async () => {
    const { sha256 } = await world.upload(randomBytes(1_000));
    let isOpen = false;
    const stalling = {
      stat: () => world.blobs.stat(sha256),
      putAside: () => Promise.reject(new Error('must not be called')),
      open: () => ((isOpen = true), Promise.resolve(new Readable({ read: (): void => undefined }))),
    };
    const integrity = new Integrity({ ...world, blobs: stalling, refetch: () => Promise.resolve(false) });
    const outcome = Promise.allSettled([integrity.verify(sha256)]);
    await waitFor(() => isOpen, { what: 'the read to begin' });
    await integrity.stop();
    expect(await outcome).toMatchObject([{ status: 'rejected', reason: { name: 'AbortError' } }]);
    expect(await world.records.find(sha256)).toMatchObject({ state: 'stored' });
    const broken = { ...stalling, open: () => Promise.resolve(Readable.from([Buffer.from('x')]).destroy(new Error('connection reset'))) };
    const other = new Integrity({ ...world, blobs: broken, refetch: () => Promise.resolve(false) });
    await expect(other.verify(sha256)).rejects.toThrow('connection reset');
    expect(await world.records.find(sha256)).toMatchObject({ state: 'stored' });
  });
});
