/** Every way in which the Graph API can fail to take a message or a media: what is recorded, by which calls, what is kept, and what the client is told. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { SendResult } from '../../../src/media/templates/templates.js';
import type { SendState } from '../../../src/media/templates/send-store.js';
import { sendTroubles, uploadTroubles, type SendTrouble, type UploadTrouble } from '../../support/fake-whatsapp-sending.js';
import { request, SendBench, type Instance } from '../../media/templates/send-bench.js';

/** What follows from a trouble that every call meets. */
interface Outcome {
  readonly told: { readonly code: string; readonly retryable: boolean; readonly providerCode: number | undefined };
  /** Of each attempt, in order. */
  readonly states: readonly SendState[];
  readonly sends: number;
  readonly uploads: number;
  /** Whether the handle of the first upload is used by the next message. */
  readonly keepsHandle: boolean;
}

const told = (code: string, retryable: boolean, providerCode: number | undefined): Outcome['told'] => ({ code, retryable, providerCode });
const once = { sends: 1, uploads: 1, keepsHandle: true };

/** Of the media: it is uploaded anew, and the message sent once more. */
const repeated = (code: number): Outcome => ({ told: told('SEND_FAILED', false, code), states: ['FAILED', 'FAILED'], sends: 2, uploads: 2, keepsHandle: false });
const refused = (code?: number): Outcome => ({ told: told('SEND_FAILED', false, code), states: ['FAILED'], ...once });
const throttled = (code?: number): Outcome => ({ told: told('RATE_LIMITED', true, code), states: ['FAILED'], ...once });
const unknown = (code?: number): Outcome => ({ told: told('SEND_OUTCOME_UNKNOWN', true, code), states: ['UNKNOWN'], ...once });

const ofSend: readonly (readonly [SendTrouble, Outcome])[] = [
  ['code 100, media attachment id', repeated(100)],
  ['code 131009, does not exist or has expired', repeated(131_009)],
  ['code 131053', repeated(131_053)],
  ['code 131005', repeated(131_005)],
  ['code 131053, with status 500', repeated(131_053)],
  ['code 100, of a parameter', refused(100)],
  ['code 131009, of a parameter', refused(131_009)],
  ['code 131052', refused(131_052)],
  ['code 0', refused(0)],
  ['code 3', refused(3)],
  ['code 10', refused(10)],
  ['code 190, the token has expired', refused(190)],
  ['code 200', refused(200)],
  ['code 299', refused(299)],
  ['code 368', refused(368)],
  ['code 131031', refused(131_031)],
  ['code 131048', refused(131_048)],
  ['code 131026', refused(131_026)],
  ['code 131047, the window has expired', refused(131_047)],
  ['code 4', throttled(4)],
  ['code 80007', throttled(80_007)],
  ['code 130429', throttled(130_429)],
  ['code 131056', throttled(131_056)],
  ['status 429, again after 2 s', throttled()],
  ['code 1', unknown(1)],
  ['code 2', unknown(2)],
  ['code 131000', unknown(131_000)],
  ['code 131016', unknown(131_016)],
  ['a code that nobody knows', refused(999_999)],
  ['a code that is none', refused()],
  ['a code with a fraction', refused()],
  ['code 131030, with the number in its words', refused(131_030)],
  ['status 404', refused()],
  ['status 500', unknown()],
  ['status 503', unknown()],
  ['a page, with status 502', unknown()],
  ['a page, with status 200', unknown()],
  ['status 200, without an id', unknown()],
  ['an id that cannot be kept', unknown()],
  ['an id that is too long', unknown()],
  ['more than 1 MB', unknown()],
  ['more than 1 MB, with status 500', unknown()],
  ['a redirect', unknown()],
  ['a reset', unknown()],
  ['taken, and no answer', unknown()],
  ['taken, and an answer that never ends', unknown()],
];

type UploadOutcome = Outcome['told'];

const ofUpload: readonly (readonly [UploadTrouble, UploadOutcome])[] = [
  ['code 100, of the type of the part', told('SEND_FAILED', false, 100)],
  ['code 131053', told('SEND_FAILED', false, 131_053)],
  ['code 190', told('SEND_FAILED', false, 190)],
  ['code 10', told('SEND_FAILED', false, 10)],
  ['code 130429', told('RATE_LIMITED', true, 130_429)],
  ['status 429, again after an hour', told('RATE_LIMITED', true, undefined)],
  ['status 429, again at once', told('RATE_LIMITED', true, undefined)],
  ['status 429, again after 30 years', told('RATE_LIMITED', true, undefined)],
  ['status 429, again in the year 275760', told('RATE_LIMITED', true, undefined)],
  ['code 131000', told('SEND_FAILED', true, 131_000)],
  ['status 500', told('SEND_FAILED', true, undefined)],
  ['status 503', told('SEND_FAILED', true, undefined)],
  ['a page, with status 200', told('SEND_FAILED', true, undefined)],
  ['no id', told('SEND_FAILED', true, undefined)],
  ['a reset', told('SEND_FAILED', true, undefined)],
  ['no answer', told('SEND_FAILED', true, undefined)],
];

let bench: SendBench;
let instance: Instance;

beforeEach(async () => {
  // What never answers is waited for.
  bench = await SendBench.start({ timeouts: { sendMs: 1_500, uploadMs: 1_500 } });
  instance = bench.instance();
});
afterEach(() => bench.close());

const errorOf = ({ error }: SendResult): unknown => error && { code: error.code, retryable: error.retryable, providerCode: error.providerCode };
const statesOf = async ({ sendId }: SendResult): Promise<SendState[]> => (await bench.attempts(sendId)).map(({ state }) => state);

