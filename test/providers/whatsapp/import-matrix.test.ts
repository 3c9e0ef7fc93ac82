/** Every way in which the Graph API can fail to give a media: what is made of it, by which calls, what is remembered for how long, and what is told. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createMemoryFailedMedia, type FailedMedia } from '../../../src/media/import/failed-media.js';
import type { ImportSource } from '../../../src/media/import/fetched-file.js';
import { downloadTroubles, providerOf, resolveTroubles, startFakeWhatsApp, type DownloadTrouble, type FakeWhatsApp, type ResolveTrouble } from '../../support/fake-whatsapp.js';
import { failureOf, ImportBench, somePng } from '../../media/import/import-bench.js';

/** What follows from a trouble that every try meets. */
interface Outcome {
  /** The kind that is remembered, or would be; undefined: it was imported. */
  readonly told: string | undefined;
  readonly resolves: number;
  readonly downloads: number;
  /** Seconds that it is not asked for again; 0: at once. */
  readonly rememberedSeconds: number;
  /** Seconds that the source has asked for before the second try. */
  readonly waitedSeconds?: number;
}

const imported: Outcome = { told: undefined, resolves: 1, downloads: 1, rememberedSeconds: 0 };
const gone: Outcome = { told: 'Trying again makes no sense.', resolves: 1, downloads: 0, rememberedSeconds: 3_600 };
const forbidden: Outcome = { told: 'It works again once access is granted.', resolves: 1, downloads: 0, rememberedSeconds: 0 };
const throttled: Outcome = { told: 'It may work later.', resolves: 3, downloads: 0, rememberedSeconds: 0 };
const failed: Outcome = { told: 'It may work later.', resolves: 3, downloads: 0, rememberedSeconds: 60 };
/** The URL is there, and what is behind it is not, or is wrong: one fresh URL is asked for. */
const askedAnew: Outcome = { told: 'It may work later.', resolves: 2, downloads: 2, rememberedSeconds: 60 };
const failedBehind: Outcome = { ...failed, downloads: 3 };
const refused: Outcome = { told: '', resolves: 1, downloads: 0, rememberedSeconds: 0 };

const ofResolve: readonly (readonly [ResolveTrouble, Outcome])[] = [
  ['the size as a number', imported],
  ['the hash in base64', imported],
  ['no hash and no size', imported],
  ['the hash of other bytes', askedAnew],
  ['another size', askedAnew],
  ['no url', failed],
  ['a url that is none', failed],
  ['a url at another host', refused],
  ['code 100, subcode 33', gone],
  ['code 131009, does not exist or has expired', gone],
  ['code 131052', gone],
  ['status 404', gone],
  ['status 410', gone],
  ['code 0', forbidden],
  ['code 3', forbidden],
  ['code 10', forbidden],
  ['code 190', forbidden],
  ['code 200', forbidden],
  ['code 299', forbidden],
  ['code 131005', forbidden],
  ['status 401', forbidden],
  ['status 403', forbidden],
  ['code 368', forbidden],
  ['code 131031', forbidden],
  ['status 429', throttled],
  ['status 429, again after 2 s', { ...throttled, waitedSeconds: 2 }],
  // Nobody waits for so long.
  ['status 429, again after an hour', { ...throttled, resolves: 1 }],
  ['code 4', throttled],
  ['code 80007', throttled],
  ['code 130429', throttled],
  ['code 131056', throttled],
  ['code 1', failed],
  ['code 2', failed],
  ['code 131000', failed],
  ['code 131016', failed],
  ['a code that nobody knows', failed],
  ['code 100, of a parameter', failed],
  ['status 500', failed],
  ['status 503', failed],
  ['a page, with status 200', failed],
  ['a page, with status 502', failed],
  ['a reset', failed],
  ['no answer', failed],
];

const ofDownload: readonly (readonly [DownloadTrouble, Outcome])[] = [
  ['status 404', askedAnew],
  ['status 410', askedAnew],
  ['status 401', { ...forbidden, downloads: 1 }],
  ['status 403', { ...forbidden, downloads: 1 }],
  ['status 429', { ...throttled, downloads: 3 }],
  ['status 429, again after 2 s', { ...throttled, downloads: 3, waitedSeconds: 2 }],
  ['status 500', failedBehind],
  ['a reset', failedBehind],
  ['a reset half-way', failedBehind],
  ['less than announced', askedAnew],
  ['another length than sent', failedBehind],
  ['other bytes', askedAnew],
  ['other bytes of the same length', askedAnew],
  ['a page, with status 200', askedAnew],
  ['nothing', askedAnew],
  ['a redirect to the same host', imported],
  ['a redirect to another host', imported],
  ['no answer', failedBehind],
  ['no more half-way', failedBehind],
];

