/** What every store of handles promises. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { HandleKey, HandleLease, HandleStore } from '../../src/media/templates/handle-store.js';
import type { HeaderFile } from '../../src/media/templates/send-store.js';

export interface TestHandleStore {
  /** Two instances, or one twice, on a database that nothing was stored in. */
  instances: [HandleStore, HandleStore];
  close(): Promise<void>;
}

const start = Date.parse('2026-11-21T12:00:00Z');
const days = (count: number): Date => new Date(start + count * 86_400_000);
const someFile = (): HeaderFile => ({ sha256: randomBytes(32).toString('hex'), mimeType: 'video/mp4', fileName: 'a.mp4', size: 7 });
const leaseOf = (file: HeaderFile, token = 'one', account = '1'): HandleLease => ({ key: keyOf(file, account), token });
const failure = (message: string) => ({ kind: 'throttled', message, providerCode: 4 }) as const;
const keyOf = ({ sha256 }: HeaderFile, account = '1'): HandleKey => ({ provider: 'fake', account, sha256 });

export function describeHandleStore(name: string, open: () => Promise<TestHandleStore>): void {
  describe(`${name} as a store of handles`, () => {
    let test: TestHandleStore;
    let store: HandleStore;
    let other: HandleStore;
    const file = someFile();
    const key = keyOf(file);
    const lease = leaseOf(file);

    beforeEach(async () => {
      test = await open();
      [store, other] = test.instances;
    });
    afterEach(() => test.close());

    const claim = (by: HandleStore, seen?: string, now = days(0)): Promise<boolean> => by.claim(lease, file, seen, now, new Date(now.getTime() + 60_000));

    it('lets one upload at a time, and after its lease another', async () => {
      expect(await store.find(key, days(0))).toBeUndefined();
      const claims = await Promise.all([store, other, store, other].map((one) => claim(one)));
      expect(claims.filter(Boolean).length).toBe(1);
      expect(await other.find(key, days(0))).toEqual({ handle: undefined, isBeingRefreshed: true, failure: undefined, failures: 0 });
      expect(await claim(other, undefined, days(1))).toBe(true);
    });

    it('leaves an upload that goes on to whoever has it, and one that has ended to everybody', async () => {
      await claim(store);
      await store.renew(lease, days(2));
      expect(await claim(other, undefined, days(1))).toBe(false);
      await store.fail(lease, failure('The provider failed.'));
      await store.renew(lease, days(3));
      expect(await claim(other, undefined, days(1))).toBe(true);
    });

    it('keeps the handle, per number of the sender', async () => {
      await claim(store);
      await store.put(lease, { id: 'h1', expiresAt: days(30) }, days(0));
      expect(await other.find(key, days(0))).toEqual({ handle: { id: 'h1', expiresAt: days(30) }, isBeingRefreshed: false, failure: undefined, failures: 0 });
      expect(await other.find(keyOf(file, '2'), days(0))).toBeUndefined();
    });

    it('gives no upload to whoever saw another handle than there is', async () => {
      await claim(store);
      await store.put(lease, { id: 'h1', expiresAt: days(30) }, days(0));
      expect([await claim(other), await claim(other, 'h0')]).toEqual([false, false]);
      expect(await claim(other, 'h1')).toBe(true);
    });

    it('keeps the handle from before when an upload fails, and says why it did, each time anew', async () => {
      await claim(store);
      await store.fail(lease, failure('The provider failed.'));
      const first = await other.find(key, days(0));
      expect(first).toMatchObject({ handle: undefined, isBeingRefreshed: false, failure: failure('The provider failed.'), failures: 1 });
      expect(await claim(other)).toBe(true);
      await other.fail(lease, failure('Again.'));
      expect((await store.find(key, days(0)))?.failures).toBe((first?.failures ?? 0) + 1);
      await claim(store);
      await store.put(lease, { id: 'h1', expiresAt: days(30) }, days(0));
      expect((await store.find(key, days(0)))?.failure).toBeUndefined();
      await claim(store, 'h1');
      await store.fail(lease, failure('Once more.'));
      expect(await store.find(key, days(0))).toMatchObject({ handle: { id: 'h1' }, failure: failure('Once more.') });
    });

    it('knows which end soon and were sent with since they were uploaded', async () => {
      const [used, unused, later, ofAnother] = [someFile(), someFile(), someFile(), someFile()];
      for (const [one, until, account] of [[used, 7, '1'], [unused, 7, '1'], [later, 8, '1'], [ofAnother, 7, '2']] as const) {
        await store.claim(leaseOf(one, 'one', account), one, undefined, days(0), days(1));
        await store.put(leaseOf(one, 'one', account), { id: one.sha256, expiresAt: days(until) }, days(0));
        if (one !== unused) await store.use(keyOf(one, account), days(0));
      }
      expect(await other.ending('fake', '1', days(7))).toEqual([used]);
      await store.claim(leaseOf(used), used, used.sha256, days(0), days(1));
      await store.put(leaseOf(used), { id: 'fresh', expiresAt: days(7) }, days(0));
      expect(await other.ending('fake', '1', days(7))).toEqual([]);
    });

    it('forgets what has ended', async () => {
      await claim(store);
      await store.put(lease, { id: 'h1', expiresAt: days(30) }, days(0));
      await store.forget(days(30));
      expect(await other.find(key, days(0))).toBeDefined();
      await claim(store, 'h1');
      await store.forget(days(31));
      expect(await other.find(key, days(0))).toBeDefined();
      await store.fail(lease, failure('The provider failed.'));
      await store.forget(days(31));
      expect(await other.find(key, days(0))).toBeUndefined();
    });

    it('takes nothing of whoever has lost the lease', async () => {
      const late = leaseOf(file, 'late');
      await store.claim(late, file, undefined, days(0), days(1));
      expect(await claim(other, undefined, days(1))).toBe(true);
      await store.fail(late, failure('Too late.'));
      await store.renew(late, days(9));
      await store.put(late, { id: 'h0', expiresAt: days(30) }, days(1));
      expect(await other.find(key, days(1))).toEqual({ handle: undefined, isBeingRefreshed: true, failure: undefined, failures: 0 });
      expect(await other.find(key, days(2))).toMatchObject({ isBeingRefreshed: false });
      await other.put(lease, { id: 'h1', expiresAt: days(30) }, days(1));
      expect((await store.find(key, days(1)))?.handle?.id).toBe('h1');
    });
  });
}
