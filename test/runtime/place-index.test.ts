import { describe, expect, it } from '@jest/globals';
import { PlaceIndex } from '../../src/runtime/place-index.js';

const any = (): boolean => true;
const none = (): boolean => false;

describe('an index of places', () => {
  it('finds a place under its hash, the one that is asked for', () => {
    const index = new PlaceIndex(4);
    index.add(7, 1, none);
    index.add(7, 2, none);
    index.add(-7, 3, none);
    expect(index.find(7, (place) => place === 2)).toBe(2);
    expect(index.find(-7, any)).toBe(3);
    expect(index.find(8, any)).toBe(0);
    expect([index.has(7, 1), index.has(-7, 1)]).toEqual([true, false]);
  });

  it('moves and deletes', () => {
    const index = new PlaceIndex(4);
    index.add(7, 1, none);
    index.move(7, 1, 5);
    expect([index.has(7, 1), index.has(7, 5)]).toEqual([false, true]);
    index.delete(7, 1);
    expect(index.find(7, any)).toBe(5);
    index.delete(7, 5);
    expect(index.find(7, any)).toBe(0);
  });

  it('gives up one place where a bucket is full, a spare one if there is one', () => {
    const index = new PlaceIndex(1);
    const hashes = Array.from({ length: 8 }, (_, count) => (count * 0x1fff_ffff) | 0);
    for (const [count, hash] of hashes.entries()) index.add(hash, count + 1, none);
    index.add(-1, 9, (place) => place === 5);
    expect(index.has(-1, 9)).toBe(true);
    expect(hashes.filter((hash, count) => !index.has(hash, count + 1))).toEqual([hashes[4]]);
    index.add(-2, 10, none);
    expect(index.has(-2, 10)).toBe(true);
  });
});
