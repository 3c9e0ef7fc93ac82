import { describe, expect, it } from '@jest/globals';
import { RecentInvalidations } from '../../src/cache/recent-invalidations.js';

describe('RecentInvalidations', () => {
  it('names what another generation has not confirmed, until it has, and for a while only', () => {
    let now = 0;
    const recent = new RecentInvalidations({ keepMs: 1_000, now: () => now });
    recent.confirmed({ owner: 'a', collection: 'avatars' }, 'first');
    now = 600;
    recent.confirmed({ owner: 'b', collection: undefined }, 'first');
    expect(recent.unknownTo('first')).toEqual([]);
    expect(recent.unknownTo('second')).toMatchObject([
      { owner: 'a', collection: 'avatars' },
      { owner: 'b', collection: undefined },
    ]);
    recent.confirmed({ owner: 'b', collection: undefined }, 'second');
    expect(recent.unknownTo('second')).toMatchObject([{ owner: 'a' }]);
    now = 1_100;
    expect(recent.unknownTo('third')).toMatchObject([{ owner: 'b' }]);
  });

  it('repeats all of an owner of which several collections were invalidated', () => {
    const recent = new RecentInvalidations();
    recent.confirmed({ owner: 'a', collection: 'avatars' }, 'first');
    recent.confirmed({ owner: 'a', collection: 'images' }, 'first');
    expect(recent.unknownTo('second')).toMatchObject([{ owner: 'a', collection: undefined }]);
  });

  it('asks for everything to go when there were more than it could remember, until that is over', () => {
    let now = 0;
    const recent = new RecentInvalidations({ keepMs: 1_000, maxOwners: 2, now: () => now });
    for (const owner of ['a', 'b', 'c']) recent.confirmed({ owner, collection: undefined }, 'first');
    expect(recent.unknownTo('second')).toBe('everything');
    now = 1_001;
    expect(recent.unknownTo('second')).toEqual([]);
  });
});
