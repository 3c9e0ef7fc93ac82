/** Writes through the real programs, as separate processes, on a real Redis and RabbitMQ: who reads what when. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, fetchExchange } from '@urql/core';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { onePixelPng, query, upload, uploadMutation, type UploadFields } from '../support/graphql.js';
import { startGateway, startMediaService, startUserService, type Program } from '../support/programs.js';
import { findOrInstall } from '../support/servers/binaries.js';
import { sharedRabbitMQ, sharedRedis, type SharedRabbitMQ } from '../support/servers/shared.js';
import { tempDir, waitFor, type TempDir } from '../support/wait.js';

const avatarQuery = 'query ($id: ID!) { user(id: $id) { avatar { id fileName } } }';
const allMediaQuery = 'query ($id: ID!) { modelMedia(modelType: "User", modelId: $id) { fileName } }';
const deleteMutation = 'mutation ($id: ID!) { deleteMedia(id: $id) { success message } }';

/** Of another gateway to read what was written through this one, in milliseconds: what users are promised. */
const otherGateway = { timeoutMs: 1_000 };

const avatarAnswer = z.object({ user: z.object({ avatar: z.object({ id: z.string(), fileName: z.string() }).nullable() }) });

describe('the write path', () => {
  let data: TempDir;
  let broker: SharedRabbitMQ;
  let media: Program;
  let programs: Program[];
  let here: string;
  let there: string;

  beforeAll(async () => {
    [data, broker] = await Promise.all([tempDir('write-path'), sharedRabbitMQ()]);
    const { url, keyPrefix } = sharedRedis();
    media = await startMediaService({ DATA_DIR: data.path, RABBITMQ_ADDR: broker.url });
    const users = await startUserService();
    const services = { MEDIA_SERVICE_ADDR: media.grpcAddress, USER_SERVICE_ADDR: users.grpcAddress };
    const env = { ...services, RABBITMQ_ADDR: broker.url, REDIS_ADDR: url, CACHE_KEY_PREFIX: keyPrefix };
    const [first, second] = await Promise.all([startGateway(env), startGateway(env)]);
    [here, there] = [first.url, second.url];
    programs = [first, second, users, media];
  });
  afterAll(async () => {
    for (const program of programs) await program.stop();
    await broker.stop();
    await data.remove();
  });

  const avatarOf = async (url: string, id: string): Promise<{ id: string; fileName: string } | null> => {
    const answer = await query(url, avatarQuery, { id });
    expect(answer.errors).toBeUndefined();
    return avatarAnswer.parse(answer.data).user.avatar;
  };
  const namesOf = async (url: string, id: string): Promise<unknown> => (await query(url, allMediaQuery, { id })).data?.modelMedia;
  const avatarFor = (modelId: string, fileName: string): UploadFields => ({ modelType: 'User', modelId, collectionName: 'avatars', fileName });

  it('shows an upload at once on its own gateway and within a second on another, a cached "no avatar" and the unfiltered list included', async () => {
    for (const url of [here, there]) {
      expect(await avatarOf(url, '1')).toBeNull();
      expect(await namesOf(url, '1')).toEqual([]);
    }
    for (const fileName of ['first.png', 'second.png']) {
      const { data: answer, errors } = await upload(here, onePixelPng(), 'x.png', avatarFor('1', fileName));
      expect(errors).toBeUndefined();
      expect(answer).toMatchObject({ uploadFile: { success: true, data: { fileName, mimeType: 'image/png', width: 1, height: 1 } } });
      expect(await avatarOf(here, '1')).toMatchObject({ fileName });
      expect(await namesOf(here, '1')).toEqual([{ fileName }]);
      await waitFor(async () => (await avatarOf(there, '1'))?.fileName === fileName, { what: 'the other gateway to be fresh', ...otherGateway });
      expect(await namesOf(there, '1')).toEqual([{ fileName }]);
    }
  });

  it('shows a deletion at once on its own gateway and within a second on another', async () => {
    await upload(here, onePixelPng(), 'x.png', avatarFor('2', 'gone.png'));
    const avatar = await avatarOf(there, '2');
    expect(await avatarOf(here, '2')).toEqual(avatar);
    const { data: answer } = await query(here, deleteMutation, { id: avatar?.id });
    expect(answer).toMatchObject({ deleteMedia: { success: true } });
    expect(await avatarOf(here, '2')).toBeNull();
    await waitFor(async () => (await avatarOf(there, '2')) === null, { what: 'the other gateway to be fresh', ...otherGateway });
    expect((await query(here, deleteMutation, { id: avatar?.id })).data).toMatchObject({ deleteMedia: { success: true } });
  });

  it("shows by its event what was written past the gateways' caches", async () => {
    // A gateway without Redis and broker invalidates nothing that the others use: only the media service's event does.
    const apart = await startGateway({ MEDIA_SERVICE_ADDR: media.grpcAddress });
    try {
      for (const url of [here, there]) expect(await avatarOf(url, '3')).toBeNull();
      await upload(apart.url, onePixelPng(), 'x.png', avatarFor('3', 'aside.png'));
      for (const url of [here, there]) {
        await waitFor(async () => (await avatarOf(url, '3'))?.fileName === 'aside.png', { what: 'the event to be applied', ...otherGateway });
      }
    } finally {
      await apart.stop();
    }
  });

  it('takes an upload by curl', async () => {
    const file = join(data.path, 'curl.png');
    await writeFile(file, Buffer.from(await onePixelPng().arrayBuffer()));
    const operations = { query: uploadMutation, variables: { input: { ...avatarFor('curl', 'curl.png'), file: null } } };
    const form = [`operations=${JSON.stringify(operations)}`, 'map={"0": ["variables.input.file"]}', `0=@${file}`];
    const { stdout } = await promisify(execFile)(join(await findOrInstall('curl'), 'curl'), [
      '-sS',
      `${here}/graphql`,
      '-H',
      'apollo-require-preflight: true',
      ...form.flatMap((field) => ['-F', field]),
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ data: { uploadFile: { success: true, data: { fileName: 'curl.png' } } } });
  });

  it('takes an upload by a client library, under the alias /query too', async () => {
    const client = new Client({ url: `${here}/query`, exchanges: [fetchExchange], preferGetMethod: false, fetchOptions: { headers: { 'apollo-require-preflight': 'true' } } });
    const file = new File([onePixelPng()], 'library.png', { type: 'image/png' });
    const result = await client.mutation(uploadMutation, { input: { modelType: 'User', modelId: 'library', collectionName: 'avatars', file } }).toPromise();
    expect(result.error).toBeUndefined();
    expect(result.data).toMatchObject({ uploadFile: { data: { fileName: 'library.png' } } });
  });
});
