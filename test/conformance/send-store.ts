/** What every store of sends promises. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SendFailure, type SendFailureKind } from '../../src/media/templates/send-failure.js';
import type { NewSend, Send, SendHeader, SendStore } from '../../src/media/templates/send-store.js';
import type { StatusUpdate } from '../../src/media/templates/template-channel.js';

export interface TestSendStore {
  /** Two instances, or one twice, on a database that nothing was stored in. */
  instances: [SendStore, SendStore];
  close(): Promise<void>;
}

const provider = 'fake';
const start = Date.parse('2026-11-21T12:00:00Z');
const minutes = (count: number): Date => new Date(start + count * 60_000);
const failure = (kind: SendFailureKind, providerCode = 131_053): SendFailure => new SendFailure(kind, 'It was refused.', { providerCode });

const video: SendHeader = { type: 'video', fileName: 'a.mp4', file: { sha256: 'a'.repeat(64), mimeType: 'video/mp4', fileName: 'a.mp4', size: 7 }, handle: 'h1' };
const link: SendHeader = { type: 'image', fileName: 'a.png', link: 'https://example.com/a.png' };

function newSend(fields: Partial<NewSend> = {}): NewSend {
  return { provider, account: '1', to: '+15550100001', template: 'welcome', language: 'hing', name: 'welcome_hing', locale: 'en', parameters: ['Ann', 'ß "'], header: video, ...fields };
}

let ids = 0;
const newId = (): string => `wamid.${(ids += 1)}`;

