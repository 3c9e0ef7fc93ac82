/** What every cache store promises of the versions of its values; run on each implementation by test/cache/*-store.test.ts. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { CacheStore, EntryKey, Lookup, StoredValue } from '../../src/cache/cache-store.js';
import { waitFor } from '../support/wait.js';
import type { StoreHarness } from './cache-store.js';

let tokens = 0;
const nextToken = (): string => `versioned-${(tokens += 1)}`;
let owners = 0;
const nextKey = (collection = 'avatars'): EntryKey => ({ owner: `Versioned:${(owners += 1)}`, collection });

export function describeVersions(name: string, start: () => Promise<StoreHarness>): void {
  describe(`the versions of a cache store (${name})`, () => {
    let harness: StoreHarness;
    let store: CacheStore;
    beforeAll(async () => {
      harness = await start();
      store = harness.store;
    });
    afterAll(() => harness.stop());

    const read = async (key: EntryKey, known?: string): Promise<Lookup | undefined> => {
      const [lookup] = await store.readOrLease([{ ...key, token: nextToken(), known }], Infinity);
      return lookup;
    };
    /** Resolves with what is stored now. */
    const stored = async (key: EntryKey, { payload = 'value', freshMs = 60_000 } = {}): Promise<StoredValue> => {
      const token = nextToken();
      await store.readOrLease([{ ...key, token }], Infinity);
      expect(await store.fill([{ ...key, token, payload, ttlMs: 60_000, freshMs }])).toEqual([expect.any(Object)]);
      const lookup = await read(key);
      if (lookup?.kind !== 'hit') throw new Error(`not stored: ${lookup?.kind}`);
      return { ...key, version: lookup.version };
    };

    it('say of an accepted fill what a hit says of it, the last event included', async () => {
      for (const eventId of [undefined, 'event-7']) {
        const key = nextKey();
        await stored(key);
        await store.invalidate(key.owner, key.collection, { eventId });
        const token = nextToken();
        await store.readOrLease([{ ...key, token }], Infinity);
        const [filled] = await store.fill([{ ...key, token, payload: 'value', ttlMs: 60_000, freshMs: 60_000 }]);
        expect(filled).toMatchObject({ lastEventId: eventId });
        expect(await read(key)).toMatchObject({ kind: 'hit', ...filled });
      }
    });

    it('confirm values as long as they are stored, and never again', async () => {
      const [one, two] = [nextKey(), nextKey('')];
      const values = [await stored(one), await stored(two)];
      expect(await store.confirm(values)).toBe(true);
      await store.invalidate(two.owner, 'avatars');
      expect(await store.confirm(values)).toBe(false);
      expect(await store.confirm(values.slice(0, 1))).toBe(true);
      // The same text, but another load.
      const again = await stored(two);
      expect(await store.confirm(values)).toBe(false);
      expect(await store.confirm([again])).toBe(true);
      await store.purge('Versioned:');
      expect(await store.confirm([again])).toBe(false);
    });

    it('confirm what another process has stored, until it is invalidated by either', async () => {
      const key = nextKey();
      const value = await stored(key);
      expect(await harness.neighbour.confirm([value])).toBe(true);
      await harness.neighbour.invalidate(key.owner, undefined);
      expect(await store.confirm([value])).toBe(false);
    });

    it('confirm many of many askers at once, each its own', async () => {
      const values = await Promise.all(Array.from({ length: 40 }, async () => stored(nextKey())));
      await store.invalidate(values[7]?.owner ?? '', undefined);
      const asked = Array.from({ length: 60 }, (_, asker) => values.filter((_value, index) => index % (asker + 1) === 0));
      const answers = await Promise.all(asked.map((some) => store.confirm(some)));
      expect(answers).toEqual(asked.map((some) => !some.some((value) => value === values[7])));
      expect(await Promise.all([store.confirm([]), store.confirm(values.slice(0, 7))])).toEqual([true, true]);
    });

    it('do not confirm what they have never given, whatever it is', async () => {
      const value = await stored(nextKey());
      const other = await stored(nextKey());
      for (const version of ['', 'garbage', other.version, `${value.version} `, value.version.slice(0, -1)]) expect(await store.confirm([{ ...value, version }])).toBe(false);
      expect(await store.confirm([{ ...value, collection: 'images' }])).toBe(false);
    });

    it('spare a reader the value that he has', async () => {
      const key = nextKey();
      const { version } = await stored(key);
      expect(await read(key, version)).toEqual({ kind: 'same' });
      expect(await read(key, 'another')).toMatchObject({ kind: 'hit', payload: 'value', version });
      const [same, leased] = await store.readOrLease([{ ...key, token: nextToken(), known: version }, { ...nextKey(), token: nextToken(), known: version }], Infinity);
      expect(same).toEqual({ kind: 'same' });
      expect(leased).toMatchObject({ kind: 'leased' });
      await store.invalidate(key.owner, undefined);
      expect(await read(key, version)).toMatchObject({ kind: 'leased' });
    });

    it('are told to those who read and those who confirm in one turn, each of its own key', async () => {
      const values = await Promise.all(Array.from({ length: 20 }, async (_, index) => stored(nextKey(), { payload: `value ${index}` })));
      const changed = await stored(nextKey());
      await store.invalidate(changed.owner, undefined);
      const kinds = ['confirm', 'confirm changed', 'read known', 'read', 'read missing'] as const;
      const ask = async (kind: (typeof kinds)[number], index: number): Promise<unknown> => {
        const value = values[index % values.length] ?? changed;
        if (kind === 'confirm') return store.confirm([value]);
        if (kind === 'confirm changed') return store.confirm([value, changed]);
        if (kind === 'read known') return read(value, value.version);
        if (kind === 'read') return read(value);
        return read(nextKey());
      };
      const answerTo = (kind: (typeof kinds)[number], index: number): unknown => {
        if (kind === 'confirm') return true;
        if (kind === 'confirm changed') return false;
        if (kind === 'read known') return { kind: 'same' };
        if (kind === 'read') return expect.objectContaining({ kind: 'hit', payload: `value ${index % values.length}` });
        return expect.objectContaining({ kind: 'leased' });
      };
      await fc.assert(
        fc.asyncProperty(fc.array(fc.constantFrom(...kinds), { minLength: 1, maxLength: 150 }), async (asked) => {
          expect(await Promise.all(asked.map(ask))).toEqual(asked.map(answerTo));
        }),
        { numRuns: 40 },
      );
    });

    it('tell a reader who has the value when it is to be loaded anew, and when it is too old', async () => {
      const soon = nextKey();
      const { version } = await stored(soon, { freshMs: 20 });
      const lookup = await waitFor(
        async () => {
          const found = await read(soon, version);
          return found?.kind === 'hit' && found;
        },
        { what: 'the value to be loaded anew' },
      );
      expect(lookup).toMatchObject({ kind: 'hit', version, refresh: true });
      const aged = nextKey();
      const value = await stored(aged);
      const old = await waitFor(
        async () => {
          const [found] = await store.readOrLease([{ ...aged, token: nextToken(), known: value.version }], 1);
          return found?.kind === 'leased' && found;
        },
        { what: 'the value to be too old' },
      );
      expect(old).toMatchObject({ kind: 'leased' });
    });
  });
}