describe('a message with a stored media', () => {
  it.each(ofSend)('%s', async (trouble, { told: expected, states, sends, uploads, keepsHandle }) => {
    const { sending } = bench.fake;
    const { id: headerMediaId } = await bench.store();
    sending.onSend(trouble);
    const result = await instance.templates.send(request({ header: { mediaId: headerMediaId } }));
    expect(errorOf(result)).toEqual(expected);
    expect([await statesOf(result), sending.sendCalls(), sending.uploadCalls()]).toEqual([states, sends, uploads]);
    // At most what the provider has taken and not said.
    expect(sending.taken.length).toBeLessThanOrEqual(1);

    sending.onSend(undefined);
    const next = await instance.templates.send(request({ header: { mediaId: headerMediaId } }));
    expect([next.error, sending.uploadCalls()]).toEqual([undefined, uploads]);
    expect(sending.taken.at(-1)?.handle).toBe(sending.uploads.at(keepsHandle ? 0 : -1)?.handle);
  });
});

describe('a message with a link', () => {
  it.each(ofSend)('%s: sent once, nothing uploaded', async (trouble, { told: expected, states }) => {
    const { sending } = bench.fake;
    sending.onSend(trouble);
    const result = await instance.templates.send(request({ header: { url: 'https://cdn.example.com/welcome.mp4' } }));
    expect(errorOf(result)).toEqual(expected);
    expect([await statesOf(result), sending.sendCalls(), sending.uploadCalls()]).toEqual([states.slice(0, 1), 1, 0]);
  });
});

describe('a message that is sent once more', () => {
  it.each(ofSend)('%s: not a third time', async (trouble, { told: expected, states }) => {
    const { sending } = bench.fake;
    const { id: headerMediaId } = await bench.store();
    sending.onSend('code 131053', trouble);
    const result = await instance.templates.send(request({ header: { mediaId: headerMediaId } }));
    expect(errorOf(result)).toEqual(expected);
    expect([await statesOf(result), sending.sendCalls(), sending.uploadCalls()]).toEqual([['FAILED', ...states.slice(0, 1)], 2, 2]);
  });
});

describe('an upload', () => {
  it.each(ofUpload)('%s: nothing is sent', async (trouble, expected) => {
    const { sending } = bench.fake;
    const { id: headerMediaId } = await bench.store();
    sending.onUpload(trouble, undefined);
    const result = await instance.templates.send(request({ header: { mediaId: headerMediaId } }));
    expect(errorOf(result)).toEqual(expected);
    expect([await statesOf(result), sending.sendCalls(), sending.uploadCalls()]).toEqual([['FAILED'], 0, 1]);
    // Nothing of it is remembered: whoever asks again may have it.
    expect((await instance.templates.send(request({ header: { mediaId: headerMediaId } }))).error).toBeUndefined();
  });

  it.each(ofUpload)('%s, when a handle is to be refreshed: the original error is told, and nothing is sent again', async (trouble) => {
    const { sending } = bench.fake;
    const { id: headerMediaId } = await bench.store();
    sending.onUpload(undefined, trouble);
    sending.onSend('code 131053', undefined);
    const result = await instance.templates.send(request({ header: { mediaId: headerMediaId } }));
    expect(errorOf(result)).toEqual(told('SEND_FAILED', false, 131_053));
    expect([await statesOf(result), sending.sendCalls(), sending.uploadCalls()]).toEqual([['FAILED', 'FAILED'], 1, 2]);
  });
});

describe('the list of codes and patterns', () => {
  it.each<[string, string, SendTrouble, number]>([
    ['131053', 'expired', 'code 131005', 1],
    ['131053', '', 'code 100, media attachment id', 1],
    ['', '', 'code 131053', 1],
    ['', 'upload error', 'code 131053', 2],
    ['131026', '', 'code 131026', 2],
    // Whatever is listed.
    ['190,131053', 'expired', 'code 190, the token has expired', 1],
    ['130429', '', 'code 130429', 1],
    ['', '.', 'code 131047, the window has expired', 1],
    ['', '.', 'code 131000', 1],
    ['131000', '.', 'code 131000', 1],
  ])('"%s" and "%s": %s is sent %i times', async (codes, patterns, trouble, times) => {
    await bench.close();
    bench = await SendBench.start({ env: { WA_MEDIA_REFRESH_CODES: codes || '0', WA_MEDIA_REFRESH_PATTERNS: patterns || '(?!)' } });
    const { id: headerMediaId } = await bench.store();
    bench.fake.sending.onSend(trouble);
    await bench.instance().templates.send(request({ header: { mediaId: headerMediaId } }));
    expect(bench.fake.sending.sendCalls()).toBe(times);
  });
});

it('logs nothing of who was to be sent to', async () => {
  for (const trouble of ofSend.map(([one]) => one)) {
    bench.fake.sending.onSend(trouble);
    await instance.templates.send(request());
  }
  expect(bench.log.length).toBeGreaterThanOrEqual(ofSend.length);
  expect(bench.log.join('')).not.toContain('15550100001');
});

describe('the tables', () => {
  it('leave nothing out that the fake can do', () => {
    expect(ofSend.map(([trouble]) => trouble).toSorted()).toEqual(Object.keys(sendTroubles).toSorted());
    expect(ofUpload.map(([trouble]) => trouble).toSorted()).toEqual(Object.keys(uploadTroubles).toSorted());
  });
});
