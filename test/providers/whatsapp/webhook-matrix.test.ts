/** Every kind of delivery that the provider makes: what it is answered, what is stored, by which calls, and what is sent because of it. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { pino } from 'pino';
import { createSqlMessageStore } from '../../../src/media/rows/sql-message-store.js';
import { createSqlSendStore } from '../../../src/media/rows/sql-send-store.js';
import type { MediaState } from '../../../src/media/messages/message.js';
import type { SendState } from '../../../src/media/templates/send-store.js';
import type { SqlDatabase } from '../../../src/media/rows/sql-database.js';
import { openSqliteDatabase } from '../../../src/media/rows/sqlite-database.js';
import { unary } from '../../../src/runtime/grpc.js';
import { Harness, methods } from '../../media/harness.js';
import { somePng } from '../../media/import/import-bench.js';
import { startFakeWhatsApp, type FakeWhatsApp, type Received } from '../../support/fake-whatsapp.js';
import { waitFor } from '../../support/wait.js';
import { bodyOf, deliver, entryOf, mediaMessage, mediaTypes, signatureOf, statusEntry, textMessage, webhookEnv, type SentMessage, type SentStatus } from '../../support/whatsapp-webhooks.js';

/** Deliveries that tell of one message, and what follows. */
interface Inbound {
  /** One after the other; those of one list at the same time. */
  readonly deliveries: (message: SentMessage) => readonly (readonly Promise<Response>[])[];
  readonly message?: (received: Received) => SentMessage;
  /** Of all answers. */
  readonly status: number;
  /** Undefined: it is not there. */
  readonly state: MediaState | undefined;
  readonly calls: number;
}

let fake: FakeWhatsApp;
let harness: Harness;
let database: SqlDatabase;

beforeAll(async () => {
  fake = await startFakeWhatsApp();
  harness = await Harness.start({ env: { ...fake.env, ...webhookEnv } });
  database = await openSqliteDatabase(join(harness.dir.path, 'media.db'), pino({ level: 'silent' }));
});
afterAll(async () => {
  await database.stop();
  await harness.close();
  await fake.stop();
});

const tell = (body: string, options?: { signature: string | null }): Promise<Response> => deliver(harness.http.url, body, options);
const once = (message: SentMessage): readonly (readonly Promise<Response>[])[] => [[tell(bodyOf(entryOf(message)))]];
const image = (received: Received): SentMessage => mediaMessage('image', received);
const plain = { status: 200, state: 'READY', calls: 2, message: image } as const;
const stored = { deliveries: once, ...plain };
const optional = { caption: 'eine Ansicht ✓', filename: 'view.png', voice: true, animated: false, url: 'https://lookaside.fbsbx.com/whatsapp' };
const errorOf = (code: number): object => ({ errors: [{ code, title: 'Media download error', message: 'Media download error', error_data: { details: 'unavailable' } }] });

const ofMedia = mediaTypes.flatMap((type): [string, Inbound][] => [
  [`${type}, with what must be there only`, { ...stored, message: (received) => mediaMessage(type, received) }],
  [`${type}, with all that may be there`, { ...stored, message: (received) => mediaMessage(type, received, optional) }],
  [`${type}, without an id`, { ...stored, message: (received) => mediaMessage(type, received, { id: undefined }), state: 'FAILED', calls: 0 }],
]);

