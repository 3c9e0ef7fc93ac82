/** What every store of handles promises. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { HandleKey, HandleStore } from '../../src/media/templates/handle-store.js';
import type { HeaderFile } from '../../src/media/templates/send-store.js';

export interface TestHandleStore {
  /** Two instances, or one twice, on a database that nothing was stored in. */
  instances: [HandleStore, HandleStore];
  close(): Promise<void>;
}

const start = Date.parse('2026-11-21T12:00:00Z');
const days = (count: number): Date => new Date(start + count * 86_400_000);
const someFile = (): HeaderFile => ({ sha256: randomBytes(32).toString('hex'), mimeType: 'video/mp4', fileName: 'a.mp4', size: 7 });
const keyOf = ({ sha256 }: HeaderFile, account = '1'): HandleKey => ({ provider: 'fake', account, sha256 });

export function describeHandleStore(name: string, open: () => Promise<TestHandleStore>): void {
  describe(`${name} as a store of handles`, () => {
    let test: TestHandleStore;
    let store: HandleStore;
    let other: HandleStore;
    const file = someFile();
    const key = keyOf(file);

    beforeEach(async () => {
      test = await open();
      [store, other] = test.instances;
    });
    afterEach(() => test.close());

    const claim = (by: HandleStore, seen?: string, now = days(0)): Promise<boolean> => by.claim(key, file, seen, now, new Date(now.getTime() + 60_000));

    it('lets one upload at a time, and after its lease another', async () => {
      expect(await store.find(key, days(0))).toBeUndefined();
      const claims = await Promise.all([store, other, store, other].map((one) => claim(one)));
      expect(claims.filter(Boolean).length).toBe(1);
      expect(await other.find(key, days(0))).toEqual({ handle: undefined, isBeingRefreshed: true, failure: undefined });
      expect(await claim(other, undefined, days(1))).toBe(true);
    });

    it('leaves an upload that goes on to whoever has it, and one that has ended to everybody', async () => {
      await claim(store);
      await store.renew(key, days(2));
      expect(await claim(other, undefined, days(1))).toBe(false);
      await store.fail(key, 'The provider failed.');
      await store.renew(key, days(3));
      expect(await claim(other, undefined, days(1))).toBe(true);
    });

    it('keeps the handle, per number of the sender', async () => {
      await claim(store);
      await store.put(key, { id: 'h1', expiresAt: days(30) }, days(0));
      expect(await other.find(key, days(0))).toEqual({ handle: { id: 'h1', expiresAt: days(30) }, isBeingRefreshed: false, failure: undefined });
      expect(await other.find(keyOf(file, '2'), days(0))).toBeUndefined();
    });

    it('gives no upload to whoever saw another handle than there is', async () => {
      await claim(store);
      await store.put(key, { id: 'h1', expiresAt: days(30) }, days(0));
      expect([await claim(other), await claim(other, 'h0')]).toEqual([false, false]);
      expect(await claim(other, 'h1')).toBe(true);
    });

    it('keeps the handle from before when an upload fails, and says why it did, each time anew', async () => {
      await claim(store);
      await store.fail(key, 'The provider failed.');
      const first = await other.find(key, days(0));
      expect(first).toMatchObject({ handle: undefined, isBeingRefreshed: false, failure: { reason: 'The provider failed.' } });
      expect(await claim(other)).toBe(true);
      await other.fail(key, 'Again.');
      expect((await store.find(key, days(0)))?.failure?.number).toBe((first?.failure?.number ?? 0) + 1);
      await claim(store);
      await store.put(key, { id: 'h1', expiresAt: days(30) }, days(0));
      expect((await store.find(key, days(0)))?.failure).toBeUndefined();
      await claim(store, 'h1');
      await store.fail(key, 'Once more.');
      expect(await store.find(key, days(0))).toMatchObject({ handle: { id: 'h1' }, failure: { reason: 'Once more.' } });
    });

    it('knows which end soon and were sent with since they were uploaded', async () => {
      const [used, unused, later, ofAnother] = [someFile(), someFile(), someFile(), someFile()];
      for (const [one, until, account] of [[used, 7, '1'], [unused, 7, '1'], [later, 8, '1'], [ofAnother, 7, '2']] as const) {
        await store.claim(keyOf(one, account), one, undefined, days(0), days(1));
        await store.put(keyOf(one, account), { id: one.sha256, expiresAt: days(until) }, days(0));
        if (one !== unused) await store.use(keyOf(one, account), days(0));
      }
      expect(await other.ending('fake', '1', days(7))).toEqual([used]);
      await store.claim(keyOf(used), used, used.sha256, days(0), days(1));
      await store.put(keyOf(used), { id: 'fresh', expiresAt: days(7) }, days(0));
      expect(await other.ending('fake', '1', days(7))).toEqual([]);
    });

    it('forgets what has ended', async () => {
      await claim(store);
      await store.put(key, { id: 'h1', expiresAt: days(30) }, days(0));
      await store.forget(days(30));
      expect(await other.find(key, days(0))).toBeDefined();
      await store.forget(days(31));
      expect(await other.find(key, days(0))).toBeUndefined();
    });
  });
}
