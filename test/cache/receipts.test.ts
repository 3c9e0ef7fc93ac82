import { beforeEach, describe, expect, it } from '@jest/globals';
import type { ReadThrough } from '../../src/cache/read-through.js';
import { receiptOf, textOf, type Receipt } from '../../src/cache/receipts.js';
import { avatar, Bench, withMethods } from './read-through-harness.js';

const image = { owner: 'User:2', collection: 'images' };
const ttlMs = 60_000;

interface Kind {
  name: string;
  local: boolean;
  maxLocalBytes?: number;
  /** Reads until there is a receipt. */
  read: (cache: ReadThrough<string>) => Promise<Receipt | undefined>;
}

/** Loaded, then read, of which copies are made. */
async function readNow(cache: ReadThrough<string>): Promise<Receipt | undefined> {
  await cache.readMany([avatar, image]);
  await cache.readMany([avatar, image]);
  const reads = cache.readNow();
  return reads?.find(avatar) && reads.find(image) && reads.receipt();
}

/** Loaded, then read again. */
async function readLater(cache: ReadThrough<string>): Promise<Receipt | undefined> {
  await cache.readMany([avatar, image]);
  return (await cache.readWithReceipt([avatar, image])).receipt;
}

function throughText(receipt: Receipt | undefined): Receipt | undefined {
  const text = receipt && textOf(receipt);
  return text === undefined ? undefined : receiptOf(text);
}

const kinds: readonly Kind[] = [
  { name: 'of copies in the process', local: true, read: readNow },
  { name: 'of copies in the process that was a text in between', local: true, read: async (cache) => throughText(await readNow(cache)) },
  { name: 'of what was read just now', local: true, read: readLater },
  { name: 'of what was read just now, and no copy kept', local: true, maxLocalBytes: 1, read: readLater },
  { name: 'of values in the store', local: false, read: readLater },
  { name: 'of values in the store that was a text in between', local: false, read: async (cache) => throughText(await readLater(cache)) },
];

describe.each(kinds)('a receipt $name', ({ read, name: _name, ...options }) => {
  const { local } = options;
  let bench: Bench;
  let cache: ReadThrough<string>;
  let receipt: Receipt;
  const get = async (from = cache): Promise<Receipt> => {
    const got = await read(from);
    if (!got) throw new Error('no receipt');
    return got;
  };
  beforeEach(async () => {
    bench = new Bench();
    cache = bench.cache(options);
    receipt = await get();
    bench.events.length = 0;
  });

  it('is good, and its reads are counted, as long as nothing has changed', async () => {
    for (let time = 0; time < 40; time += 1) expect(await cache.again(receipt)).toBe(true);
    expect(bench.events).toHaveLength(40);
    const event = { type: 'answered-many', source: local ? 'local' : 'store', negatives: 0 };
    for (const told of bench.events) expect(told).toMatchObject({ ...event, keys: [avatar, image] });
    expect(bench.origin.calls).toHaveLength(1);
  });

  it.each([
    ['one of its entries', avatar.owner, avatar.collection],
    ['the whole of an owner in it', image.owner, undefined],
  ])('is not good after an invalidation of %s, nor ever again', async (_what, owner, collection) => {
    await cache.invalidate(owner, collection);
    expect(await cache.again(receipt)).toBe(false);
    expect(await get()).toBeDefined();
    expect(await cache.again(receipt)).toBe(false);
    expect(await cache.again(await get())).toBe(true);
  });

  it('is not touched by an invalidation of anything else', async () => {
    await cache.invalidate(avatar.owner, 'images');
    await cache.invalidate('User:3', undefined);
    expect(await cache.again(receipt)).toBe(true);
  });

  it('is good until the first of its values is to be loaded anew', async () => {
    bench.clock.advance(ttlMs * 0.85);
    expect(await cache.again(receipt)).toBe(true);
    bench.clock.advance(ttlMs * 0.06);
    expect(await cache.again(receipt)).toBe(false);
  });

  it('is not good while a write here is not confirmed', async () => {
    const failing = withMethods(bench.store, { invalidate: () => Promise.reject(new Error('the store is away')) });
    const writing = bench.cache({ ...options, store: failing });
    const own = await get(writing);
    const write = writing.invalidateAfterWrite(image.owner, image.collection);
    expect(await writing.again(own)).toBe(false);
    await write;
    expect(await writing.again(own)).toBe(false);
    await writing.stop();
  });

  it('is not good while events may be missing', async () => {
    let maxAgeMs = Infinity;
    const doubting = bench.cache({ ...options, maxAgeMs: () => maxAgeMs });
    const own = await get(doubting);
    expect(await doubting.again(own)).toBe(true);
    maxAgeMs = 10_000;
    expect(await doubting.again(own)).toBe(false);
  });
});