export function describeSendStore(name: string, open: () => Promise<TestSendStore>): void {
  describe(`${name} as a store of sends`, () => {
    let test: TestSendStore;
    let store: SendStore;
    let other: SendStore;

    beforeEach(async () => {
      test = await open();
      [store, other] = test.instances;
    });
    afterEach(() => test.close());

    const find = async (id: string): Promise<Send | undefined> => (await other.find([id]))[0];
    const stateOf = async (id: string) => (await find(id))?.state;
    const accepted = async (fields: Partial<NewSend> = {}): Promise<{ id: string; messageId: string }> => {
      const { id } = await store.begin(newSend(fields), minutes(0));
      const messageId = newId();
      await store.accept(id, messageId, minutes(0));
      return { id, messageId };
    };
    const told = (messageId: string, status: StatusUpdate['status'], kind: SendFailureKind = 'media'): StatusUpdate => ({
      messageId,
      sendId: undefined,
      status,
      failure: status === 'failed' ? failure(kind) : undefined,
    });
    const report = async (by: SendStore, update: StatusUpdate, now: Date, of = provider) => (await by.report(of, [update], now))[0];
    const resendsOf = async (id: string): Promise<Send[]> => (await other.attempts(id)).slice(1);

    it('gives back what was to be sent', async () => {
      for (const header of [video, link, undefined]) {
        const { id } = await store.begin(newSend({ header }), minutes(0));
        expect(await find(id)).toEqual({ ...newSend({ header }), id, state: 'SENDING', tries: 0, createdAt: minutes(0), resendOf: undefined, messageId: undefined, reason: undefined, providerCode: undefined });
      }
      expect(await other.find([])).toEqual([]);
      expect(await other.find(['unknown'])).toEqual([undefined]);
      expect(await other.attempts('unknown')).toEqual([]);
    });

    it('records what could not even be begun', async () => {
      const { id } = await store.begin(newSend(), minutes(0), { state: 'FAILED', failure: failure('unsent', 5) });
      expect(await find(id)).toMatchObject({ state: 'FAILED', reason: 'It was refused.', providerCode: 5 });
    });

    it('ends what is being sent once: what a status has said meanwhile stays', async () => {
      const first = await store.begin(newSend(), minutes(0));
      await store.accept(first.id, 'wamid.first', minutes(0));
      await store.end(first.id, { state: 'UNKNOWN', failure: failure('unknown') }, minutes(1));
      expect(await find(first.id)).toMatchObject({ state: 'ACCEPTED', messageId: 'wamid.first' });

      const second = await store.begin(newSend(), minutes(0));
      expect(await report(store, { ...told('wamid.second', 'delivered'), sendId: second.id }, minutes(0))).toBe('noted');
      await store.accept(second.id, 'wamid.second', minutes(1));
      expect(await find(second.id)).toMatchObject({ state: 'DELIVERED', messageId: 'wamid.second' });

      const third = await store.begin(newSend(), minutes(0));
      expect(await store.abandon(provider, minutes(1), minutes(1))).toBe(1);
      await store.end(third.id, { state: 'FAILED', failure: failure('rejected') }, minutes(1));
      await store.accept(third.id, 'wamid.third', minutes(1));
      expect(await stateOf(third.id)).toBe('FAILED');
    });

    it('notes statuses in whatever order they come: later ones count, and nothing revives what has failed', async () => {
      const { id, messageId } = await accepted();
      expect(await report(store, told(messageId, 'read'), minutes(1))).toBe('noted');
      for (const status of ['sent', 'delivered', 'read', 'failed'] as const) expect(await report(other, told(messageId, status), minutes(2))).toBe('nothing');
      expect(await stateOf(id)).toBe('READ');

      const failed = await accepted({ header: link });
      expect(await report(store, told(failed.messageId, 'failed'), minutes(1))).toBe('noted');
      for (const status of ['sent', 'delivered', 'read', 'failed'] as const) expect(await report(other, told(failed.messageId, status), minutes(2))).toBe('nothing');
      expect(await find(failed.id)).toMatchObject({ state: 'FAILED', reason: 'It was refused.', providerCode: 131_053 });
    });

    it('knows a message by our id while the provider\'s is not known, and nothing of those of others', async () => {
      const { id } = await store.begin(newSend(), minutes(0));
      expect(await report(store, told('wamid.late', 'sent'), minutes(0))).toBe('unknown');
      expect(await report(store, { ...told('wamid.late', 'sent'), sendId: id }, minutes(0), 'another')).toBe('unknown');
      expect(await report(store, { ...told('wamid.late', 'sent'), sendId: id }, minutes(0))).toBe('noted');
      expect(await find(id)).toMatchObject({ state: 'SENT', messageId: 'wamid.late' });
      expect(await report(store, told('wamid.late', 'delivered'), minutes(0))).toBe('noted');
    });

    it('makes one resend of a message whose media has failed, however many tell of it', async () => {
      const { id, messageId } = await accepted();
      const reports = await Promise.all([store, other, store, other].map((one) => report(one, told(messageId, 'failed'), minutes(1))));
      expect(reports.map(String).toSorted()).toEqual(['nothing', 'nothing', 'nothing', 'resend']);
      const [resend, ...more] = await resendsOf(id);
      expect(more).toEqual([]);
      expect(resend).toMatchObject({ ...newSend(), resendOf: id, state: 'QUEUED', messageId: undefined, reason: undefined, tries: 0 });
    });

    it('makes none of a link, of another failure, of a delivered message, or of a resend', async () => {
      const [ofLink, rejected, delivered, repeated] = [await accepted({ header: link }), await accepted(), await accepted(), await accepted()];
      await report(store, told(ofLink.messageId, 'failed'), minutes(1));
      await report(store, told(rejected.messageId, 'failed', 'rejected'), minutes(1));
      await report(store, told(delivered.messageId, 'delivered'), minutes(1));
      await report(store, told(delivered.messageId, 'failed'), minutes(2));
      for (const { id } of [ofLink, rejected, delivered]) expect(await resendsOf(id)).toEqual([]);

      await report(store, told(repeated.messageId, 'failed'), minutes(1));
      const [resend] = await resendsOf(repeated.id);
      expect(resend && (await store.start(resend.id, 'h2', minutes(1)))).toBe(true);
      await store.accept(resend?.id ?? '', 'wamid.again', minutes(1));
      expect(await report(store, told('wamid.again', 'failed'), minutes(2))).toBe('noted');
      expect((await other.attempts(repeated.id)).map(({ state }) => state)).toEqual(['FAILED', 'FAILED']);
      expect((await other.attempts(resend?.id ?? '')).map(({ id }) => id)).toEqual([repeated.id, resend?.id]);
    });

    it('ends a first attempt and queues its resend together, for whoever did, once', async () => {
      const { id } = await store.begin(newSend(), minutes(0));
      const made = await Promise.all([store, other].map((one) => one.endAndResend(id, failure('media'), minutes(0), minutes(2))));
      expect(made.filter(Boolean).length).toBe(1);
      expect(await other.claim(provider, '1', minutes(1), minutes(3), 10)).toEqual([]);
      const [claimed, ...more] = await other.claim(provider, '1', minutes(2), minutes(4), 10);
      expect([claimed?.resendOf, claimed?.tries, more.length]).toEqual([id, 1, 0]);
      expect(await store.endAndResend(id, failure('media'), minutes(3), minutes(5))).toBeUndefined();

      const plain = await store.begin(newSend({ header: undefined }), minutes(0));
      expect(await store.endAndResend(plain.id, failure('media'), minutes(0), minutes(2))).toBeUndefined();
      expect(await stateOf(plain.id)).toBe('FAILED');
    });

    it('gives each queued resend to one at a time, and begins it once', async () => {
      const sent = await Promise.all(Array.from({ length: 20 }, () => accepted()));
      for (const { messageId } of sent) await report(store, told(messageId, 'failed'), minutes(0));
      const claims = await Promise.all([store, other, store].map((one) => one.claim(provider, '1', minutes(1), minutes(2), 10)));
      const claimed = claims.flat().map(({ id }) => id);
      expect([claimed.length, new Set(claimed).size]).toEqual([20, 20]);
      expect(await store.claim('another', '1', minutes(1), minutes(2), 10)).toEqual([]);

      // One that takes too long is given to somebody else: whoever begins first sends.
      const [late = ''] = claimed;
      expect((await other.claim(provider, '1', minutes(2), minutes(3), 100)).length).toBe(20);
      const begun = await Promise.all([store, other].map((one) => one.start(late, 'h2', minutes(2))));
      expect(begun.filter(Boolean).length).toBe(1);
      expect(await find(late)).toMatchObject({ state: 'SENDING', header: { handle: 'h2' } });
      expect((await store.claim(provider, '1', minutes(4), minutes(5), 100)).map(({ id }) => id)).not.toContain(late);
    });

    it('gives up a resend only while nobody has begun it', async () => {
      const [one, another] = [await accepted(), await accepted()];
      for (const { messageId } of [one, another]) await report(store, told(messageId, 'failed'), minutes(0));
      const [first = '', second = ''] = [...(await resendsOf(one.id)), ...(await resendsOf(another.id))].map(({ id }) => id);
      expect(await store.giveUp(first, failure('unsent', 4), minutes(1))).toBe(true);
      expect(await find(first)).toMatchObject({ state: 'FAILED', reason: 'It was refused.', providerCode: 4 });
      await other.start(second, 'h2', minutes(1));
      expect(await store.giveUp(second, failure('unsent'), minutes(1))).toBe(false);
      expect([await stateOf(second), await store.giveUp(first, failure('unsent'), minutes(1))]).toEqual(['SENDING', false]);
    });

    it('queues a resend again that was certainly not sent, and no first attempt', async () => {
      const { id, messageId } = await accepted();
      await report(store, told(messageId, 'failed'), minutes(0));
      const [resend] = await store.claim(provider, '1', minutes(0), minutes(1), 1);
      await store.start(resend?.id ?? '', 'h2', minutes(1));
      await other.requeue(resend?.id ?? '', minutes(5), minutes(1));
      expect(await store.claim(provider, '1', minutes(4), minutes(6), 1)).toEqual([]);
      const [again] = await store.claim(provider, '1', minutes(5), minutes(6), 1);
      expect(again).toMatchObject({ resendOf: id, state: 'QUEUED', header: { handle: 'h1' } });
      await store.start(resend?.id ?? '', 'h3', minutes(5));
      await store.accept(resend?.id ?? '', newId(), minutes(5));
      await other.requeue(resend?.id ?? '', minutes(9), minutes(6));
      const first = await store.begin(newSend(), minutes(0));
      await store.requeue(first.id, minutes(1), minutes(0));
      expect([await stateOf(resend?.id ?? ''), await stateOf(first.id)]).toEqual(['ACCEPTED', 'SENDING']);
    });

    it('notes thousands of statuses together, those of one message in their order', async () => {
      const { id, messageId } = await accepted();
      const others = Array.from({ length: 5_000 }, () => ({ ...told(newId(), 'read'), sendId: newId() }));
      const updates = [...others, told(messageId, 'sent'), told(messageId, 'delivered'), told(messageId, 'sent'), told(messageId, 'failed')];
      const reported = await store.report(provider, updates, minutes(1));
      expect([reported.length, new Set(reported.slice(0, 5_000)), reported.slice(5_000)]).toEqual([5_004, new Set(['unknown']), ['noted', 'noted', 'nothing', 'nothing']]);
      expect(await stateOf(id)).toBe('DELIVERED');
      const failed = await accepted();
      expect(await store.report(provider, [told(failed.messageId, 'failed'), told(failed.messageId, 'failed'), told(failed.messageId, 'sent')], minutes(1))).toEqual(['resend', 'nothing', 'nothing']);
      expect(await store.report(provider, [], minutes(1))).toEqual([]);
    });

    it('gives the resends of a number to its sender only', async () => {
      const { messageId } = await accepted();
      await report(store, told(messageId, 'failed'), minutes(0));
      expect(await store.claim(provider, '2', minutes(1), minutes(2), 10)).toEqual([]);
      expect((await store.claim(provider, '1', minutes(1), minutes(2), 10)).length).toBe(1);
    });

    it('leaves a postponed resend until it is due', async () => {
      const { messageId } = await accepted();
      await report(store, told(messageId, 'failed'), minutes(0));
      const [resend] = await store.claim(provider, '1', minutes(0), minutes(1), 1);
      await store.postpone(resend?.id ?? '', minutes(9));
      expect(await store.claim(provider, '1', minutes(8), minutes(9), 1)).toEqual([]);
      expect((await store.claim(provider, '1', minutes(9), minutes(10), 1)).map(({ tries }) => tries)).toEqual([2]);
    });

    it('does not know what came of what was being sent when its sender died, until a status says so', async () => {
      const lost = await store.begin(newSend(), minutes(0));
      const underWay = await store.begin(newSend(), minutes(2));
      expect(await store.abandon(provider, minutes(1), minutes(3))).toBe(1);
      expect(await other.abandon(provider, minutes(1), minutes(3))).toBe(0);
      expect([await stateOf(lost.id), await stateOf(underWay.id)]).toEqual(['UNKNOWN', 'SENDING']);
      expect(await report(store, { ...told('wamid.lost', 'failed'), sendId: lost.id }, minutes(4))).toBe('resend');
      expect((await resendsOf(lost.id)).length).toBe(1);
    });
  });
}
