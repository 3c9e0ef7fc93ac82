/**
 * A Graph API that a test scripts (what is sent to it: fake-whatsapp-sending.ts): media that were received, resolved by their ids to URLs that live for five minutes by a clock that the test sets.
 * What can go wrong has a name (`resolveTroubles`, `downloadTroubles`), so that a table of all of it can be gone through.
 * Invariant: without the token nothing is answered but 401; every call is recorded (MediaHost.calls).
 */
import { createHash, randomBytes, randomInt } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { MediaProvider } from '../../src/media/import/provider.js';
import { createWhatsAppProvider } from '../../src/providers/whatsapp/whatsapp-provider.js';
import { readSettings } from '../../src/runtime/settings.js';
import { fakeSending, type FakeSending } from './fake-whatsapp-sending.js';
import { page, refusal } from './graph-answers.js';
import { claims, cutAfter, hang, hangAfter, ok, redirect, reset, startMediaHost, status, throttled, type MediaHost, type Play } from './media-host.js';

export interface Received {
  readonly id: string;
  readonly bytes: Buffer;
  readonly mimeType: string;
  /** As webhooks have it: base64. */
  readonly sha256: string;
}

export interface FakeWhatsApp {
  readonly host: MediaHost;
  /** Another host, which must never see the token. */
  readonly foreign: MediaHost;
  readonly token: string;
  readonly sending: FakeSending;
  /** Settings that lead to it. */
  readonly env: Readonly<Record<string, string>>;
  /** Added to its clock, in milliseconds. */
  ahead: number;
  /** Media that somebody has sent, kept for seven days. */
  receive(bytes: Buffer, mimeType?: string): Received;
  /** What the next resolves of an id meet, one each, and the last one all that follow; undefined: the plain answer. */
  onResolve(id: string, ...troubles: (ResolveTrouble | undefined)[]): void;
  /** The same of downloads; one may be any other play. */
  onDownload(id: string, ...troubles: (DownloadTrouble | Play | undefined)[]): void;
  resolves(id: string): number;
  downloads(id: string): number;
  stop(): Promise<void>;
}

const version = 'v23.0';
const dayMs = 86_400_000;
const receivedKeptMs = 7 * dayMs;
const urlLivesMs = 300_000;

/** What is answered to a resolve. */
interface Resolving {
  readonly media: Received;
  /** The plain answer; `changes`: other fields, undefined to leave one out. */
  readonly answer: (changes?: Record<string, unknown>) => Play;
  readonly foreignUrl: string;
}

/** The product's provider, which asks this one. It tells of no messages. */
export function providerOf({ env, token }: FakeWhatsApp): MediaProvider {
  return createWhatsAppProvider({ settings: readSettings(env, ['media']), accessToken: token, webhook: undefined });
}

const deadId = refusal(400, 100, { subcode: 33, message: 'Unsupported get request. Object with ID does not exist, cannot be loaded due to missing permissions' });
const other = Buffer.from('these are other bytes than those that were announced');

export const resolveTroubles = {
  'the size as a number': ({ answer, media }) => answer({ file_size: media.bytes.length }),
  'the hash in base64': ({ answer, media }) => answer({ sha256: media.sha256 }),
  'no hash and no size': ({ answer }) => answer({ sha256: undefined, file_size: undefined }),
  'the hash of other bytes': ({ answer }) => answer({ sha256: sha256('hex', other) }),
  'another size': ({ answer, media }) => answer({ file_size: String(media.bytes.length + 1) }),
  'no url': ({ answer }) => answer({ url: undefined }),
  'a url that is none': ({ answer }) => answer({ url: 'lookaside' }),
  'a url at another host': ({ answer, foreignUrl }) => answer({ url: foreignUrl }),
  'code 100, subcode 33': () => deadId,
  'code 131009, does not exist or has expired': () => refusal(400, 131_009, { message: 'Parameter value is not valid: the media does not exist or has expired' }),
  'code 131052': () => refusal(400, 131_052),
  'status 404': () => status(404),
  'status 410': () => status(410),
  'code 0': () => refusal(401, 0),
  'code 3': () => refusal(400, 3),
  'code 10': () => refusal(403, 10),
  'code 190': () => refusal(401, 190),
  'code 200': () => refusal(403, 200),
  'code 299': () => refusal(400, 299),
  'code 131005': () => refusal(403, 131_005),
  'status 401': () => status(401),
  'status 403': () => status(403),
  'code 368': () => refusal(403, 368),
  'code 131031': () => refusal(403, 131_031),
  'status 429': () => throttled(),
  'status 429, again after 2 s': () => throttled('2'),
  'status 429, again after an hour': () => throttled('3600'),
  'code 4': () => refusal(400, 4),
  'code 80007': () => refusal(400, 80_007),
  'code 130429': () => refusal(429, 130_429),
  'code 131056': () => refusal(400, 131_056),
  'code 1': () => refusal(400, 1),
  'code 2': () => refusal(503, 2),
  'code 131000': () => refusal(400, 131_000),
  'code 131016': () => refusal(400, 131_016),
  'a code that nobody knows': () => refusal(400, 999_999),
  'code 100, of a parameter': () => refusal(400, 100, { message: 'Invalid parameter' }),
  'status 500': () => status(500),
  'status 503': () => status(503),
  'a page, with status 200': () => ok(page, { 'content-type': 'text/html' }),
  'a page, with status 502': () => status(502, { 'content-type': 'text/html' }, page),
  'a reset': () => reset,
  'no answer': () => hang,
} as const satisfies Record<string, (resolving: Resolving) => Play>;

export type ResolveTrouble = keyof typeof resolveTroubles;

