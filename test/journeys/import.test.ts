/** Files that are imported through GraphQL by the real programs, from a host that the test scripts, on a real Redis and RabbitMQ. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { codesOf, onePixelPng, query, type Answer } from '../support/graphql.js';
import { ok, redirect, startMediaHost, status, when, type MediaHost } from '../support/media-host.js';
import { startGateway, startMediaService, type Program } from '../support/programs.js';
import { sharedRabbitMQ, sharedRedis, type SharedRabbitMQ } from '../support/servers/shared.js';
import { tempDir, waitFor, type TempDir } from '../support/wait.js';

const importMutation = 'mutation ($input: ImportMediaInput!) { importMedia(input: $input) { success message data { fileName name mimeType size width url } } }';
const avatarQuery = 'query ($id: ID!) { modelMedia(modelType: "User", modelId: $id, collectionName: "avatars") { fileName } }';

/** Of another gateway to read what was written through this one, in milliseconds: what users are promised. */
const otherGateway = { timeoutMs: 1_000 };

const imported = z.object({ importMedia: z.object({ data: z.object({ url: z.string() }) }) });

describe('an import', () => {
  let png: Buffer;
  let data: TempDir;
  let broker: SharedRabbitMQ;
  let host: MediaHost;
  let programs: Program[];
  let here: string;
  let there: string;

  beforeAll(async () => {
    png = Buffer.from(await onePixelPng().arrayBuffer());
    [data, broker, host] = await Promise.all([tempDir('import'), sharedRabbitMQ(), startMediaHost()]);
    const { url, keyPrefix } = sharedRedis();
    const media = await startMediaService({ DATA_DIR: data.path, RABBITMQ_ADDR: broker.url, MEDIA_IMPORT_ALLOWED_HOSTS: host.host, BASE_BACKOFF_SECONDS: '0' });
    const env = { MEDIA_SERVICE_ADDR: media.grpcAddress, RABBITMQ_ADDR: broker.url, REDIS_ADDR: url, CACHE_KEY_PREFIX: keyPrefix };
    const [first, second] = await Promise.all([startGateway(env), startGateway(env)]);
    [here, there] = [first.url, second.url];
    programs = [first, second, media];
  });
  afterAll(async () => {
    for (const program of programs) await program.stop();
    await host.stop();
    await broker.stop();
    await data.remove();
  });

  const avatarFor = (modelId: string): object => ({ modelType: 'User', modelId, collectionName: 'avatars' });
  const send = (modelId: string, source: object): Promise<Answer> => query(here, importMutation, { input: { ...avatarFor(modelId), ...source } });
  const avatarsOf = async (url: string, id: string): Promise<unknown> => (await query(url, avatarQuery, { id })).data?.modelMedia;
  const isRead = (url: string, id: string, fileName: string): Promise<unknown> =>
    waitFor(async () => JSON.stringify(await avatarsOf(url, id)) === JSON.stringify([{ fileName }]), { what: `${fileName} to be read`, ...otherGateway });

  it('is read at once here and within a second elsewhere, a cached "no avatar" included, and its bytes are those of the source', async () => {
    for (const url of [here, there]) expect(await avatarsOf(url, '1')).toEqual([]);
    host.plan('/moved.png', redirect(host.url('/faces/ada.png')));
    host.plan('/faces/ada.png', ok(png));
    const { data: answer, errors } = await send('1', { sourceUrl: host.url('/moved.png'), name: 'Ada' });
    expect(errors).toBeUndefined();
    const file = { name: 'Ada', mimeType: 'image/png', size: png.length, width: 1, fileName: expect.stringMatching(/\.png$/) };
    expect(answer).toMatchObject({ importMedia: { success: true, message: 'The file was imported.', data: file } });
    expect(await avatarsOf(here, '1')).toEqual([{ fileName: file.fileName }]);
    await waitFor(async () => z.array(z.unknown()).parse(await avatarsOf(there, '1')).length === 1, { what: 'the other gateway to be fresh', ...otherGateway });
    const bytes = await fetch(imported.parse(answer).importMedia.data.url);
    expect(Buffer.from(await bytes.arrayBuffer())).toEqual(png);
  });

  it('is fetched once for all owners that want it, each under the name that it was given', async () => {
    host.plan('/shared.png', ok(png));
    for (const [id, fileName] of [['2', 'first.png'], ['3', 'second.png']] as const) {
      const { data: answer } = await send(id, { sourceUrl: host.url('/shared.png'), fileName });
      expect(answer).toMatchObject({ importMedia: { success: true, data: { fileName } } });
      for (const url of [here, there]) await isRead(url, id, fileName);
    }
    expect(host.callsTo('/shared.png')).toBe(1);
  });

  it('goes on when its client leaves, and its event tells of it', async () => {
    let release = (): void => undefined;
    host.plan('/slow.png', when(new Promise<void>((resolve) => (release = resolve)), ok(png)));
    for (const url of [here, there]) expect(await avatarsOf(url, '4')).toEqual([]);
    const client = new AbortController();
    const input = { ...avatarFor('4'), sourceUrl: host.url('/slow.png'), fileName: 'slow.png' };
    const asked = fetch(`${here}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: importMutation, variables: { input } }),
      signal: client.signal,
    });
    await waitFor(() => host.callsTo('/slow.png') === 1, { what: 'the download to be under way' });
    client.abort();
    await expect(asked).rejects.toThrow();
    release();
    for (const url of [here, there]) {
      await waitFor(async () => JSON.stringify(await avatarsOf(url, '4')) === '[{"fileName":"slow.png"}]', { what: 'the file that nobody waited for' });
    }
  });

  it('that cannot be is refused, with the reason in a sentence, and nothing is there', async () => {
    host.plan('/text.png', ok('not a picture'));
    host.plan('/gone.png', status(404));
    host.plan('/broken.png', status(500));
    host.plan('/inside.png', redirect('http://127.0.0.1:9/secret'));
    const cases: [source: object, code: string][] = [
      [{ sourceUrl: 'http://127.0.0.1:9/a.png' }, 'IMPORT_REFUSED'],
      [{ sourceUrl: 'https://169.254.169.254/latest/meta-data' }, 'IMPORT_REFUSED'],
      [{ sourceUrl: 'file:///etc/passwd' }, 'IMPORT_REFUSED'],
      [{ sourceUrl: 'nonsense' }, 'IMPORT_REFUSED'],
      [{ sourceUrl: `https://example.org/${'x'.repeat(500_000)}` }, 'IMPORT_REFUSED'],
      [{ sourceUrl: host.url('/inside.png') }, 'IMPORT_REFUSED'],
      [{ provider: 'nobody', providerMediaId: '1' }, 'IMPORT_REFUSED'],
      [{ sourceUrl: host.url('/gone.png') }, 'IMPORT_FAILED'],
      [{ sourceUrl: host.url('/broken.png') }, 'IMPORT_FAILED'],
      [{ sourceUrl: host.url('/text.png') }, 'UNSUPPORTED_MEDIA_TYPE'],
      [{ sourceUrl: host.url('/text.png'), fileName: 'a.php' }, 'BAD_USER_INPUT'],
    ];
    for (const [source, code] of cases) {
      const answer = await send('5', source);
      expect({ source, codes: codesOf(answer) }).toEqual({ source, codes: [code] });
      expect(answer.errors?.[0]?.message).toMatch(/^\S.{10,300}\.$/);
    }
    expect(host.callsTo('/broken.png')).toBe(3);
    for (const url of [here, there]) expect(await avatarsOf(url, '5')).toEqual([]);
  });

  it('leaves the gateway free for everything else while its source is slow', async () => {
    let release = (): void => undefined;
    host.plan('/crowd.png', when(new Promise<void>((resolve) => (release = resolve)), ok(png)));
    const imports = Array.from({ length: 20 }, (_, index) => send(`crowd-${index}`, { sourceUrl: host.url('/crowd.png') }));
    await waitFor(() => host.callsTo('/crowd.png') === 1, { what: 'the download to be under way' });
    expect(await Promise.all(Array.from({ length: 50 }, (_, index) => avatarsOf(here, `else-${index}`)))).toEqual(Array.from({ length: 50 }, () => []));
    release();
    expect((await Promise.all(imports)).flatMap(codesOf)).toEqual([]);
    expect(host.callsTo('/crowd.png')).toBe(1);
  });
});
