/** `npm run cache`, as an operator runs it beside two gateways that hold copies of what Redis has. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { RedisStore } from '../../src/cache/redis-store.js';
import { readCacheCommand, UsageError } from '../../src/gateway/cache-command.js';
import { connectStore } from '../cache/redis-stores.js';
import { startFakeOrigin, type FakeOrigin } from '../support/fake-origin.js';
import { startGateway, type Env, type Program } from '../support/programs.js';
import { sharedRedis } from '../support/servers/shared.js';
import { freePort, waitFor } from '../support/wait.js';

const script = fileURLToPath(new URL('../../dist/gateway/cache-main.js', import.meta.url));
const token = 'where from';
const source = 'query ($type: String!, $id: ID!, $collection: String) { modelMedia(modelType: $type, modelId: $id, collectionName: $collection) { fileName } }';
const answer = z.object({
  data: z.object({ modelMedia: z.array(z.object({ fileName: z.string() })) }),
  extensions: z.object({ cache: z.tuple([z.object({ source: z.string() })]) }),
});

interface Outcome {
  code: unknown;
  stdout: string;
  stderr: string;
}

function run(env: Env, ...words: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...words], { env, timeout: 60_000 }, (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr }));
  });
}

interface Owner {
  type: string;
  id: string;
  collection?: string;
}

describe('npm run cache', () => {
  let origin: FakeOrigin;
  let env: Env;
  let gateways: Program[];
  /** Of this process, with the same data. */
  let store: RedisStore;
  let version = 0;

  beforeAll(async () => {
    origin = await startFakeOrigin();
    const { url, keyPrefix } = sharedRedis();
    env = { REDIS_ADDR: url, CACHE_KEY_PREFIX: keyPrefix };
    const services = { MEDIA_SERVICE_ADDR: origin.address, USER_SERVICE_ADDR: origin.address, EXPLAIN_TOKEN: token };
    gateways = await Promise.all([startGateway({ ...env, ...services }), startGateway({ ...env, ...services })]);
    store = await connectStore(url, { keyPrefix });
  });
  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    store.stop();
    await origin.stop();
  });

  const names = ({ type, id, collection = 'photos' }: Owner): { model_type: string; model_id: string; collection_name: string } => ({ model_type: type, model_id: id, collection_name: collection });
  const read = async ({ url }: Program, { type, id, collection = 'photos' }: Owner): Promise<{ fileName: string | undefined; from: string }> => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-cache-explain': token },
      body: JSON.stringify({ query: source, variables: { type, id, collection } }),
      signal: AbortSignal.timeout(30_000),
    });
    const { data, extensions } = answer.parse(await response.json());
    return { fileName: data.modelMedia[0]?.fileName, from: extensions.cache[0].source };
  };
  /** Changes the media of the owners at their origin, and tells nobody. */
  const change = (owners: readonly Owner[]): string => {
    const fileName = `version-${(version += 1)}.png`;
    for (const owner of owners) origin.put([{ ...names(owner), file_name: fileName }]);
    return fileName;
  };
  /** Every gateway has a copy of every one of them. */
  const copied = async (owners: readonly Owner[]): Promise<void> => {
    for (const gateway of gateways) for (const owner of owners) await waitFor(async () => (await read(gateway, owner)).from === 'in-process', { what: `a copy of ${owner.type} ${owner.id}` });
  };
  const expectAnew = async (owners: readonly Owner[], fileName: string): Promise<void> => {
    for (const gateway of gateways) {
      for (const owner of owners) {
        await waitFor(async () => (await read(gateway, owner)).fileName === fileName, { what: `${owner.type} ${owner.id} to be read anew` });
        expect((await read(gateway, owner)).fileName).toBe(fileName);
      }
    }
    // Once for all gateways.
    expect(origin.calls).toEqual(owners.map(() => 'GetFilesByModels'));
  };
  const expectKept = async (owners: readonly Owner[], fileName: string): Promise<void> => {
    const calls = origin.calls.length;
    for (const gateway of gateways) for (const owner of owners) expect((await read(gateway, owner)).fileName).toBe(fileName);
    expect(origin.calls).toHaveLength(calls);
  };

  describe('beside two gateways that have copies', () => {
    const album = { type: 'Album', id: '1' };
    const neighbour = { type: 'Album', id: '11' };
    const other = { type: 'App\\Models\\*', id: '1' };
    const lookalike = { type: 'App\\Models\\User', id: '1' };
    const all = [album, neighbour, other, lookalike];
    let before: string;
    beforeEach(async () => {
      await store.purge('');
      before = change(all);
      await Promise.all(gateways.map((gateway) => waitFor(async () => (await read(gateway, album)).fileName === before, { what: 'a clean start' })));
      await copied(all);
      origin.calls.length = 0;
    });

    it('purges an owner from Redis and from the copies of all gateways, and no other owner', async () => {
      const fileName = change(all);
      await expectKept(all, before);
      expect(await run(env, 'purge', 'owner', 'Album', '1')).toEqual({ code: 0, stdout: 'Purged Album 1.\n', stderr: '' });
      await expectAnew([album], fileName);
      await expectKept([neighbour, other, lookalike], before);
    });

    it('purges one collection of an owner, with what is cached of all its collections, and no other collection', async () => {
      const covers = { ...album, collection: 'covers' };
      const everything = { ...album, collection: '' };
      const coversBefore = change([covers]);
      await copied([covers, everything]);
      origin.calls.length = 0;
      const fileName = change([album]);
      change([covers]);
      expect(await run(env, 'purge', 'owner', 'Album', '1', 'photos')).toEqual({ code: 0, stdout: 'Purged Album 1, collection photos.\n', stderr: '' });
      await expectAnew([album], fileName);
      await expectKept([covers], coversBefore);
      for (const gateway of gateways) await waitFor(async () => (await read(gateway, everything)).fileName === fileName, { what: 'the list of all collections to be read anew' });
    });

    it('purges all owners of a type, whatever characters it has, and no other type', async () => {
      const fileName = change(all);
      expect(await run(env, 'purge', 'type', other.type)).toEqual({ code: 0, stdout: `Purged 1 owner of type ${other.type}.\n`, stderr: '' });
      await expectAnew([other], fileName);
      await expectKept([album, neighbour, lookalike], before);
      origin.calls.length = 0;
      expect(await run(env, 'purge', 'type', 'Album')).toMatchObject({ code: 0, stdout: 'Purged 2 owners of type Album.\n' });
      await expectAnew([album, neighbour], fileName);
    });

    it('purges everything of its key prefix, and says how much that was', async () => {
      const fileName = change(all);
      expect(await run({ ...env, CACHE_KEY_PREFIX: `${env['CACHE_KEY_PREFIX']}-other` }, 'purge', 'all')).toMatchObject({ code: 0, stdout: 'Purged 0 owners.\n' });
      await expectKept(all, before);
      expect(await run(env, 'purge', 'all')).toEqual({ code: 0, stdout: 'Purged 4 owners.\n', stderr: '' });
      await expectAnew(all, fileName);
      expect(await run(env, 'purge', 'all')).toMatchObject({ code: 0, stdout: 'Purged 4 owners.\n' });
      expect(await run(env, 'purge', 'all')).toMatchObject({ code: 0, stdout: 'Purged 0 owners.\n' });
    });

    it('shows what Redis has of an owner', async () => {
      expect(await run(env, 'peek', 'Album', '2')).toEqual({ code: 0, stdout: 'Nothing is cached.\n', stderr: '' });
      const { code, stdout } = await run(env, 'peek', 'Album', '1');
      expect(code).toBe(0);
      expect(stdout).toMatch(/^photos: \d+ ms old, \d+ ms left, tag \S+\n {2}\{"total":1,/);
      expect(stdout).toContain(before);
      expect(stdout).not.toContain('a miss');
      await expectKept([album], before);
    });
  });

  it('answers what it does not understand with what is wrong, its usage and exit code 2', async () => {
    const { code, stdout, stderr } = await run(env, 'purge', 'owner', 'Album');
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^[^\n]+\.\nnpm run cache -- purge owner /);
  });

  it.each([
    [[]],
    [['frobnicate']],
    [['purge']],
    [['purge', 'everything']],
    [['purge', 'all', 'Album']],
    [['purge', 'type']],
    [['purge', 'type', 'Album', '1']],
    [['purge', 'owner', 'Album', '1', 'photos', 'more']],
    [['peek', 'Album']],
    [['peek', 'Album', '1', 'photos']],
  ])('does not understand %j', (words) => {
    expect(() => readCacheCommand(words)).toThrow(UsageError);
  });

  it('shows its usage when asked', async () => {
    expect(await run({}, '--help')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^npm run cache -- purge owner /), stderr: '' });
  });

  it('says in one sentence what is wrong with a name or a setting: exit code 2', async () => {
    for (const [settings, words] of [
      [env, ['purge', 'type', '']],
      [env, ['purge', 'owner', 'Album', 'x'.repeat(256)]],
      [{}, ['purge', 'all']],
      [{ ...env, CACHE_KEY_PREFIX: 'with spaces' }, ['purge', 'all']],
    ] as const) {
      const { code, stdout, stderr } = await run(settings, ...words);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(/^[^\n]+\n$/);
    }
  });

  it('says in one sentence that Redis is away: exit code 1', async () => {
    const { code, stdout, stderr } = await run({ ...env, REDIS_ADDR: `redis://127.0.0.1:${await freePort()}` }, 'purge', 'all');
    expect([code, stdout, stderr]).toEqual([1, '', 'Redis is out of reach.\n']);
  });
});