interface Downloading {
  readonly media: Received;
  readonly plain: Play;
  readonly host: MediaHost;
  readonly foreign: MediaHost;
}

export const downloadTroubles = {
  'status 404': () => status(404),
  'status 410': () => status(410),
  'status 401': () => status(401),
  'status 403': () => status(403),
  'status 429': () => throttled(),
  'status 429, again after 2 s': () => throttled('2'),
  'status 500': () => status(500),
  'a reset': () => reset,
  'a reset half-way': ({ media }) => cutAfter(half(media), media.bytes.length),
  'less than announced': ({ media }) => ok(half(media)),
  'another length than sent': ({ media }) => claims(media.bytes.length + 10, media.bytes),
  'other bytes': () => ok(other),
  'other bytes of the same length': ({ media }) => ok(Buffer.alloc(media.bytes.length, 7)),
  'a page, with status 200': () => ok(page, { 'content-type': 'text/html; charset=utf-8' }),
  nothing: () => ok(''),
  'a redirect to the same host': ({ host, media, plain }) => elsewhere(host, media, plain),
  'a redirect to another host': ({ foreign, media, plain }) => elsewhere(foreign, media, plain),
  'no answer': () => hang,
  'no more half-way': ({ media }) => hangAfter(half(media)),
} as const satisfies Record<string, (downloading: Downloading) => Play>;

export type DownloadTrouble = keyof typeof downloadTroubles;

export async function startFakeWhatsApp(): Promise<FakeWhatsApp> {
  const [host, foreign] = await Promise.all([startMediaHost(), startMediaHost()]);
  const token = randomBytes(16).toString('hex');
  const downloads = new Map<string, (DownloadTrouble | Play | undefined)[]>();
  // Of its own: what failed is remembered in the Redis that tests share.
  let ids = randomInt(10 ** 12, 10 ** 14);
  let urls = 0;
  const now = (): number => Date.now() + fake.ahead;

  const download = (media: Received): string => {
    const path = `/lookaside/${media.id}/${(urls += 1)}`;
    const endsAt = now() + urlLivesMs;
    const plain = ok(media.bytes, { 'content-type': media.mimeType });
    const play: Play = (response, gone, request) => {
      const troubles = downloads.get(media.id) ?? [];
      const trouble = troubles.length > 1 ? troubles.shift() : troubles[0];
      const planned = typeof trouble === 'string' ? downloadTroubles[trouble]({ media, plain, host, foreign }) : (trouble ?? plain);
      return (now() < endsAt ? planned : status(404))(response, gone, request);
    };
    host.plan(path, withToken(token, play));
    return host.url(path);
  };
  const resolve = (media: Received, receivedAt: number, trouble: ResolveTrouble | undefined): Play => {
    const answer = (changes: Record<string, unknown> = {}): Play => (response, gone, request) => {
      const plain = { messaging_product: 'whatsapp', url: download(media), mime_type: media.mimeType, sha256: sha256('hex', media.bytes), file_size: String(media.bytes.length), id: media.id };
      return ok(JSON.stringify({ ...plain, ...changes }), { 'content-type': 'application/json' })(response, gone, request);
    };
    const planned = trouble === undefined ? answer() : resolveTroubles[trouble]({ media, answer, foreignUrl: foreign.url('/lookaside') });
    return withToken(token, (response, gone, request) => (now() < receivedAt + receivedKeptMs ? planned : deadId)(response, gone, request));
  };
  const known = new Map<string, { media: Received; receivedAt: number }>();
  const pathOf = (id: string): string => `/${version}/${id}`;

  const sending = fakeSending({ host, version, now, guarded: (play) => withToken(token, play) });

  const fake: FakeWhatsApp = {
    host,
    sending,
    foreign,
    token,
    env: { META_ACCESS_TOKEN: token, META_PHONE_NUMBER_ID: sending.phoneNumberId, GRAPH_BASE_URL: host.url(''), GRAPH_API_VERSION: version, WA_MEDIA_HOSTS: host.host },
    ahead: 0,
    receive(bytes, mimeType = 'image/png') {
      const media = { id: String((ids += 1)), bytes, mimeType, sha256: sha256('base64', bytes) };
      known.set(media.id, { media, receivedAt: now() });
      fake.onResolve(media.id, undefined);
      return media;
    },
    onResolve(id, ...troubles) {
      const found = known.get(id);
      if (!found) throw new Error(`nobody has sent media ${id}`);
      const [first, ...others] = troubles.map((trouble) => resolve(found.media, found.receivedAt, trouble));
      host.plan(pathOf(id), first ?? status(404), ...others);
    },
    onDownload: (id, ...troubles) => void downloads.set(id, troubles),
    resolves: (id) => host.callsTo(pathOf(id)),
    downloads: (id) => host.calls.filter(({ path }) => path.startsWith(`/lookaside/${id}/`)).length,
    stop: async () => void (await Promise.all([host.stop(), foreign.stop()])),
  };
  return fake;
}

function withToken(token: string, play: Play): Play {
  return (response, gone, request) => (isAuthorised(request.headers, token) ? play : refusal(401, 190))(response, gone, request);
}

function isAuthorised({ authorization }: IncomingHttpHeaders, token: string): boolean {
  return authorization === `Bearer ${token}`;
}

function elsewhere(to: MediaHost, { id }: Received, plain: Play): Play {
  const path = `/moved/${id}`;
  to.plan(path, plain);
  return redirect(to.url(path));
}

function half({ bytes }: Received): Buffer {
  return bytes.subarray(0, bytes.length / 2);
}

function sha256(encoding: 'hex' | 'base64', bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest(encoding);
}
