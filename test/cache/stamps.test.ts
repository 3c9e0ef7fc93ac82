import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Stamps, voidStamp } from '../../src/cache/stamps.js';

const key = fc.record({ owner: fc.constantFrom('User:1', 'User:2', 'Product:1'), collection: fc.constantFrom('avatars', 'images', '') });
const announcement = fc.oneof(
  fc.record({ kind: fc.constant('collection' as const), of: key }),
  fc.record({ kind: fc.constant('owner' as const), of: key }),
  fc.record({ kind: fc.constant('lost' as const), of: key }),
);

describe('a stamp', () => {
  it('is current until something is announced of its entry, and of no other', () => {
    const property = fc.property(key, fc.array(announcement, { maxLength: 20 }), (entry, announcements) => {
      const stamps = new Stamps(1_048_576);
      let isCurrent = true;
      const stamp = stamps.take(entry);
      for (const { kind, of } of announcements) {
        if (kind === 'lost') stamps.lost();
        else stamps.invalidated(of.owner, kind === 'owner' ? undefined : of.collection);
        const isOfOwner = of.owner === entry.owner;
        if (kind === 'lost' || (isOfOwner && (kind === 'owner' || entry.collection === '' || of.collection === entry.collection))) isCurrent = false;
        expect(stamps.isCurrent(stamp)).toBe(isCurrent);
        expect(stamps.isCurrent(stamps.take(entry))).toBe(true);
      }
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('ends with its entry alone', () => {
    const stamps = new Stamps(1_048_576);
    const [avatars, all] = [stamps.take({ owner: 'User:1', collection: 'avatars' }), stamps.take({ owner: 'User:1', collection: '' })];
    stamps.end({ owner: 'User:1', collection: 'avatars' });
    expect([stamps.isCurrent(avatars), stamps.isCurrent(all)]).toEqual([false, true]);
  });

  it('that is void is never current', () => {
    const stamps = new Stamps(1_048_576);
    expect(stamps.isCurrent(voidStamp)).toBe(false);
    stamps.lost();
    expect(stamps.isCurrent(voidStamp)).toBe(false);
  });
});