/** How a negative cache that also says for how long it was told to remember. */
function recording(): { failedMedia: FailedMedia; remembered: Map<string, number> } {
  const inner = createMemoryFailedMedia();
  const remembered = new Map<string, number>();
  const mark: FailedMedia['mark'] = (source, failure, ttlMs) => {
    if (source.kind === 'provider') remembered.set(source.id, ttlMs / 1_000);
    return inner.mark(source, failure, ttlMs);
  };
  return { failedMedia: { ...inner, mark }, remembered };
}

let fake: FakeWhatsApp;
let bench: ImportBench;
let remembered: Map<string, number>;

beforeAll(async () => {
  fake = await startFakeWhatsApp();
});
afterAll(() => fake.stop());

const start = async (): Promise<void> => {
  const recorded = recording();
  ({ remembered } = recorded);
  bench = await ImportBench.start({
    failedMedia: recorded.failedMedia,
    providers: [providerOf(fake)],
    // By which the other host may be called as any host on the internet.
    hosts: [fake.foreign.host],
    timeouts: { resolveMs: 300, downloadMs: 300 },
  });
};
afterEach(() => bench.close());

const source = (id: string, sha256?: string): ImportSource => ({ kind: 'provider', provider: 'whatsapp', id, announcedAt: new Date(), sha256 });

async function expectMeeting(id: string, sha256: string, { told, resolves, downloads, rememberedSeconds, waitedSeconds }: Outcome): Promise<void> {
  const importing = bench.add(source(id, sha256), id);
  if (told === undefined) await importing;
  else {
    const { message } = await failureOf(importing);
    expect(message.endsWith(told)).toBe(true);
    expect(message).not.toMatch(/127\.0\.0\.1|Bearer|OAuth/);
  }
  expect({ resolves: fake.resolves(id), downloads: fake.downloads(id) }).toEqual({ resolves, downloads });
  expect(remembered.get(id) ?? 0).toBe(rememberedSeconds);
  if (waitedSeconds !== undefined) expect(bench.waits[0]).toBe(waitedSeconds * 1_000);
  expect(await bench.storedBlobs()).toBe(told === undefined ? 1 : 0);
  expect(fake.foreign.calls.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
}

describe('a media of WhatsApp', () => {
  it('is imported with the bytes that its webhook has announced', async () => {
    await start();
    const { id, sha256 } = fake.receive(somePng());
    await expectMeeting(id, sha256, imported);
  });

  it('is not imported with others', async () => {
    await start();
    const { id } = fake.receive(somePng());
    await expectMeeting(id, Buffer.alloc(32, 7).toString('base64'), askedAnew);
  });

  it('is not asked for again when it is gone, and at once when access was refused', async () => {
    await start();
    const [dead, forbiddenOne] = [fake.receive(somePng()), fake.receive(somePng())];
    fake.onResolve(dead.id, 'code 100, subcode 33');
    fake.onResolve(forbiddenOne.id, 'code 190', undefined);
    await failureOf(bench.add(source(dead.id)));
    await failureOf(bench.add(source(dead.id)));
    expect(fake.resolves(dead.id)).toBe(1);
    await failureOf(bench.add(source(forbiddenOne.id)));
    await bench.add(source(forbiddenOne.id));
    expect(fake.resolves(forbiddenOne.id)).toBe(2);
  });

  it('is had at last when what goes wrong passes', async () => {
    await start();
    const { id, sha256 } = fake.receive(somePng());
    fake.onResolve(id, 'status 500', 'no answer', undefined);
    await expectMeeting(id, sha256, { ...imported, resolves: 3 });
  });

  it('is had at a fresh URL when the first has ended', async () => {
    await start();
    const { id, sha256 } = fake.receive(somePng());
    fake.onDownload(id, 'status 404', undefined);
    await expectMeeting(id, sha256, { ...imported, resolves: 2, downloads: 2 });
  });

  it('is gone after the days for which the provider keeps it', async () => {
    await start();
    const { id, sha256 } = fake.receive(somePng());
    fake.ahead += 8 * 86_400_000;
    await expectMeeting(id, sha256, gone);
  });
});

describe('what a resolve meets', () => {
  it.each(ofResolve)('%s', async (trouble, outcome) => {
    await start();
    const { id, sha256 } = fake.receive(somePng());
    fake.onResolve(id, trouble);
    await expectMeeting(id, sha256, outcome);
  });
});

describe('what a download meets', () => {
  it.each(ofDownload)('%s', async (trouble, outcome) => {
    await start();
    const { id, sha256 } = fake.receive(somePng());
    fake.onDownload(id, trouble);
    await expectMeeting(id, sha256, outcome);
  });
});

describe('the tables', () => {
  it('leave nothing out that the fake can do', async () => {
    await start();
    expect(ofResolve.map(([trouble]) => trouble).toSorted()).toEqual(Object.keys(resolveTroubles).toSorted());
    expect(ofDownload.map(([trouble]) => trouble).toSorted()).toEqual(Object.keys(downloadTroubles).toSorted());
  });
});
