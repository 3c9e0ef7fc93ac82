/** Processes that answer on one address: what a client has written through one it reads at the others, whatever becomes of the store. */
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { CacheStore, Lookup } from '../../src/cache/cache-store.js';
import { MemoryStore } from '../../src/cache/memory-store.js';
import type { ReadThrough } from '../../src/cache/read-through.js';
import type { SiblingListener, Siblings } from '../../src/cache/siblings.js';
import { Unconfirmed } from '../../src/cache/unconfirmed.js';
import { waitFor } from '../support/wait.js';
import { avatar, Origin, textCache, withMethods } from './read-through-harness.js';

/** Siblings that hear at once, or not at all. */
class Family {
  readonly listeners: SiblingListener[] = [];
  isSplit = false;

  member(): Siblings {
    const others = (): SiblingListener[] => this.listeners.filter((listener) => listener !== own);
    let own: SiblingListener | undefined;
    return {
      listen: (listener) => {
        own = listener;
        this.listeners.push(listener);
      },
      tell: (write) => {
        if (this.isSplit) return Promise.reject(new Error('split'));
        for (const other of others()) other.wrote(write);
        return Promise.resolve();
      },
    };
  }

  /** The last one hears what the others hold, as a new process does. */
  catchUp(): void {
    const newest = this.listeners.at(-1);
    for (const other of this.listeners.slice(0, -1)) newest?.hold(other.held());
  }
}

const [first, second] = [['User:1 avatars version 1'], ['User:1 avatars version 2']];

describe('siblings', () => {
  let origin: Origin;
  let store: MemoryStore;
  let family: Family;
  let isConfirming: boolean;
  let refused: number;

  beforeEach(() => {
    [origin, store, family, isConfirming, refused] = [new Origin(), new MemoryStore({ leaseMs: 60_000 }), new Family(), true, 0];
  });

  /** Each with a store that announces nothing. */
  const sibling = (replaced: Partial<CacheStore> = {}): ReadThrough<string> =>
    textCache({
      origin,
      events: [],
      siblings: family.member(),
      store: withMethods(store, {
        watch: () => undefined,
        invalidate: (owner, collection) => {
          if (isConfirming) return store.invalidate(owner, collection);
          refused += 1;
          return Promise.reject(new Error('away'));
        },
        ...replaced,
      }),
    });
  const copied = async (cache: ReadThrough<string>): Promise<void> => {
    await waitFor(async () => (await cache.readMany([avatar])) && cache.readNow()?.find(avatar), { what: 'a copy' });
  };
  const write = (cache: ReadThrough<string>): Promise<void> => {
    origin.version += 1;
    return cache.invalidateAfterWrite(avatar.owner, avatar.collection);
  };

  it('drop their copies of what one of them has written', async () => {
    const [writer, other] = [sibling(), sibling()];
    await copied(other);
    await write(writer);
    expect(other.readNow()?.find(avatar)).toBeUndefined();
    expect(await other.readMany([avatar])).toEqual(second);
  });

  it('make no copy of what was on its way when another wrote', async () => {
    let letGo = (): void => undefined;
    let isHeld = false;
    const readOrLease: CacheStore['readOrLease'] = async (requests, maxAgeMs): Promise<Lookup[]> => {
      const lookups = await store.readOrLease(requests, maxAgeMs);
      if (isHeld) await new Promise<void>((resolve) => (letGo = resolve));
      return lookups;
    };
    const [writer, other] = [sibling(), sibling({ readOrLease })];
    await copied(writer);
    isHeld = true;
    const early = other.readMany([avatar]);
    isHeld = false;
    await write(writer);
    letGo();
    expect(await early).toEqual(first);
    expect(await other.readMany([avatar])).toEqual(second);
  });

  it('load past a store that has not confirmed, each until it has to itself', async () => {
    const [writer, other] = [sibling(), sibling()];
    await Promise.all([copied(writer), copied(other)]);
    isConfirming = false;
    await write(writer);
    for (const cache of [writer, other, other]) expect(await cache.readMany([avatar])).toEqual(second);
    expect(other.readNow()?.find(avatar)).toBeUndefined();
    // The one that wrote gives up.
    await writer.stop();
    const before = refused;
    await waitFor(() => refused > before, { what: 'the other one to try for itself' });
    expect(await other.readMany([avatar])).toEqual(second);
    isConfirming = true;
    await copied(other);
    expect(await other.readMany([avatar])).toEqual(second);
    await other.stop();
  });

  it('tell a new one what it must not read from the store', async () => {
    const writer = sibling();
    await copied(writer);
    isConfirming = false;
    await write(writer);
    const newest = sibling();
    expect(await newest.readMany([avatar])).toEqual(first);
    family.catchUp();
    expect(await newest.readMany([avatar])).toEqual(second);
    await Promise.all([writer.stop(), newest.stop()]);
  });

  it('who has more to hold than can be remembered holds everything, and so does a new one', () => {
    const held = (): Unconfirmed =>
      new Unconfirmed({ invalidate: () => Promise.reject(new Error('away')), drop: () => undefined, siblings: family.member(), time: { sleep: () => new Promise(() => undefined) }, maxOwners: 2 });
    const old = held();
    for (const owner of ['1', '2', '3']) old.wrote({ owner, collection: undefined, isConfirmed: false });
    expect(old.held()).toBe('everything');
    const newest = held();
    family.catchUp();
    expect(newest.covers('4')).toBe(true);
  });

  it('answer nothing to who has written when one of them may not know', async () => {
    const [writer, other] = [sibling(), sibling()];
    await copied(other);
    [isConfirming, family.isSplit] = [false, true];
    await expect(write(writer)).rejects.toThrow('split');
    expect(await writer.readMany([avatar])).toEqual(second);
    await writer.stop();
  });
});
