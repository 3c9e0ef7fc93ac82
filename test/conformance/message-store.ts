/** What every store of messages promises. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { NewMessage } from '../../src/media/messages/message.js';
import type { MessageStore } from '../../src/media/messages/message-store.js';

export interface TestMessageStore {
  /** Two instances, or one twice, on a database that nothing was stored in. */
  instances: [MessageStore, MessageStore];
  close(): Promise<void>;
}

const provider = 'fake';
const start = Date.parse('2026-11-21T12:00:00Z');
const minutes = (count: number): Date => new Date(start + count * 60_000);

export function newMessage(fields: Partial<NewMessage> = {}): NewMessage {
  const media = { id: randomUUID(), url: undefined, sha256: undefined, fileName: 'a.png' };
  return { id: randomUUID(), provider, from: '1555', type: 'image', sentAt: minutes(-1).toISOString(), media, rawPayload: '{"type":"image"}', ...fields };
}

export function describeMessageStore(name: string, open: () => Promise<TestMessageStore>): void {
  describe(`${name} as a message store`, () => {
    let test: TestMessageStore;
    let store: MessageStore;
    let other: MessageStore;

    beforeEach(async () => {
      test = await open();
      [store, other] = test.instances;
    });
    afterEach(() => test.close());

    const claimed = async (now = minutes(0), limit = 1_000): Promise<string[]> => (await store.claim(provider, now, new Date(now.getTime() + 60_000), limit)).map(({ messageId }) => messageId);
    const stateOf = async (id: string) => (await store.find([id]))[0]?.state;

    it('has each message once, however often and by how many it is told of', async () => {
      const messages = Array.from({ length: 1_200 }, () => newMessage());
      const counts = await Promise.all([store.add(messages, minutes(0)), other.add(messages.toReversed(), minutes(0)), store.add(messages.slice(0, 10), minutes(0))]);
      expect(counts.flatMap((added) => [...added]).toSorted()).toEqual(messages.map(({ id }) => id).toSorted());
      expect((await claimed(minutes(0), 2_000)).toSorted()).toEqual(messages.map(({ id }) => id).toSorted());
    });

    it('leaves a message as it was told of first', async () => {
      const message = newMessage();
      await store.add([message], minutes(0));
      await store.ready(message.id);
      await other.add([{ ...message, from: 'somebody else', media: undefined }], minutes(1));
      expect((await other.find(['unknown', message.id])).map((found) => found && [found.state, found.from, found.rawPayload])).toEqual([undefined, ['READY', '1555', '{"type":"image"}']]);
    });

    it('knows of media that cannot be had from the start why not, and of text that there is none', async () => {
      const broken = newMessage({ media: { id: undefined, problem: 'There is none.', url: undefined, sha256: undefined, fileName: undefined } });
      const text = newMessage({ media: undefined, type: 'text' });
      await store.add([broken, text], minutes(0));
      const [first, second] = await store.find([broken.id, text.id]);
      expect(first).toMatchObject({ state: 'FAILED', reason: 'There is none.', code: 'NOT_FOUND', retryable: false });
      expect(second).toMatchObject({ state: 'NONE', reason: undefined, code: undefined });
      expect(await claimed()).toEqual([]);
      expect(await store.retry(broken.id, minutes(0))).toBe(false);
      expect(await store.retry(text.id, minutes(0))).toBe(false);
    });

    it('lists the latest first, page by page, of everybody or of one', async () => {
      const messages = Array.from({ length: 25 }, (_, index) => newMessage({ from: index % 5 === 0 ? 'ada' : 'bob' }));
      for (const message of messages) await store.add([message], minutes(0));
      const listed: string[] = [];
      let page = await store.list({ first: 10, after: '', from: '' });
      while (page.hasMore) {
        listed.push(...page.messages.map(({ id }) => id));
        page = await other.list({ first: 10, after: page.messages.at(-1)?.cursor ?? '', from: '' });
      }
      listed.push(...page.messages.map(({ id }) => id));
      expect(listed).toEqual(messages.map(({ id }) => id).toReversed());
      const ofAda = await store.list({ first: 5, after: '', from: 'ada' });
      expect([ofAda.messages.length, ofAda.hasMore]).toEqual([5, false]);
      expect((await store.list({ first: 5, after: 'no cursor', from: '' })).messages).toEqual([]);
    });

    it('gives each import to one of several that claim at the same time, and again when the lease has ended', async () => {
      const messages = Array.from({ length: 30 }, () => newMessage());
      await store.add(messages, minutes(0));
      const jobs = (await Promise.all([store, other, store, other].map((one) => one.claim(provider, minutes(0), minutes(1), 8)))).flat();
      const ids = jobs.map(({ messageId }) => messageId);
      expect(new Set(ids).size).toBe(ids.length);
      expect((await claimed()).length).toBe(30 - ids.length);
      expect(await claimed()).toEqual([]);
      await store.renew(ids.slice(0, 3), minutes(5));
      expect((await claimed(minutes(2))).length).toBe(27);
    });

    it('counts the tries of an import, and none that was not one', async () => {
      const message = newMessage();
      await store.add([message], minutes(0));
      const attempts = async (now: Date): Promise<number[]> => (await store.claim(provider, now, now, 1)).map((job) => job.attempts);
      expect(await attempts(minutes(0))).toEqual([0]);
      await store.postpone(message.id, minutes(1), { reason: 'later', code: 'IMPORT_FAILED', counts: true });
      expect(await attempts(minutes(0.5))).toEqual([]);
      expect(await attempts(minutes(1))).toEqual([1]);
      await store.postpone(message.id, minutes(2), { reason: 'later', code: 'IMPORT_FAILED', counts: false });
      expect(await attempts(minutes(2))).toEqual([1]);
      expect((await store.find([message.id]))[0]).toMatchObject({ state: 'PENDING', reason: 'later', code: 'IMPORT_FAILED', retryable: true });
    });

    it('does not change what has ended', async () => {
      const [ready, gone] = [newMessage(), newMessage()];
      await store.add([ready, gone], minutes(0));
      await store.ready(ready.id);
      await store.fail(gone.id, 'EXPIRED', { reason: 'gone', code: 'IMPORT_FAILED', retryable: false });
      for (const { id } of [ready, gone]) {
        await other.fail(id, 'FAILED', { reason: 'other', code: 'IMPORT_FAILED', retryable: true });
        await other.postpone(id, minutes(0), { reason: 'other', code: 'IMPORT_FAILED', counts: true });
      }
      expect(await stateOf(ready.id)).toBe('READY');
      expect((await store.find([gone.id]))[0]).toMatchObject({ state: 'EXPIRED', reason: 'gone' });
      expect(await claimed(minutes(9))).toEqual([]);
      expect(await store.retry(ready.id, minutes(9))).toBe(false);
      expect(await store.retry(gone.id, minutes(9))).toBe(true);
      expect(await claimed(minutes(9))).toEqual([gone.id]);
    });

    it('leaves what is being imported to whoever does, also when it is to be tried again', async () => {
      const message = newMessage();
      await store.add([message], minutes(0));
      expect(await claimed(minutes(0))).toEqual([message.id]);
      expect(await other.retry(message.id, minutes(0.5))).toBe(false);
      expect(await claimed(minutes(0.5))).toEqual([]);
      expect(await other.retry(message.id, minutes(1))).toBe(true);
    });

    it('imports what a message is said later to bring', async () => {
      const broken = newMessage({ media: { id: undefined, problem: 'There is none.', url: undefined, sha256: undefined, fileName: undefined } });
      const text = newMessage({ media: undefined, type: 'text' });
      await store.add([broken, text], minutes(0));
      expect(await store.identify(broken.id, 'm1', minutes(1))).toBe(true);
      expect((await other.find([broken.id]))[0]).toMatchObject({ providerMediaId: 'm1', state: 'PENDING', reason: undefined, code: undefined });
      expect((await other.claim(provider, minutes(1), minutes(2), 9)).map(({ providerMediaId }) => providerMediaId)).toEqual(['m1']);
      for (const id of [broken.id, text.id, 'unknown']) expect(await store.identify(id, 'm2', minutes(1))).toBe(false);
    });

    it('gives the import of one message to who asks for it, due or not, unless somebody works on it or it has ended for good', async () => {
      const message = newMessage();
      const { id } = message;
      await store.add([message], minutes(0));
      const one = async (now: Date): Promise<string> => {
        const claim = await other.claimOne(id, now, new Date(now.getTime() + 60_000));
        return typeof claim === 'string' ? claim : claim.messageId;
      };
      expect((await Promise.all([one(minutes(0)), one(minutes(0)), one(minutes(0))])).toSorted()).toEqual([id, 'busy', 'busy'].toSorted());
      expect(await one(minutes(0.5))).toBe('busy');
      expect(await one(minutes(1))).toBe(id);
      await store.postpone(id, minutes(60), { reason: 'later', code: 'IMPORT_FAILED', counts: true });
      expect(await claimed(minutes(2))).toEqual([]);
      expect(await one(minutes(2))).toBe(id);
      await store.fail(id, 'FAILED', { reason: 'corrupt', code: 'IMPORT_FAILED', retryable: true });
      await store.pause(provider, () => minutes(20));
      expect(await one(minutes(4))).toBe('paused');
      await store.resume(provider);
      expect(await one(minutes(4))).toBe(id);
      await store.fail(id, 'FAILED', { reason: 'refused', code: 'IMPORT_REFUSED', retryable: false });
      expect(await one(minutes(9))).toBe('busy');
      expect(await other.claimOne('unknown', minutes(9), minutes(10))).toBe('busy');
    });

    it('asks nothing of a provider that is paused, then one thing at a time until it works', async () => {
      await store.add(Array.from({ length: 5 }, () => newMessage()), minutes(0));
      const pauses: number[] = [];
      const pause = (until: Date): Promise<void> => other.pause(provider, (count) => (pauses.push(count), until));
      await pause(minutes(10));
      expect(await claimed(minutes(9))).toEqual([]);
      const probes = await claimed(minutes(10));
      expect(probes.length).toBe(1);
      // Whoever asks for that one waits for it.
      expect(await other.claimOne(probes[0] ?? '', minutes(10), minutes(11))).toBe('busy');
      // By nobody else, until it is known how that one fares.
      expect(await claimed(minutes(10.5))).toEqual([]);
      await pause(minutes(30));
      expect(await claimed(minutes(29))).toEqual([]);
      await store.resume(provider);
      expect((await claimed(minutes(29))).length).toBe(5);
      await pause(minutes(40));
      expect(pauses).toEqual([1, 2, 1]);
      expect(await store.claim('another', minutes(29), minutes(30), 10)).toEqual([]);
    });
  });
}