describe('a receipt', () => {
  it('has a text only when nothing in it could be taken for the end of a name', () => {
    const value = { owner: 'User:2', collection: 'images', version: '1' };
    const receipt: Receipt = { keys: [value], negatives: 0, freshUntil: 1, proof: { values: [value] } };
    expect(textOf(receipt)).toBeDefined();
    const foul = { ...value, collection: 'a\nb' };
    expect(textOf({ ...receipt, keys: [foul], proof: { values: [foul] } })).toBeUndefined();
  });

  it.each([true, false])('is given only when all of it was stored (copies are believed: %s)', async (local) => {
    const bench = new Bench();
    const cache = bench.cache({ local });
    expect((await cache.readWithReceipt([avatar])).receipt).toBeUndefined();
    const mixed = await cache.readWithReceipt([avatar, image]);
    expect(mixed.values).toHaveLength(2);
    expect(mixed.receipt).toBeUndefined();
    const { receipt } = await cache.readWithReceipt([avatar, image]);
    expect(receipt?.proof).toEqual(local ? { stamps: [expect.anything(), expect.anything()] } : { values: [expect.anything(), expect.anything()] });
  });

  it('of this process is neither given nor good while the store is not certain to have heard everything', async () => {
    const bench = new Bench();
    let coherent = true;
    const cache = bench.cache({ local: true, maxLocalBytes: 1, store: withMethods(bench.store, { isCoherent: () => coherent }) });
    await cache.readMany([avatar]);
    const { receipt } = await cache.readWithReceipt([avatar]);
    if (!receipt) throw new Error('no receipt');
    coherent = false;
    expect(await cache.again(receipt)).toBe(false);
    expect((await cache.readWithReceipt([avatar])).receipt).toBeUndefined();
    coherent = true;
    expect(await cache.again(receipt)).toBe(true);
  });

  it('of this process is not given after an announcement that came between the question and its answer', async () => {
    const bench = new Bench();
    let between = (): void => undefined;
    const store = withMethods(bench.store, {
      readOrLease: async (requests, maxAgeMs) => {
        const lookups = await bench.store.readOrLease(requests, maxAgeMs);
        between();
        return lookups;
      },
    });
    const cache = bench.cache({ local: true, maxLocalBytes: 1, store });
    await cache.readMany([avatar]);
    between = () => void bench.store.invalidate(avatar.owner, avatar.collection);
    const { receipt } = await cache.readWithReceipt([avatar]);
    expect(receipt).toBeUndefined();
  });

  it.each([
    ['was loaded here', false],
    ['was loaded elsewhere just now', true],
  ])('of this process is not good once its reader has seen something newer, of which no announcement has come yet: it %s', async (_how, isElsewhere) => {
    const bench = new Bench();
    // Announcements are on their way for as long as this test lasts.
    const store = withMethods(bench.store, { watch: () => undefined, settledMs: 250 });
    const cache = bench.cache({ local: true, maxLocalBytes: 1, store });
    const other = bench.cache({ local: false });
    await cache.readMany([avatar]);
    const { receipt } = await cache.readWithReceipt([avatar]);
    if (!receipt) throw new Error('no receipt');
    bench.origin.version = 2;
    await bench.store.invalidate(avatar.owner, avatar.collection);
    expect(await cache.again(receipt)).toBe(true);
    if (isElsewhere) await other.readMany([avatar]);
    bench.clock.advance(100);
    expect(await cache.readMany([avatar])).toEqual(['User:1 avatars version 2']);
    expect(await cache.again(receipt)).toBe(false);
  });

  it('of the store is not good while the store is out of reach', async () => {
    const bench = new Bench();
    const cache = bench.cache({ local: false, store: withMethods(bench.store, { confirm: () => Promise.resolve(false) }) });
    await cache.readMany([avatar]);
    const { receipt } = await cache.readWithReceipt([avatar]);
    if (!receipt) throw new Error('no receipt');
    expect(await cache.again(receipt)).toBe(false);
  });
});

describe('what is known of the store', () => {
  it('is neither sent nor decoded again once it was read three times', async () => {
    const bench = new Bench();
    let sent = 0;
    const counting = withMethods(bench.store, {
      readOrLease: async (requests, maxAgeMs) => {
        const lookups = await bench.store.readOrLease(requests, maxAgeMs);
        sent += lookups.filter(({ kind }) => kind === 'hit').length;
        return lookups;
      },
    });
    const cache = bench.cache({ local: false, store: counting });
    for (let time = 0; time < 6; time += 1) expect(await cache.readMany([avatar])).toEqual(['User:1 avatars version 1']);
    expect(sent).toBe(3);
    bench.origin.version = 2;
    await cache.invalidate(avatar.owner, avatar.collection);
    for (let time = 0; time < 3; time += 1) expect(await cache.readMany([avatar])).toEqual(['User:1 avatars version 2']);
    expect(sent).toBe(4);
    expect(bench.sources().slice(-2)).toEqual(['store', 'store']);
  });
});
