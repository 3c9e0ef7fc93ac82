/**
 * The side of the fake Graph API that takes media and messages: handles that live for 30 days by its clock and belong to one number, and messages that
 * are checked as the provider checks them. What can go wrong has a name (`uploadTroubles`, `sendTroubles`).
 * Invariant: a message is in `taken` exactly when the provider would deliver it, whatever was answered.
 */
import { randomInt } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { refusal, page } from './graph-answers.js';
import { hang, ok, redirect, reset, status, throttled, type MediaHost, type Play } from './media-host.js';

export interface Upload {
  readonly handle: string;
  readonly bytes: Buffer;
  readonly mimeType: string;
  readonly fileName: string;
  readonly at: number;
}

export interface TakenMessage {
  readonly id: string;
  /** Ours. */
  readonly sendId: string;
  readonly to: string;
  readonly name: string;
  readonly locale: string;
  /** Of the header. */
  readonly handle: string | undefined;
  readonly link: string | undefined;
  /** Of a document. */
  readonly fileName: string | undefined;
  readonly parameters: readonly string[];
}

export interface FakeSending {
  readonly phoneNumberId: string;
  readonly uploads: readonly Upload[];
  readonly taken: readonly TakenMessage[];
  /** What was asked, also in vain. */
  uploadCalls(): number;
  sendCalls(): number;
  /** What the next calls meet, one each, and the last one all that follow; undefined: the plain answer. */
  onUpload(...troubles: (UploadTrouble | undefined)[]): void;
  onSend(...troubles: (SendTrouble | undefined)[]): void;
  /** The handle is dead before its time. */
  kill(handle: string): void;
}

const handleLivesMs = 30 * 86_400_000;
const json = { 'content-type': 'application/json' };

const attachment = 'Invalid parameter: the media attachment id is not valid';

/** `take`: the message is taken, whatever is answered then. */
export const sendTroubles = {
  'code 100, media attachment id': () => refusal(400, 100, { message: attachment }),
  'code 131009, does not exist or has expired': () => refusal(400, 131_009, { message: 'Parameter value is not valid: the media does not exist or has expired' }),
  'code 131053': () => refusal(400, 131_053, { message: 'Media upload error' }),
  'code 131005': () => refusal(403, 131_005, { message: 'Access denied' }),
  'code 131053, with status 500': () => refusal(500, 131_053),
  'code 100, of a parameter': () => refusal(400, 100, { message: 'Invalid parameter' }),
  'code 131009, of a parameter': () => refusal(400, 131_009, { message: 'Parameter value is not valid' }),
  'code 131052': () => refusal(400, 131_052),
  'code 0': () => refusal(401, 0),
  'code 3': () => refusal(400, 3),
  'code 10': () => refusal(403, 10),
  'code 190, the token has expired': () => refusal(401, 190, { message: 'Error validating access token: the session has expired' }),
  'code 200': () => refusal(403, 200),
  'code 299': () => refusal(400, 299),
  'code 368': () => refusal(403, 368),
  'code 131031': () => refusal(403, 131_031),
  'code 131048': () => refusal(400, 131_048),
  'code 131026': () => refusal(400, 131_026),
  'code 131047, the window has expired': () => refusal(400, 131_047, { message: 'Re-engagement message: the window has expired' }),
  'code 4': () => refusal(400, 4),
  'code 80007': () => refusal(400, 80_007),
  'code 130429': () => refusal(429, 130_429),
  'code 131056': () => refusal(400, 131_056),
  'status 429, again after 2 s': () => throttled('2'),
  'code 1': () => refusal(400, 1),
  'code 2': () => refusal(503, 2),
  'code 131000': () => refusal(500, 131_000),
  'code 131016': () => refusal(500, 131_016),
  'a code that nobody knows': () => refusal(400, 999_999),
  'a code that is none': () => refusal(400, 99_999_999_999),
  'a code with a fraction': () => refusal(400, 1.5),
  'code 131030, with the number in its words': () => refusal(400, 131_030, { message: 'Recipient phone number +15550100001 not in allowed list' }),
  'status 404': () => status(404),
  'status 500': () => status(500),
  'status 503': () => status(503),
  'a page, with status 502': () => status(502, { 'content-type': 'text/html' }, page),
  'a page, with status 200': (take) => taking(take, ok(page, { 'content-type': 'text/html' })),
  'status 200, without an id': (take) => taking(take, ok('{"messages":[]}', json)),
  'an id that cannot be kept': (take) => taking(take, ok(JSON.stringify({ messages: [{ id: 'wamid.\0' }] }), json)),
  'an id that is too long': (take) => taking(take, ok(JSON.stringify({ messages: [{ id: 'x'.repeat(5_000) }] }), json)),
  'more than 1 MB': (take) => taking(take, ok('x'.repeat(1_100_000))),
  'more than 1 MB, with status 500': () => status(500, {}, 'x'.repeat(1_100_000)),
  'a redirect': () => redirect('/elsewhere'),
  'a reset': () => reset,
  'taken, and no answer': (take) => taking(take, reset),
  'taken, and an answer that never ends': (take) => taking(take, hang),
} as const satisfies Record<string, (take: () => void) => Play>;

export type SendTrouble = keyof typeof sendTroubles;

