/** Files that are renamed, described and ordered through the real programs, on a real Redis and RabbitMQ: who reads what when. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { codesOf, query, upload, type Answer } from '../support/graphql.js';
import { startGateway, startMediaService, type Program } from '../support/programs.js';
import { sharedRabbitMQ, sharedRedis, type SharedRabbitMQ } from '../support/servers/shared.js';
import { tempDir, waitFor, type TempDir } from '../support/wait.js';

const listQuery = 'query ($id: ID!) { modelMedia(modelType: "Album", modelId: $id, collectionName: "photos") { name fileName customProperties } }';
const updateMutation = 'mutation ($input: UpdateMediaInput!) { updateMedia(input: $input) { success data { name fileName customProperties updatedAt } } }';
const reorderMutation = 'mutation ($input: ReorderMediaInput!) { reorderMedia(input: $input) { success data { name } } }';

/** Of another gateway to read what was written through this one, in milliseconds: what users are promised. */
const otherGateway = { timeoutMs: 1_000 };

const uploaded = z.object({ uploadFile: z.object({ data: z.object({ id: z.string() }) }) });
const listed = z.object({ modelMedia: z.array(z.object({ name: z.string(), fileName: z.string(), customProperties: z.unknown() })) });

describe('a file that is changed', () => {
  let data: TempDir;
  let broker: SharedRabbitMQ;
  let programs: Program[];
  let here: string;
  let there: string;
  let apart: string;

  beforeAll(async () => {
    [data, broker] = await Promise.all([tempDir('changes'), sharedRabbitMQ()]);
    const { url, keyPrefix } = sharedRedis();
    const media = await startMediaService({ DATA_DIR: data.path, RABBITMQ_ADDR: broker.url });
    const env = { MEDIA_SERVICE_ADDR: media.grpcAddress, RABBITMQ_ADDR: broker.url, REDIS_ADDR: url, CACHE_KEY_PREFIX: keyPrefix };
    // Without Redis and broker, `alone` invalidates nothing that the others use: only the media service's event does.
    const [first, second, alone] = await Promise.all([startGateway(env), startGateway(env), startGateway({ MEDIA_SERVICE_ADDR: media.grpcAddress })]);
    [here, there, apart] = [first.url, second.url, alone.url];
    programs = [first, second, alone, media];
  });
  afterAll(async () => {
    for (const program of programs) await program.stop();
    await broker.stop();
    await data.remove();
  });

  const add = async (album: string, name: string): Promise<string> => {
    const { data: answer } = await upload(here, new Blob([`text ${name}`]), `${name}.txt`, { modelType: 'Album', modelId: album, collectionName: 'photos', name });
    return uploaded.parse(answer).uploadFile.data.id;
  };
  const list = async (url: string, album: string): Promise<z.infer<typeof listed>['modelMedia']> => listed.parse((await query(url, listQuery, { id: album })).data).modelMedia;
  const namesOf = async (url: string, album: string): Promise<string> => (await list(url, album)).map(({ name }) => name).join(' ');
  const send = (url: string, source: string, input: object): Promise<Answer> => query(url, source, { input });
  const reorder = (url: string, album: string, ids: readonly string[]): Promise<Answer> => send(url, reorderMutation, { modelType: 'Album', modelId: album, collectionName: 'photos', ids });
  const isFresh = (url: string, album: string, names: string): Promise<unknown> => waitFor(async () => (await namesOf(url, album)) === names, { what: `${names} to be read`, ...otherGateway });

  it('is read as it is now, at once here and within a second elsewhere, what was not named being as it was', async () => {
    const id = await add('1', 'old');
    await add('1', 'other');
    for (const url of [here, there]) expect(await namesOf(url, '1')).toBe('old other');
    const { data: answer, errors } = await send(here, updateMutation, { id, name: 'new', customProperties: { alt: 'A cat', tags: ['cat'] } });
    expect(errors).toBeUndefined();
    const changed = { name: 'new', fileName: 'old.txt', customProperties: { alt: 'A cat', tags: ['cat'] } };
    expect(answer).toMatchObject({ updateMedia: { success: true, data: changed } });
    expect((await list(here, '1'))[0]).toEqual(changed);
    await isFresh(there, '1', 'new other');
    expect((await list(there, '1'))[0]).toEqual(changed);
    const renamed = await send(there, updateMutation, { id, fileName: 'cat.txt' });
    expect(renamed.data).toMatchObject({ updateMedia: { data: { ...changed, fileName: 'cat.txt' } } });
    expect((await list(there, '1'))[0]).toEqual({ ...changed, fileName: 'cat.txt' });
    await waitFor(async () => (await list(here, '1'))[0]?.fileName === 'cat.txt', { what: 'the new file name', ...otherGateway });
  });

  it('is in its new place, at once here and within a second elsewhere', async () => {
    const ids = [await add('2', 'a'), await add('2', 'b'), await add('2', 'c'), await add('2', 'd')];
    for (const url of [here, there]) await isFresh(url, '2', 'a b c d');
    const { data: answer, errors } = await reorder(here, '2', [ids[2] ?? '', ids[0] ?? '']);
    expect(errors).toBeUndefined();
    expect(answer).toEqual({ reorderMedia: { success: true, data: ['c', 'a', 'b', 'd'].map((name) => ({ name })) } });
    expect(await namesOf(here, '2')).toBe('c a b d');
    await isFresh(there, '2', 'c a b d');
  });

  it("is told of by the media service's event, when it was changed past the gateways' caches", async () => {
    const [first, second] = [await add('3', 'a'), await add('3', 'b')];
    for (const url of [here, there]) await isFresh(url, '3', 'a b');
    expect((await send(apart, updateMutation, { id: first, name: 'x' })).errors).toBeUndefined();
    for (const url of [here, there]) await isFresh(url, '3', 'x b');
    expect((await reorder(apart, '3', [second])).errors).toBeUndefined();
    for (const url of [here, there]) await isFresh(url, '3', 'b x');
  });

  it('is refused with a sentence, and stays as it was, when it cannot be so', async () => {
    const [mine, foreign] = [await add('4', 'mine'), await add('5', 'foreign')];
    const refusals = [
      await send(here, updateMutation, { id: mine, fileName: 'shell.php' }),
      await send(here, updateMutation, { id: mine, name: 'x'.repeat(256) }),
      await send(here, updateMutation, { id: mine, customProperties: { long: 'x'.repeat(70_000) } }),
      await reorder(here, '4', [foreign]),
      await reorder(here, '4', [mine, mine]),
      await reorder(here, '4', ['none']),
    ];
    expect(refusals.map(codesOf)).toEqual(refusals.map(() => ['BAD_USER_INPUT']));
    for (const { errors } of refusals) expect(errors?.[0]?.message).toMatch(/^\S.{10,200}\.$/);
    expect(codesOf(await send(here, updateMutation, { id: '999999', name: 'x' }))).toEqual(['NOT_FOUND']);
    for (const url of [here, there]) expect([await namesOf(url, '4'), await namesOf(url, '5')]).toEqual(['mine', 'foreign']);
  });
});
