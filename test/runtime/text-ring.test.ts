import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TextRing, type RingKey, type Texts } from '../../src/runtime/text-ring.js';

function keyOf(name: string, space = 1): RingKey {
  const bytes = Buffer.from(`in front of it ${name} behind it`);
  return { space, bytes, start: 15, end: bytes.length - 10 };
}

function entry(text: string): Texts {
  return { head: `head of ${text.length} ${text.slice(0, 2)}`, text };
}

const step = fc.record({
  id: fc.nat(40),
  space: fc.integer({ min: 1, max: 2 }),
  length: fc.nat(120),
  filler: fc.constantFrom('x', 'ü', '€', '😀'),
  action: fc.constantFrom('put', 'put', 'read', 'delete'),
});

describe('a ring of texts', () => {
  it('finds what was put last under a key or nothing, whatever is put and read in which order', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 200, maxLength: 600, size: 'max' }), fc.integer({ min: 16_000, max: 18_000 }), (steps, maxBytes) => {
        const ring = new TextRing(maxBytes);
        const last = new Map<string, Texts>();
        for (const { id, space, length, filler, action } of steps) {
          const name = `${id} ${'long '.repeat(id)}`;
          if (action === 'delete') {
            ring.delete(keyOf(name, space));
            expect(ring.find(keyOf(name, space))).toBeUndefined();
          } else if (action === 'read') {
            const found = ring.find(keyOf(name, space));
            if (found) expect(found).toEqual(last.get(`${space} ${name}`));
          } else {
            const put = entry(filler.repeat(length));
            last.set(`${space} ${name}`, put);
            const isPut = ring.put(keyOf(name, space), put);
            expect(ring.find(keyOf(name, space))).toEqual(isPut ? put : undefined);
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  it('tells keys apart by their space and by each of their bytes', () => {
    const ring = new TextRing(1_000_000);
    const long = 'a long key '.repeat(20);
    for (const name of ['a', 'b', 'ab', long, `${long}!`]) for (const space of [1, 2]) ring.put(keyOf(name, space), entry(`${name} of ${space}`));
    for (const name of ['a', 'b', 'ab', long, `${long}!`]) for (const space of [1, 2]) expect(ring.find(keyOf(name, space))?.text).toBe(`${name} of ${space}`);
    expect(ring.find(keyOf('c'))).toBeUndefined();
    expect(ring.find(keyOf('a', 3))).toBeUndefined();
  });

  it('tells keys with the same hash apart', () => {
    const ring = new TextRing(1_000_000);
    const [one, other] = [keyOf('declinate'), keyOf('macallums')];
    ring.put(one, entry('one'));
    expect(ring.find(other)).toBeUndefined();
    ring.put(other, entry('other'));
    expect([ring.find(one)?.text, ring.find(other)?.text]).toEqual(['one', 'other']);
  });

  it('keeps what is replaced again and again', () => {
    const ring = new TextRing(100_000);
    for (let id = 0; id < 5_000; id += 1) {
      ring.put(keyOf('the same'), entry(String(1_000_000 + id)));
      ring.put(keyOf(String(id)), entry('x'.repeat(300)));
      expect(ring.find(keyOf('the same'))?.text).toBe(String(1_000_000 + id));
    }
  });

  it('fills its memory with what was put last', () => {
    const ring = new TextRing(1_000_000);
    const text = 'x'.repeat(300);
    for (let id = 0; id < 10_000; id += 1) ring.put(keyOf(String(id)), entry(text));
    const found = Array.from({ length: 10_000 }, (_, id) => id).filter((id) => ring.find(keyOf(String(id))));
    // With keys, heads and headers 360 bytes each, and an index beside them.
    expect(found.length).toBeGreaterThan(2_400);
    expect(found.length * 350).toBeLessThan(1_000_000);
    expect(found[0]).toBeGreaterThan(10_000 - 3_000);
  });

  it('keeps what is used, whatever else is put', () => {
    const ring = new TextRing(200_000);
    const used = Array.from({ length: 100 }, (_, id) => keyOf(`used ${id}`));
    for (const [id, key] of used.entries()) ring.put(key, entry(`text of ${id}`));
    for (let id = 0; id < 5_000; id += 1) {
      ring.put(keyOf(`seldom ${id}`), entry('x'.repeat(id % 500)));
      ring.find(used[id % 100] ?? keyOf('none'));
    }
    const kept = used.filter((key, id) => {
      const found = ring.find(key);
      if (found) expect(found.text).toBe(`text of ${id}`);
      return found;
    });
    // But for a place in the index that had to be given up, now and then.
    expect(kept.length).toBeGreaterThan(90);
  });

  it('refuses what would take too much of it, and has nothing under that key then', () => {
    const ring = new TextRing(320_000);
    expect(ring.put(keyOf('a'), entry('small'))).toBe(true);
    expect(ring.put(keyOf('a'), entry('x'.repeat(11_000)))).toBe(false);
    expect(ring.find(keyOf('a'))).toBeUndefined();
  });
});
