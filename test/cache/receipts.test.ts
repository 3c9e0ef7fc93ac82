import { beforeEach, describe, expect, it } from '@jest/globals';
import type { ReadThrough } from '../../src/cache/read-through.js';
import { receiptOf, textOf, type Receipt } from '../../src/cache/receipts.js';
import { avatar, Bench, withMethods } from './read-through-harness.js';

const image = { owner: 'User:2', collection: 'images' };
const ttlMs = 60_000;

interface Kind {
  name: string;
  local: boolean;
  /** Reads until there is a receipt. */
  read: (cache: ReadThrough<string>) => Promise<Receipt | undefined>;
}

const kinds: readonly Kind[] = [
  {
    name: 'of copies in the process',
    local: true,
    read: async (cache) => {
      // Loaded, then read, of which copies are made.
      await cache.readMany([avatar, image]);
      await cache.readMany([avatar, image]);
      const reads = cache.readNow();
      return reads?.find(avatar) && reads.find(image) && reads.receipt();
    },
  },
  {
    name: 'of values in the store',
    local: false,
    read: async (cache) => {
      await cache.readMany([avatar, image]);
      return (await cache.readWithReceipt([avatar, image])).receipt;
    },
  },
  {
    name: 'that was a text in between',
    local: false,
    read: async (cache) => {
      await cache.readMany([avatar, image]);
      const { receipt } = await cache.readWithReceipt([avatar, image]);
      const text = receipt && textOf(receipt);
      return text === undefined ? undefined : receiptOf(text);
    },
  },
];

describe.each(kinds)('a receipt $name', ({ local, read }) => {
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
    cache = bench.cache({ local });
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
    // Copies of an owner are made anew together.
    if (!local) await cache.invalidate(avatar.owner, 'images');
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
    const writing = bench.cache({ local, store: failing });
    const own = await get(writing);
    const write = writing.invalidateAfterWrite(image.owner, image.collection);
    expect(await writing.again(own)).toBe(false);
    await write;
    expect(await writing.again(own)).toBe(false);
    await writing.stop();
  });

  it('is not good while events may be missing', async () => {
    let maxAgeMs = Infinity;
    const doubting = bench.cache({ local, maxAgeMs: () => maxAgeMs });
    const own = await get(doubting);
    expect(await doubting.again(own)).toBe(true);
    maxAgeMs = 10_000;
    expect(await doubting.again(own)).toBe(false);
  });
});

describe('a receipt', () => {
  it('has a text only when the store alone has answered, and nothing in it could be taken for the end of a name', () => {
    const receipt: Receipt = { keys: [], negatives: 0, freshUntil: 1, proof: { values: [{ owner: 'User:2', collection: 'images', version: '1' }] }, uses: 0 };
    expect(textOf(receipt)).toBeDefined();
    expect(textOf({ ...receipt, proof: { values: [{ owner: 'User:2', collection: 'a\nb', version: '1' }] } })).toBeUndefined();
    expect(textOf({ ...receipt, proof: { copies: [] } })).toBeUndefined();
  });

  it('is given only for what the store has answered, and not where copies are believed', async () => {
    const bench = new Bench();
    const cache = bench.cache({ local: false });
    expect((await cache.readWithReceipt([avatar])).receipt).toBeUndefined();
    const mixed = await cache.readWithReceipt([avatar, image]);
    expect(mixed.values).toHaveLength(2);
    expect(mixed.receipt).toBeUndefined();
    expect((await cache.readWithReceipt([avatar, image])).receipt).toBeDefined();
    expect((await bench.cache({ local: true }).readWithReceipt([avatar, image])).receipt).toBeUndefined();
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
