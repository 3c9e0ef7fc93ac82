import { describe, expect, it } from '@jest/globals';
import { Sightings } from '../../src/runtime/sightings.js';

describe('sightings', () => {
  it('are counted up to three, each name for itself', () => {
    const sightings = new Sightings();
    expect([1, 2, 3, 4, 5].map(() => sightings.see('User:1'))).toEqual([0, 1, 2, 3, 3]);
    expect(sightings.see('User:2')).toBe(0);
    expect(sightings.see('User:1')).toBe(3);
  });

  it('are counted of bytes, too', () => {
    const sightings = new Sightings();
    const names = Array.from({ length: 1_000 }, (_, id) => Buffer.from(`${'query '.repeat(40)}${id}`));
    expect(names.filter((name) => sightings.seeBytes(name) > 0).length).toBeLessThan(10);
    expect(names.filter((name) => sightings.seeBytes(name) === 1).length).toBeGreaterThan(950);
  });

  it('are forgotten of a name whose place another one takes, so that they need no more room', () => {
    const sightings = new Sightings(1);
    sightings.see('User:1');
    sightings.see('User:2');
    expect(sightings.see('User:1')).toBe(0);
  });

  it('tell long names apart, nearly always', () => {
    const sightings = new Sightings();
    const names = Array.from({ length: 1_000 }, (_, id) => `${'query '.repeat(40)}${id}`);
    for (const name of names) sightings.see(name);
    expect(names.filter((name) => sightings.see(name) === 1).length).toBeGreaterThan(950);
  });
});