const inbound: readonly (readonly [string, Inbound])[] = [
  ...ofMedia,
  ['an id with spaces around it', { ...stored, message: (received) => mediaMessage('image', received, { id: ` ${received.id} ` }) }],
  ['an id that is a number', { ...stored, message: (received) => mediaMessage('image', received, { id: Number(received.id) }) }],
  ['an id of spaces', { ...stored, message: (received) => mediaMessage('image', received, { id: '  ' }), state: 'FAILED', calls: 0 }],
  ['a media with code 131052', { ...stored, message: (received) => ({ ...mediaMessage('image', received, { id: undefined }), ...errorOf(131_052) }), state: 'FAILED', calls: 0 }],
  ['a type with parameters', { ...stored, message: (received) => mediaMessage('audio', { ...received, mimeType: 'audio/ogg; codecs=opus' }) }],
  ['the hash of other bytes', { ...stored, message: (received) => mediaMessage('image', { ...received, sha256: Buffer.alloc(32).toString('base64') }), state: 'PENDING', calls: 4 }],
  ['no hash', { ...stored, message: (received) => mediaMessage('image', received, { sha256: undefined }) }],
  ['no sender', { ...stored, message: (received) => ({ ...image(received), from: undefined }) }],
  ['no time', { ...stored, message: (received) => ({ ...image(received), timestamp: undefined }) }],
  ['a time of a week ago', { ...stored, message: (received) => ({ ...image(received), timestamp: String(Math.floor(Date.now() / 1_000) - 8 * 86_400) }), state: 'EXPIRED', calls: 0 }],
  ['a text', { ...stored, message: () => textMessage(), state: 'NONE', calls: 0 }],
  ['a text that is not ASCII', { ...stored, message: () => textMessage({ text: { body: 'Grüße, 你好, \u{1F44B}' } }), state: 'NONE', calls: 0 }],
  ['a type that nobody knows', { ...stored, message: () => textMessage({ type: 'hologram', hologram: { id: '7' } }), state: 'NONE', calls: 0 }],
  ['more than 3 MB', { ...stored, message: () => textMessage({ text: { body: 'x'.repeat(3_200_000) } }), state: 'NONE', calls: 0 }],
  ['no signature', { ...plain, deliveries: (message) => [[tell(bodyOf(entryOf(message)), { signature: null })]], status: 401, state: undefined, calls: 0 }],
  ['a wrong signature', { ...plain, deliveries: (message) => [[tell(bodyOf(entryOf(message)), { signature: signatureOf('') })]], status: 401, state: undefined, calls: 0 }],
  ['the same again', { ...plain, deliveries: (message) => [...once(message), ...once(message)] }],
  ['the same at the same time', { ...plain, deliveries: (message) => [[...once(message), ...once(message), ...once(message)].flat()] }],
  ['the same twice in one', { ...plain, deliveries: (message) => [[tell(bodyOf(entryOf(message, message), entryOf(message)))]] }],
  ['a batch of 500', { ...plain, deliveries: (message) => [[tell(bodyOf(...Array.from({ length: 499 }, () => entryOf(textMessage())), entryOf(message)))]] }],
  ['a batch in which all else is unusable', { ...plain, deliveries: (message) => [[tell(bodyOf(null, 7, {}, { changes: [{}, null] }, entryOf(null, {}, { id: 7 }, message)))]] }],
  ['statuses beside it', { ...plain, deliveries: (message) => [[tell(bodyOf(statusEntry({ id: 'wamid.of-nobody', status: 'read' }), entryOf(message)))]] }],
];

describe('a delivery of a message', () => {
  it.each(inbound)('%s', async (_what, { deliveries, message = image, status, state, calls }) => {
    const received = fake.receive(somePng());
    const sent = message(received);
    for (const together of deliveries(sent)) for (const answer of await Promise.all(together)) expect(answer.status).toBe(status);
    const find = async () => (await createSqlMessageStore(database).find([sent.id]))[0];
    const madeCalls = (): number => fake.resolves(received.id) + fake.downloads(received.id);
    // Whatever went wrong is said.
    const isSilent = state === 'NONE' || state === 'READY' || state === undefined;
    const isSo = async (): Promise<boolean> => {
      const found = await find();
      return found?.state === state && madeCalls() === calls && (found?.reason === undefined) === isSilent;
    };
    await waitFor(isSo, { what: `the media to be ${state} after ${calls} calls` });
    expect(madeCalls()).toBe(calls);
  });
});

/** Statuses of one message that was sent, and what follows. */
interface Outbound {
  /** Together in one delivery, or one after the other. */
  readonly statuses: readonly (readonly (Omit<SentStatus, 'id'> & Partial<SentStatus>)[])[];
  readonly states: readonly SendState[];
  readonly sends: number;
  readonly uploads: number;
}

const failed = { status: 'failed', code: 131_053 };
const told = (...statuses: string[]): Outbound['statuses'] => statuses.map((status) => [{ status }]);
const alone = { sends: 1, uploads: 1 };
const again = { states: ['FAILED', 'ACCEPTED'], sends: 2, uploads: 2 } as const;