export const uploadTroubles = {
  'code 100, of the type of the part': () => refusal(400, 100, { message: 'Param file must be a file with one of the following types' }),
  'code 131053': () => refusal(400, 131_053),
  'code 190': () => refusal(401, 190),
  'code 10': () => refusal(403, 10),
  'code 130429': () => refusal(429, 130_429),
  'status 429, again after an hour': () => throttled('3600'),
  'status 429, again at once': () => throttled('0'),
  'status 429, again after 30 years': () => throttled('999999999'),
  'status 429, again in the year 275760': () => throttled('Sat, 13 Sep 275760 00:00:00 GMT'),
  'code 131000': () => refusal(500, 131_000),
  'status 500': () => status(500),
  'status 503': () => status(503),
  'a page, with status 200': () => ok(page, { 'content-type': 'text/html' }),
  'no id': () => ok('{}', json),
  'a reset': () => reset,
  'no answer': () => hang,
} as const satisfies Record<string, () => Play>;

export type UploadTrouble = keyof typeof uploadTroubles;

const media = z.object({ id: z.string().optional(), link: z.string().optional(), filename: z.string().optional() });
const header = z.looseObject({ type: z.enum(['image', 'video', 'document']) }).transform((parameter) => media.parse(parameter[parameter.type]));
const component = z.discriminatedUnion('type', [
  z.object({ type: z.literal('header'), parameters: z.tuple([header]) }),
  z.object({ type: z.literal('body'), parameters: z.array(z.object({ type: z.literal('text'), text: z.string() })) }),
]);
const message = z.object({
  messaging_product: z.literal('whatsapp'),
  to: z.string().regex(/^\+\d{7,15}$/),
  type: z.literal('template'),
  biz_opaque_callback_data: z.string(),
  template: z.object({ name: z.string(), language: z.object({ code: z.string() }), components: z.array(component) }),
});

export interface FakeSendingOptions {
  host: MediaHost;
  /** Of the API. */
  version: string;
  now: () => number;
  /** Guards a play by the token. */
  guarded: (play: Play) => Play;
}

export function fakeSending({ host, version, now, guarded }: FakeSendingOptions): FakeSending {
  const phoneNumberId = String(randomInt(10 ** 12, 10 ** 14));
  const uploads: Upload[] = [];
  const taken: TakenMessage[] = [];
  const dead = new Set<string>();
  const [mediaPath, messagesPath] = [`/${version}/${phoneNumberId}/media`, `/${version}/${phoneNumberId}/messages`];

  const upload: Play = async (response, gone, request) => {
    const form = await readForm(request);
    const file = form.get('file');
    const isRight = form.get('messaging_product') === 'whatsapp' && file instanceof File && file.type === form.get('type') && file.size > 0;
    if (!isRight || !(file instanceof File)) return uploadTroubles['code 100, of the type of the part']()(response, gone, request);
    const handle = String(randomInt(10 ** 14, 2 ** 47));
    uploads.push({ handle, bytes: Buffer.from(await file.arrayBuffer()), mimeType: file.type, fileName: file.name, at: now() });
    return ok(JSON.stringify({ id: handle }), json)(response, gone, request);
  };
  const isAlive = (handle: string): boolean => !dead.has(handle) && uploads.some((one) => one.handle === handle && now() < one.at + handleLivesMs);

  const send =
    (trouble: SendTrouble | undefined): Play =>
    async (response, gone, request) => {
      const read = readMessage(message.parse(JSON.parse((await buffer(request)).toString())));
      const take = (): TakenMessage => {
        taken.push(read);
        return read;
      };
      if (trouble !== undefined) return sendTroubles[trouble](take)(response, gone, request);
      if (read.handle !== undefined && !isAlive(read.handle)) return sendTroubles['code 100, media attachment id']()(response, gone, request);
      return ok(JSON.stringify({ messaging_product: 'whatsapp', contacts: [{ input: read.to, wa_id: read.to.slice(1) }], messages: [{ id: take().id }] }), json)(response, gone, request);
    };

  const plan = (path: string, plays: readonly Play[]): void => {
    const [first = status(404), ...others] = plays.map(guarded);
    host.plan(path, first, ...others);
  };
  const fake: FakeSending = {
    phoneNumberId,
    uploads,
    taken,
    uploadCalls: () => host.callsTo(mediaPath),
    sendCalls: () => host.callsTo(messagesPath),
    onUpload: (...troubles) => plan(mediaPath, troubles.map((trouble) => (trouble === undefined ? upload : uploadTroubles[trouble]()))),
    onSend: (...troubles) => plan(messagesPath, troubles.map(send)),
    kill: (handle) => void dead.add(handle),
  };
  fake.onUpload(undefined);
  fake.onSend(undefined);
  return fake;
}

let ids = 0;

function readMessage({ to, biz_opaque_callback_data: sendId, template: { name, language, components } }: z.output<typeof message>): TakenMessage {
  const [first] = components.flatMap((one) => (one.type === 'header' ? one.parameters : []));
  const parameters = components.flatMap((one) => (one.type === 'body' ? one.parameters.map(({ text }) => text) : []));
  const id = `wamid.${Buffer.from(`${randomInt(2 ** 47)}-${(ids += 1)}`).toString('base64')}`;
  return { id, sendId, to, name, locale: language.code, handle: first?.id, link: first?.link, fileName: first?.filename, parameters };
}

async function readForm(request: IncomingMessage): Promise<FormData> {
  const bytes = new Uint8Array(await buffer(request));
  return new Response(bytes, { headers: { 'content-type': request.headers['content-type'] ?? '' } }).formData();
}

function taking(take: () => void, play: Play): Play {
  return (response, gone, request) => {
    take();
    return play(response, gone, request);
  };
}
