import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { Integrity } from '../../../src/media/upkeep/integrity.js';
import { Scrub, type ScrubOptions } from '../../../src/media/upkeep/scrub.js';
import { waitFor } from '../../support/wait.js';
import { ago, flipped, hour, openWorld, type World } from './world.js';

describe('a scrub', () => {
  let world: World;
  const scrubs: Scrub[] = [];
  beforeEach(async () => {
    world = await openWorld();
  });
  afterEach(async () => {
    await Promise.all(scrubs.splice(0).map((scrub) => scrub.stop()));
    await world.close();
  });

  const scrub = (options: Partial<ScrubOptions> = {}): Scrub => {
    const begun = new Scrub({ ...world, days: 1, ...options });
    scrubs.push(begun);
    return begun;
  };
  const unread = async (bytes = randomBytes(1_000), forMs = 48 * hour): Promise<string> => {
    const { sha256 } = await world.upload(bytes);
    await world.setBlob(sha256, { created_at: ago(forMs) });
    return sha256;
  };
  const verifiedAt = async (sha256: string): Promise<string | undefined> => (await world.records.find(sha256))?.verifiedAt;
  const isRead = (sha256: string): Promise<string> => waitFor(() => verifiedAt(sha256), { what: `${sha256} to be read` });

  it('finds damage that no reader has met, and reads what is due, nothing else', async () => {
    const [sound, damaged, lost] = [await unread(), await unread(), await unread()];
    const recent = await unread(randomBytes(1_000), hour);
    await world.tamper(damaged, flipped);
    await world.tamper(lost, () => undefined);
    scrub();
    await isRead(sound);
    await waitFor(async () => (await world.counts()).damaged_blobs === 2, { what: 'the damage to be found' });
    expect(await world.aside()).toEqual([damaged]);
    expect((await world.records.find(lost))?.state).toBe('damaged');
    expect(await verifiedAt(recent)).toBeUndefined();
  });

  it('takes a blob for due before its days are over, and again when they nearly are', async () => {
    const sha256 = await unread(randomBytes(10), 23 * hour);
    scrub({ idleMs: 10 });
    const first = await isRead(sha256);
    await world.setBlob(sha256, { verified_at: ago(23 * hour) });
    await waitFor(async () => ((await verifiedAt(sha256)) ?? '') > first, { what: 'the second read' });
  });

  it('goes on where another ended', async () => {
    const hashes = await Promise.all(Array.from({ length: 5 }, () => unread()));
    const opened: string[] = [];
    const counting = {
      open: (sha256: string) => (opened.push(sha256), world.blobs.open(sha256)),
      stat: (sha256: string) => world.blobs.stat(sha256),
      putAside: (sha256: string) => world.blobs.putAside(sha256),
    };
    const integrity = new Integrity({ ...world, blobs: counting, refetch: () => Promise.resolve(false) });
    const first = scrub({ integrity, bytesPerSecond: 10_000 });
    await waitFor(() => opened.length >= 2, { what: 'the first to begin' });
    await first.stop();
    const read = (await Promise.all(hashes.map(verifiedAt))).filter(Boolean).length;
    expect(read).toBeLessThan(5);
    scrub({ integrity });
    await Promise.all(hashes.map(isRead));
    expect(opened.length).toBeLessThanOrEqual(6);
  });

  it('reads no faster than it may', async () => {
    const hashes = await Promise.all(Array.from({ length: 5 }, () => unread(randomBytes(20_000))));
    const [startedAt, bytesPerSecond] = [performance.now(), 200_000];
    scrub({ bytesPerSecond });
    await Promise.all(hashes.map(isRead));
    // The last chunk is paid for after it was read.
    expect(performance.now() - startedAt).toBeGreaterThan(((5 * 20_000 - 20_000) / bytesPerSecond) * 1_000 * 0.9);
  });

  it('shares the work with others', async () => {
    const hashes = await Promise.all(Array.from({ length: 20 }, () => unread()));
    let reads = 0;
    const counted = { verify: (...parameters: Parameters<Integrity['verify']>) => ((reads += 1), world.integrity.verify(...parameters)) };
    for (let instance = 0; instance < 3; instance += 1) scrub({ integrity: counted });
    await Promise.all(hashes.map(isRead));
    expect(reads).toBeLessThan(2 * hashes.length);
  });

  it('ends at once, also in the middle of a blob, and does nothing when it is off', async () => {
    const sha256 = await unread();
    const endless = { open: () => Promise.resolve(new Readable({ read: (): void => undefined })), stat: () => world.blobs.stat(sha256), putAside: () => Promise.resolve() };
    let isOpen = false;
    const integrity = new Integrity({ ...world, blobs: { ...endless, open: () => ((isOpen = true), endless.open()) }, refetch: () => Promise.resolve(false) });
    const stalled = scrub({ integrity });
    await waitFor(() => isOpen, { what: 'the read to begin' });
    await stalled.stop();
    await stalled.stop();
    await scrub({ days: 0, integrity: { verify: () => Promise.reject(new Error('must not be called')) } }).stop();
    expect([await verifiedAt(sha256), (await world.records.find(sha256))?.state]).toEqual([undefined, 'stored']);
    expect(world.lines.join('')).not.toContain('could not be read again');
  });

  it('goes on with the others when some cannot be read, and tries those again after them', async () => {
    const bad = new Set(await Promise.all(Array.from({ length: 40 }, () => unread(randomBytes(100), 49 * hour))));
    const good = await unread();
    const tries: string[] = [];
    const integrity: ScrubOptions['integrity'] = {
      verify: (sha256, options) => {
        tries.push(sha256);
        return bad.has(sha256) ? Promise.reject(new Error('input/output error')) : world.integrity.verify(sha256, options);
      },
    };
    scrub({ integrity, retry: { firstMs: 1, maxMs: 1 } });
    await isRead(good);
    expect(await verifiedAt(tries[0] ?? '')).toBeUndefined();
    await waitFor(() => tries.length > bad.size + 1, { what: 'those to be tried again' });
    expect(new Set(tries.slice(0, bad.size + 1)).size).toBe(bad.size + 1);
  });
});