const outbound: readonly (readonly [string, Outbound])[] = [
  ['none', { statuses: [], states: ['ACCEPTED'], ...alone }],
  ['sent', { statuses: told('sent'), states: ['SENT'], ...alone }],
  ['sent, delivered, read', { statuses: told('sent', 'delivered', 'read'), states: ['READ'], ...alone }],
  ['read, delivered, sent', { statuses: told('read', 'delivered', 'sent'), states: ['READ'], ...alone }],
  ['all in one delivery', { statuses: [[{ status: 'delivered' }, { status: 'sent' }, { status: 'read' }]], states: ['READ'], ...alone }],
  ['played', { statuses: told('played'), states: ['READ'], ...alone }],
  ['a word that nobody knows', { statuses: told('pondered'), states: ['ACCEPTED'], ...alone }],
  ['failed by its media', { statuses: [[failed]], ...again }],
  ['sent, then failed by its media', { statuses: [[{ status: 'sent' }], [failed]], ...again }],
  ['failed by its media, twice', { statuses: [[failed], [failed]], ...again }],
  ['failed by its media, twice in one delivery', { statuses: [[failed, failed]], ...again }],
  ['failed by its media, then sent late', { statuses: [[failed], [{ status: 'sent' }]], ...again }],
  ['delivered, then failed by its media', { statuses: [[{ status: 'delivered' }], [failed]], states: ['DELIVERED'], ...alone }],
  ['failed with code 131005', { statuses: [[{ status: 'failed', code: 131_005 }]], ...again }],
  ['failed with details of its media', { statuses: [[{ status: 'failed', code: 100, details: 'the media attachment id has expired' }]], ...again }],
  ['failed with code 131047, of a window that has expired', { statuses: [[{ status: 'failed', code: 131_047, details: 'the window has expired' }]], states: ['FAILED'], ...alone }],
  ['failed with code 131026', { statuses: [[{ status: 'failed', code: 131_026, details: 'undeliverable' }]], states: ['FAILED'], ...alone }],
  ['failed with code 130429', { statuses: [[{ status: 'failed', code: 130_429, details: 'rate limit' }]], states: ['FAILED'], ...alone }],
  ['failed with code 131000', { statuses: [[{ status: 'failed', code: 131_000, details: 'went wrong' }]], states: ['FAILED'], ...alone }],
  ['failed with a code that is none', { statuses: [[{ status: 'failed', code: 99_999_999_999 }]], states: ['FAILED'], ...alone }],
  ['failed with a code with a fraction', { statuses: [[{ status: 'failed', code: 1.5 }]], states: ['FAILED'], ...alone }],
  ['failed by its media, among 20,000 of others', { statuses: [[...Array.from({ length: 20_000 }, (_, index) => ({ status: 'read', id: `wamid.${index}` })), failed]], ...again }],
  ['failed without a code', { statuses: told('failed'), states: ['FAILED'], ...alone }],
];

describe('a delivery of statuses', () => {
  it.each(outbound)('%s', async (_what, { statuses, states, sends, uploads }) => {
    const { sending } = fake;
    const { id: mediaId } = await harness.upload({ model_type: 'Template', model_id: 'welcome', collection_name: 'headers', file_name: 'welcome.png' }, somePng());
    const before = { sends: sending.sendCalls(), uploads: sending.uploadCalls() };
    const request = { to: '+15550100001', template: 'welcome', language: 'en', parameters: ['Ann'], header_media_id: mediaId };
    const { send_id: sendId, message_id: id } = await unary(harness.client, methods.SendTemplate, request, 20_000);
    for (const together of statuses) expect((await tell(bodyOf(statusEntry(...together.map((one) => ({ id, ...one })))))).status).toBe(200);
    const found = async (): Promise<SendState[]> => (await createSqlSendStore(database).attempts(sendId)).map(({ state }) => state);
    await waitFor(async () => JSON.stringify(await found()) === JSON.stringify(states), { what: `the attempts to be ${states.join(', ')}` });
    expect({ sends: sending.sendCalls() - before.sends, uploads: sending.uploadCalls() - before.uploads }).toEqual({ sends, uploads });
  });
});
