/** Sending template messages: handles, their refresh, the one resend, and what statuses do. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SendFailure } from '../../../src/media/templates/send-failure.js';
import type { SendState } from '../../../src/media/templates/send-store.js';
import type { StatusUpdate } from '../../../src/media/templates/template-channel.js';
import { TemplateRules } from '../../../src/media/templates/template-rules.js';
import { failureOf } from '../import/import-bench.js';
import { tempDir, waitFor } from '../../support/wait.js';
import type { UploadTrouble } from '../../support/fake-whatsapp-sending.js';
import { dayMs, request, SendBench, someVideo } from './send-bench.js';

let bench: SendBench;

beforeEach(async () => {
  bench = await SendBench.start();
});
afterEach(() => bench.close());

const media = (messageId: string, sendId?: string): StatusUpdate => ({ messageId, sendId, status: 'failed', failure: new SendFailure('media', 'The media failed.', { providerCode: 131_053 }) });
const status = (messageId: string, told: 'sent' | 'delivered' | 'read'): StatusUpdate => ({ messageId, sendId: undefined, status: told, failure: undefined });
const statesOf = async (sendId: string): Promise<SendState[]> => (await bench.attempts(sendId)).map(({ state }) => state);
const untilStates = (sendId: string, ...states: SendState[]): Promise<unknown> =>
  waitFor(async () => JSON.stringify(await statesOf(sendId)) === JSON.stringify(states), { what: `the attempts to be ${states.join(', ')}` });

describe('S2', () => {
  it('a template with a valid media is sent once', async () => {
    const bytes = someVideo();
    const { id: headerMediaId } = await bench.store(bytes);
    const result = await bench.instance().templates.send(request({ to: '15550100001', template: 'onboarding', language: 'en', parameters: ['John', 'ß'], header: { mediaId: headerMediaId } }));
    const { taken, uploads } = bench.fake.sending;
    expect(uploads).toMatchObject([{ bytes, mimeType: 'video/mp4', fileName: 'welcome.mp4' }]);
    expect(taken).toEqual([{ id: result.messageId, sendId: result.sendId, to: '+15550100001', name: 'onboarding', locale: 'en', handle: uploads[0]?.handle, link: undefined, fileName: undefined, parameters: ['John', 'ß'] }]);
    expect(await bench.attempts(result.sendId)).toMatchObject([{ state: 'ACCEPTED', to: '+15550100001', language: 'en', messageId: result.messageId, header: { handle: uploads[0]?.handle } }]);
  });

  it('a template whose media has expired is sent once more with a fresh handle, and the records tell of both', async () => {
    const { sending } = bench.fake;
    const { id: headerMediaId } = await bench.store();
    const { templates } = bench.instance();
    await templates.send(request({ header: { mediaId: headerMediaId } }));
    const [old] = sending.uploads;
    sending.kill(old?.handle ?? '');
    const result = await templates.send(request({ header: { mediaId: headerMediaId } }));
    const fresh = sending.uploads[1];
    expect([result.error, sending.sendCalls(), sending.uploadCalls()]).toEqual([undefined, 3, 2]);
    expect(sending.taken.map(({ handle }) => handle)).toEqual([old?.handle, fresh?.handle]);
    const [first, second] = await bench.attempts(result.sendId);
    expect(first).toMatchObject({ state: 'FAILED', providerCode: 100, language: 'en', to: '+15550100001', header: { handle: old?.handle } });
    expect(second).toMatchObject({ state: 'ACCEPTED', resendOf: first?.id, messageId: result.messageId, header: { handle: fresh?.handle } });
    expect(await bench.counters.read()).toMatchObject({ template_sends: 2, template_accepted: 2, template_retries: 1, handle_refreshes: 2, provider_error_100: 1 });
    expect(bench.log.some((line) => line.includes(`"oldMediaId":"${old?.handle}","newMediaId":"${fresh?.handle}"`))).toBe(true);
    expect(bench.log.join('')).not.toContain('15550100001');
  });

  it('a template whose media fails again is not sent a third time', async () => {
    const { sending } = bench.fake;
    const { id: headerMediaId } = await bench.store();
    sending.onSend('code 131053');
    const result = await bench.instance().templates.send(request({ header: { mediaId: headerMediaId } }));
    expect(result).toMatchObject({ error: { code: 'SEND_FAILED', providerCode: 131_053 } });
    expect(sending.sendCalls()).toBe(2);
    // Nor when statuses tell of it.
    const { sender } = bench.instance();
    for (const { id } of await bench.attempts(result.sendId)) await sender.report([media('wamid.any', id)]);
    expect([await statesOf(result.sendId), sending.sendCalls()]).toEqual([['FAILED', 'FAILED'], 2]);
  });

  it('a template whose media is a URL is never sent again', async () => {
    const { sending } = bench.fake;
    const { templates, sender } = bench.instance();
    sending.onSend('code 131053', undefined);
    const refused = await templates.send(request({ header: { url: 'https://cdn.example.com/a.mp4' } }));
    expect(refused.error?.code).toBe('SEND_FAILED');
    const taken = await templates.send(request({ header: { url: 'https://cdn.example.com/a.mp4' } }));
    expect(sending.taken).toMatchObject([{ link: 'https://cdn.example.com/a.mp4', handle: undefined }]);
    await sender.report([media(taken.messageId ?? '')]);
    expect([await statesOf(taken.sendId), sending.sendCalls(), sending.uploadCalls()]).toEqual([['FAILED'], 2, 0]);
  });

  it('a language that is no locale has a template, a locale and a media of its own', async () => {
    const dir = await tempDir('rules');
    const stored = await bench.store();
    await writeFile(join(dir.path, 'templates.json'), JSON.stringify({ onboarding: { en: { locale: 'en_US' }, hing: { name: 'onboarding_hing', locale: 'en', mediaId: stored.id } } }));
    const rules = await TemplateRules.read(join(dir.path, 'templates.json'));
    await bench.close();
    bench = await SendBench.start({ rules });
    await bench.store();
    const { templates } = bench.instance();
    await templates.send(request({ template: 'onboarding', language: 'hing' }));
    await templates.send(request({ template: 'onboarding', language: 'en' }));
    await templates.send(request({ template: 'other', language: 'de' }));
    const { taken, uploads } = bench.fake.sending;
    expect(taken.map(({ name, locale, handle }) => [name, locale, handle])).toEqual([
      ['onboarding_hing', 'en', uploads[0]?.handle],
      ['onboarding', 'en_US', undefined],
      ['other', 'de', undefined],
    ]);
    expect(await failureOf(templates.send(request({ template: 'onboarding', language: 'hi' })))).toEqual({ code: 'BAD_USER_INPUT', message: 'The template is known in en, hing only.' });
    await dir.remove();
  });
});

describe('a handle', () => {
  it('is refreshed when seven days or less are left, and not before', async () => {
    const { sending } = bench.fake;
    const { id: headerMediaId } = await bench.store();
    const { templates } = bench.instance();
    const send = async (): Promise<number> => {
      expect((await templates.send(request({ header: { mediaId: headerMediaId } }))).error).toBeUndefined();
      return sending.uploadCalls();
    };
    expect(await send()).toBe(1);
    bench.pass(23 * dayMs - 60_000);
    expect(await send()).toBe(1);
    bench.pass(60_000);
    expect(await send()).toBe(2);
    expect(sending.taken.at(-1)?.handle).toBe(sending.uploads[1]?.handle);
  });

  it('that cannot be refreshed is used until it ends', async () => {
    const { sending } = bench.fake;
    const { id: headerMediaId } = await bench.store();
    const { templates } = bench.instance();
    await templates.send(request({ header: { mediaId: headerMediaId } }));
    sending.onUpload('status 503');
    bench.pass(29 * dayMs);
    expect((await templates.send(request({ header: { mediaId: headerMediaId } }))).error).toBeUndefined();
    bench.pass(dayMs);
    expect((await templates.send(request({ header: { mediaId: headerMediaId } }))).error).toMatchObject({ code: 'SEND_FAILED', retryable: true });
    expect(sending.sendCalls()).toBe(2);
  });

  it('is made once, however many messages on two instances need it at the same time', async () => {
    const { sending } = bench.fake;
    const { id: headerMediaId } = await bench.store();
    const [one, other] = [bench.instance(), bench.instance()];
    const results = await Promise.all(Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? one : other).templates.send(request({ header: { mediaId: headerMediaId } }))));
    expect(results.filter(({ messageId }) => messageId !== undefined).length).toBe(40);
    expect(sending.uploadCalls()).toBe(1);
  });

  it('is refreshed once, however many messages on two instances have failed by it', async () => {
    const { sending } = bench.fake;
    const { id: headerMediaId } = await bench.store();
    const [one, other] = [bench.instance(), bench.instance()];
    await one.templates.send(request({ header: { mediaId: headerMediaId } }));
    sending.kill(sending.uploads[0]?.handle ?? '');
    const results = await Promise.all(Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? one : other).templates.send(request({ header: { mediaId: headerMediaId } }))));
    expect(results.filter(({ messageId }) => messageId !== undefined).length).toBe(40);
    expect([sending.uploadCalls(), sending.taken.length]).toEqual([2, 41]);
  });

  it('that cannot be had fails for all who wait for it, with one upload', async () => {
    const { sending } = bench.fake;
    const { id: headerMediaId } = await bench.store();
    sending.onUpload('status 503');
    const { templates } = bench.instance();
    const results = await Promise.all(Array.from({ length: 10 }, () => templates.send(request({ header: { mediaId: headerMediaId } }))));
    expect(results.filter(({ error }) => error?.code === 'SEND_FAILED' && error.retryable).length).toBe(10);
    // Whoever begins after the failure was told tries for itself.
    expect(sending.uploadCalls()).toBeLessThan(10);
    expect(sending.sendCalls()).toBe(0);
  });

  it('is of one number and one content: equal bytes of two media share it', async () => {
    const { sending } = bench.fake;
    const bytes = someVideo();
    const [one, other] = [await bench.store(bytes), await bench.store(bytes, 'another.mp4')];
    const { templates } = bench.instance();
    for (const { id } of [one, other]) await templates.send(request({ header: { mediaId: id } }));
    expect([sending.uploadCalls(), sending.sendCalls()]).toEqual([1, 2]);
  });
});

describe('a check of handles', () => {
  it('refreshes what ends within seven days and was sent with, and what templates name', async () => {
    const { sending } = bench.fake;
    const [used, unused] = [await bench.store(), await bench.store()];
    const { templates, sender } = bench.instance();
    await templates.send(request({ header: { mediaId: used.id } }));
    await sender.checkHandles([unused]);
    expect(sending.uploadCalls()).toBe(2);
    bench.pass(22 * dayMs);
    expect(await templates.checkHandles()).toEqual({ checked: 0, failed: 0 });
    bench.pass(dayMs);
    expect(await templates.checkHandles()).toEqual({ checked: 1, failed: 0 });
    expect(sending.uploads.map(({ bytes }) => bytes.equals(sending.uploads[0]?.bytes ?? Buffer.of()))).toEqual([true, false, true]);
    expect(await templates.checkHandles()).toEqual({ checked: 0, failed: 0 });
  });

  it('says how many could not be refreshed', async () => {
    const { sending } = bench.fake;
    const used = await bench.store();
    const { templates } = bench.instance();
    await templates.send(request({ header: { mediaId: used.id } }));
    bench.pass(31 * dayMs);
    sending.onUpload('status 503');
    expect(await templates.checkHandles()).toEqual({ checked: 1, failed: 1 });
  });
});

describe('a status', () => {
  it('that the media has failed leads to one resend, whoever is told how often', async () => {
    const { sending } = bench.fake;
    const { id: headerMediaId } = await bench.store();
    const [one, other] = [bench.instance(), bench.instance()];
    const { sendId, messageId = '' } = await one.templates.send(request({ header: { mediaId: headerMediaId } }));
    await Promise.all([one, other, one, other].map(({ sender }) => sender.report([media(messageId), media(messageId)])));
    await untilStates(sendId, 'FAILED', 'ACCEPTED');
    await other.sender.report([media(messageId), status(messageId, 'sent')]);
    expect([sending.sendCalls(), sending.uploadCalls()]).toEqual([2, 2]);
    const [first, second] = await bench.attempts(sendId);
    expect([first?.header?.file && first.header.handle, second?.header?.file && second.header.handle]).toEqual(sending.uploads.map(({ handle }) => handle));
    await one.sender.report([status(second?.messageId ?? '', 'delivered')]);
    expect(await statesOf(sendId)).toEqual(['FAILED', 'DELIVERED']);
  });

  it('about the media of many messages leads to one refresh', async () => {
    const { sending } = bench.fake;
    const { id: headerMediaId } = await bench.store();
    const [one, other] = [bench.instance(), bench.instance()];
    const sent = await Promise.all(Array.from({ length: 20 }, () => one.templates.send(request({ header: { mediaId: headerMediaId } }))));
    await Promise.all([one, other].map(({ sender }) => sender.report(sent.map(({ messageId = '' }) => media(messageId)))));
    for (const { sendId } of sent) await untilStates(sendId, 'FAILED', 'ACCEPTED');
    expect([sending.sendCalls(), sending.uploadCalls()]).toEqual([40, 2]);
  });

  it('that comes before the answer counts all the same', async () => {
    await bench.close();
    bench = await SendBench.start({ timeouts: { sendMs: 2_000, uploadMs: 10_000 } });
    const { sending } = bench.fake;
    const { id: headerMediaId } = await bench.store();
    const { templates, sender } = bench.instance();
    sending.onSend('taken, and an answer that never ends', undefined);
    const sent = templates.send(request({ header: { mediaId: headerMediaId } }));
    await waitFor(() => sending.taken.length === 1, { what: 'the message to be taken' });
    const [{ id, sendId } = { id: '', sendId: '' }] = sending.taken;
    await sender.report([media(id, sendId)]);
    expect((await sent).error?.code).toBe('SEND_OUTCOME_UNKNOWN');
    await untilStates(sendId, 'FAILED', 'ACCEPTED');
    expect(sending.sendCalls()).toBe(2);
  });

  it('that a refresh must wait for is not forgotten: it is tried again until it works', async () => {
    const { sending } = bench.fake;
    const { id: headerMediaId } = await bench.store();
    const { templates, sender } = bench.instance();
    const { sendId, messageId = '' } = await templates.send(request({ header: { mediaId: headerMediaId } }));
    sending.onUpload('status 503', 'code 190', undefined);
    await sender.report([media(messageId)]);
    const isDone = async (): Promise<boolean> => {
      bench.pass(60_000);
      return (await statesOf(sendId)).at(-1) === 'ACCEPTED';
    };
    await waitFor(isDone, { what: 'the resend' });
    expect([sending.sendCalls(), sending.uploadCalls()]).toEqual([2, 4]);
  });

  it.each<UploadTrouble>(['status 429, again at once', 'status 429, again after an hour', 'status 429, again after 30 years', 'status 429, again in the year 275760', 'code 190'])(
    'that meets %s for hours is not forgotten, and asks seldom',
    async (trouble) => {
      const { sending } = bench.fake;
      const { id: headerMediaId } = await bench.store();
      const { templates, sender } = bench.instance();
      const { sendId, messageId = '' } = await templates.send(request({ header: { mediaId: headerMediaId } }));
      sending.onUpload(trouble);
      await sender.report([media(messageId)]);
      const started = Date.now();
      let passed = 0;
      const hours = async (): Promise<boolean> => {
        bench.pass(1_800_000);
        passed += 1;
        await bench.sends.find([sendId]);
        return passed >= 12 && sending.uploadCalls() >= 4;
      };
      await waitFor(hours, { what: 'six hours' });
      expect(sending.uploadCalls()).toBeLessThanOrEqual(2 + (passed * 1_800_000 + Date.now() - started) / 60_000);
      sending.onUpload(undefined);
      const isDone = async (): Promise<boolean> => {
        bench.pass(600_000);
        return (await statesOf(sendId)).at(-1) === 'ACCEPTED';
      };
      await waitFor(isDone, { what: 'the resend' });
      expect(sending.sendCalls()).toBe(2);
    },
  );

  it('whose resend is refused for now is made later, once', async () => {
    const { sending } = bench.fake;
    const { id: headerMediaId } = await bench.store();
    const { templates, sender } = bench.instance();
    const { sendId, messageId = '' } = await templates.send(request({ header: { mediaId: headerMediaId } }));
    sending.onSend('code 130429', 'status 429, again after 2 s', 'code 190, the token has expired', undefined);
    await sender.report([media(messageId)]);
    const isDone = async (): Promise<boolean> => {
      bench.pass(60_000);
      return (await statesOf(sendId)).at(-1) === 'ACCEPTED';
    };
    await waitFor(isDone, { what: 'the resend' });
    expect([sending.sendCalls(), sending.taken.length, sending.uploadCalls()]).toEqual([5, 2, 2]);
  });

  it('whose resend cannot be made within a day is given up, and counted', async () => {
    const { sending } = bench.fake;
    const { id: headerMediaId } = await bench.store();
    const { templates, sender } = bench.instance();
    const { sendId, messageId = '' } = await templates.send(request({ header: { mediaId: headerMediaId } }));
    sending.onUpload('status 503');
    await sender.report([media(messageId)]);
    const isOver = async (): Promise<boolean> => {
      bench.pass(3_600_000);
      return (await statesOf(sendId)).at(-1) === 'FAILED';
    };
    await waitFor(isOver, { what: 'the resend to be given up' });
    expect([sending.sendCalls(), await statesOf(sendId)]).toEqual([1, ['FAILED', 'FAILED']]);
    await waitFor(async () => (await bench.counters.read()).template_failed === 2, { what: 'both to be counted' });
  });

  it('of messages that are not ours changes nothing', async () => {
    const { sender } = bench.instance();
    await sender.report([media('wamid.of-somebody-else'), status('wamid.of-somebody-else', 'read')]);
    expect(await bench.counters.read()).toMatchObject({ template_failed: 0, provider_error_131053: 0 });
  });
});

describe('what may have been sent', () => {
  it('is never sent again, also when its sender has died', async () => {
    const { sending } = bench.fake;
    const file = await bench.store();
    const { sender, templates } = bench.instance();
    // As a process leaves it that is killed between the call and its answer.
    const header = { type: 'video', fileName: 'a.mp4', file, handle: 'h1' } as const;
    const common = { provider: 'whatsapp', account: sending.phoneNumberId, to: '+15550100001', template: 'welcome', language: 'en', name: 'welcome', locale: 'en', parameters: [] };
    const { id } = await bench.sends.begin({ ...common, header }, new Date());
    bench.pass(3_600_000);
    await untilStates(id, 'UNKNOWN');
    expect(sending.sendCalls()).toBe(0);
    // Only a failure that the provider tells makes it known.
    await sender.report([media('wamid.killed', id)]);
    await untilStates(id, 'FAILED', 'ACCEPTED');
    expect([sending.sendCalls(), templates]).toMatchObject([1, {}]);
  });

  it('is a resend too: one that was begun is not begun again', async () => {
    const { sending } = bench.fake;
    const { id: headerMediaId } = await bench.store();
    const { sender, templates } = bench.instance();
    const { sendId, messageId = '' } = await templates.send(request({ header: { mediaId: headerMediaId } }));
    sending.onSend('taken, and no answer');
    await sender.report([media(messageId)]);
    await untilStates(sendId, 'FAILED', 'UNKNOWN');
    bench.pass(3_600_000);
    await templates.checkHandles();
    expect([await statesOf(sendId), sending.sendCalls(), sending.taken.length]).toEqual([['FAILED', 'UNKNOWN'], 2, 2]);
  });

  it('was not, when the provider cannot be reached: sending again may succeed', async () => {
    const { templates } = bench.instance();
    await bench.fake.host.stop();
    const result = await templates.send(request());
    expect(result.error).toEqual({ code: 'SEND_FAILED', message: 'The provider could not be reached.', retryable: true, providerCode: undefined });
    expect(await statesOf(result.sendId)).toEqual(['FAILED']);
  });
});

describe('a stop', () => {
  it('ends what goes on: a resend is left to others, a message is unknown', async () => {
    await bench.close();
    bench = await SendBench.start({ timeouts: { sendMs: 60_000, uploadMs: 60_000 } });
    const { sending } = bench.fake;
    const { id: headerMediaId } = await bench.store();
    const { templates, sender } = bench.instance();
    const { sendId, messageId = '' } = await templates.send(request({ header: { mediaId: headerMediaId } }));
    sending.onUpload('no answer');
    sending.onSend('taken, and an answer that never ends');
    await sender.report([media(messageId)]);
    const sent = templates.send(request());
    await waitFor(() => sending.uploadCalls() === 2 && sending.sendCalls() === 2, { what: 'both calls' });
    const begun = performance.now();
    await sender.stop();
    expect(performance.now() - begun).toBeLessThan(30_000);
    expect((await sent).error?.code).toBe('SEND_OUTCOME_UNKNOWN');
    expect(await statesOf(sendId)).toEqual(['FAILED', 'QUEUED']);
  });
});

describe('a link', () => {
  it('is sent as the URL that it is, and named as a person reads it', async () => {
    const { templates } = bench.instance();
    await templates.send(request({ header: { url: 'https://cdn.example.com/Meine Rechnung ü.pdf' } }));
    await templates.send(request({ header: { url: 'https://cdn.example.com/a\0b.pdf' } }));
    expect(bench.fake.sending.taken.map(({ link, fileName }) => [link, fileName])).toEqual([
      ['https://cdn.example.com/Meine%20Rechnung%20%C3%BC.pdf', 'Meine Rechnung ü.pdf'],
      ['https://cdn.example.com/a%00b.pdf', 'a%00b.pdf'],
    ]);
  });
});

describe('what cannot be sent', () => {
  it.each([
    ['a number without its country code', { to: '0555' }, 'to must be a phone number with its country code: 7 to 15 digits.'],
    ['no template', { template: '' }, 'template must not be empty.'],
    ['an empty parameter', { parameters: [''] }, 'parameters must not be empty.'],
    ['too many parameters', { parameters: Array.from({ length: 65 }, () => 'x') }, 'parameters must be at most 64.'],
    ['a link by plain HTTP', { header: { url: 'http://cdn.example.com/a.mp4' } }, 'headerUrl must be a URL that begins with https://.'],
    ['a link to what no header can be', { header: { url: 'https://cdn.example.com/a.mp3' } }, 'A header can be of JPEG and PNG images, MP4 and 3GPP videos, PDF, text and office documents, not of audio/mpeg.'],
    ['a link without an extension', { header: { url: 'https://cdn.example.com/a' } }, 'The path of headerUrl must end with the extension of its type, such as .mp4 or .pdf.'],
  ])('is %s: said, and not recorded', async (_what, fields, message) => {
    expect(await failureOf(bench.instance().templates.send(request(fields)))).toEqual({ code: 'BAD_USER_INPUT', message });
    expect([bench.fake.sending.sendCalls(), (await bench.counters.read()).template_sends]).toEqual([0, 0]);
  });

  it('is a media that is not there, or too large', async () => {
    const { templates } = bench.instance();
    expect(await failureOf(templates.send(request({ header: { mediaId: '999' } })))).toEqual({ code: 'NOT_FOUND', message: 'There is no file with the id of the header.' });
    const { id: headerMediaId } = await bench.store(Buffer.concat([someVideo(), Buffer.alloc(17_000_000)]));
    expect(await failureOf(templates.send(request({ header: { mediaId: headerMediaId } })))).toEqual({
      code: 'BAD_USER_INPUT',
      message: 'The file is too large for a header: at most 16777216 bytes are allowed for its type.',
    });
  });
});
