/** URLs of files and of their conversions, and the fallback of an empty collection, through HTTP, with a media service that the test owns. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { MemoryStore } from '../../src/cache/memory-store.js';
import type { ErrorCode } from '../../src/contract/errors.js';
import { createGateway, type Gateway } from '../../src/gateway/gateway.js';
import { createLogger } from '../../src/runtime/logger.js';
import { readSettings } from '../../src/runtime/settings.js';
import { startFakeOrigin, type FakeOrigin } from '../support/fake-origin.js';
import { codesOf, query, type Answer } from '../support/graphql.js';

const fallback = 'https://cdn.example.org/nobody.svg';

describe('the URL', () => {
  let origin: FakeOrigin;
  let gateway: Gateway;

  beforeEach(async () => {
    origin = await startFakeOrigin();
    const env = { PORT: '0', MEDIA_SERVICE_ADDR: origin.address, USER_SERVICE_ADDR: origin.address };
    const store = new MemoryStore({ leaseMs: 5_000 });
    gateway = await createGateway({ settings: readSettings(env, ['gateway']), log: createLogger('test', 'silent'), store, bus: undefined });
  });
  afterEach(async () => {
    await gateway.stop();
    await origin.stop();
  });

  const ask = (source: string, variables: Record<string, unknown> = {}): Promise<Answer> => query(gateway.url, source, variables);
  const dataOf = async (source: string): Promise<Answer['data']> => {
    const { data, errors } = await ask(source);
    expect(errors).toBeUndefined();
    return data;
  };
  const expectRefusal = (answer: Answer, code: ErrorCode, message: RegExp): void => {
    expect(codesOf(answer)).toEqual([code]);
    expect(answer.errors?.[0]?.message).toMatch(message);
  };
  const putAvatar = (conversions: string): void => origin.put([{ id: '7', generated_conversions: conversions }]);

  describe('of a conversion', () => {
    const avatar = '{ user(id: "1") { avatar { url thumb: url(conversion: "thumb") none: url(conversion: null) } } }';

    it('is null while it is not made, or there is none of this name, never that of the file itself', async () => {
      putAvatar('{"thumb":false}');
      expect(await dataOf(avatar)).toEqual({ user: { avatar: { url: 'http://files.invalid/7', thumb: null, none: 'http://files.invalid/7' } } });
    });

    it('is there once it is made, also where the file has been cached before', async () => {
      putAvatar('{}');
      await dataOf(avatar);
      putAvatar('{"thumb":true}');
      expect(await dataOf(avatar)).toMatchObject({ user: { avatar: { url: 'http://files.invalid/7', thumb: 'http://files.invalid/7/thumb' } } });
    });

    it('is an error, and not null, when the media service cannot say', async () => {
      putAvatar('{"thumb":true}');
      await dataOf(avatar);
      origin.failure = status.UNAVAILABLE;
      const { data, errors } = await ask(avatar);
      expect(data).toMatchObject({ user: { avatar: { thumb: null } } });
      expect(errors).toContainEqual(expect.objectContaining({ path: ['user', 'avatar', 'thumb'], extensions: expect.objectContaining({ code: 'MEDIA_SERVICE_UNAVAILABLE' }) }));
    });

    it('needs a name that can be one', async () => {
      putAvatar('{}');
      for (const conversion of ['', 'x'.repeat(256), 'a\u0000b']) {
        expectRefusal(await ask('query ($name: String) { user(id: "1") { avatar { url(conversion: $name) } } }', { name: conversion }), 'BAD_USER_INPUT', /^conversion must /);
      }
    });

    it('is NOT_FOUND where a file is asked for by its id', async () => {
      putAvatar('{"thumb":true}');
      expect(await dataOf('{ mediaURL(id: "7", conversion: "thumb") { url expiresAt } }')).toEqual({
        mediaURL: { url: 'http://files.invalid/7/thumb', expiresAt: '2026-01-01T00:15:00.000Z' },
      });
      expectRefusal(await ask('{ mediaURL(id: "7", conversion: "wide") { url } }'), 'NOT_FOUND', /^There is no such conversion of a file with this id\.$/);
      expectRefusal(await ask('{ mediaURL(id: "8") { url } }'), 'NOT_FOUND', /^There is no file with this id\.$/);
    });

    it.each([
      ['{}', []],
      ['[]', []],
      ['', []],
      ['{"thumb":true,"preview":false,"wide":true}', ['thumb', 'wide']],
      ['["thumb","preview"]', ['thumb', 'preview']],
      ['null', []],
      ['[1]', []],
      ['"thumb"', []],
    ])('is told of by name: %s', async (conversions, names) => {
      putAvatar(conversions);
      expect(await dataOf('{ user(id: "1") { avatar { generatedConversions } } }')).toEqual({ user: { avatar: { generatedConversions: names } } });
    });
  });

  it('is one of a batch: a call for each pair of expiry and conversion, and at most ten of them', async () => {
    const ids = Array.from({ length: 20 }, (_, index) => `of-${index}`);
    for (const id of ids) origin.put([{ model_id: id, generated_conversions: '{"thumb":true}' }]);
    const users = (fields: string): Promise<Answer> => ask(`query ($ids: [ID!]!) { users(ids: $ids) { avatar { ${fields} } } }`, { ids });
    const { data, errors } = await users('a: url(conversion: "thumb") b: url c: url(expirySeconds: 60) d: url(expirySeconds: 60, conversion: "thumb") e: url(conversion: "thumb")');
    expect(errors).toBeUndefined();
    const urls = { a: expect.stringMatching(/thumb$/), b: expect.stringMatching(/\d$/), c: expect.stringMatching(/\d$/), d: expect.stringMatching(/thumb$/), e: expect.stringMatching(/thumb$/) };
    expect(data).toEqual({ users: ids.map(() => ({ avatar: urls })) });
    expect(origin.calls.filter((method) => method === 'GetFileURLs')).toHaveLength(4);
    const many = Array.from({ length: 11 }, (_, index) => `c${index}: url(conversion: "c${index}")`).join(' ');
    expectRefusal(await ask(`{ user(id: "of-1") { avatar { ${many} } } }`), 'BAD_USER_INPUT', /^A request can ask for 10 different pairs of expirySeconds and conversion at most\.$/);
  });

  describe('of the last file of a collection', () => {
    const last = '{ modelMediaURL(modelType: "User", modelId: "1", collectionName: "avatars") }';
    const thumb = '{ modelMediaURL(modelType: "User", modelId: "1", collectionName: "avatars", conversion: "thumb", expirySeconds: 60) }';
    const mediaCalls = (): string[] => origin.calls.filter((method) => method.startsWith('GetFilesByModel'));

    beforeEach(() => void origin.fallbacks.set('avatars', fallback));

    it('is the fallback of its rule while the collection is empty, also for a conversion, or null', async () => {
      for (const source of [last, thumb]) expect(await dataOf(source)).toEqual({ modelMediaURL: fallback });
      expect(await dataOf('{ modelMediaURL(modelType: "User", modelId: "1", collectionName: "covers") }')).toEqual({ modelMediaURL: null });
      expect(origin.calls).not.toContain('GetFileURLs');
    });

    it('is cached with the collection: what the cache answers has the fallback too, a list has no file', async () => {
      for (let time = 0; time < 3; time += 1) expect(await dataOf(last)).toEqual({ modelMediaURL: fallback });
      expect(await dataOf('{ user(id: "1") { avatar { id } } modelMedia(modelType: "User", modelId: "1", collectionName: "avatars") { id } }')).toEqual({ user: { avatar: null }, modelMedia: [] });
      expect(mediaCalls()).toHaveLength(1);
    });

    it('is that of the file which `avatar` picks, once there is one', async () => {
      origin.put([{ id: '7' }, { id: '9', generated_conversions: '{"thumb":true}' }]);
      expect(await dataOf(last)).toEqual({ modelMediaURL: 'http://files.invalid/9' });
      expect(await dataOf(thumb)).toEqual({ modelMediaURL: 'http://files.invalid/9/thumb' });
      expect(mediaCalls()).toHaveLength(1);
    });

    it('is null while the conversion is not made: neither the file itself nor the fallback', async () => {
      putAvatar('{}');
      expect(await dataOf(thumb)).toEqual({ modelMediaURL: null });
    });

    it('is asked for once, with all others of the request', async () => {
      for (const id of ['1', '2', '3']) origin.put([{ model_id: id }]);
      const urls = ['1', '2', '3', '4', '1'].map((id, index) => `u${index}: modelMediaURL(modelType: "User", modelId: "${id}", collectionName: "avatars")`);
      const data = await dataOf(`{ ${urls.join(' ')} user(id: "1") { avatar { url } } }`);
      expect(data).toMatchObject({ u0: expect.stringContaining('files.invalid'), u3: fallback });
      expect(data).toMatchObject({ u4: data?.u0, user: { avatar: { url: data?.u0 } } });
      expect(origin.calls.filter((method) => method === 'GetFileURLs').length).toBeLessThanOrEqual(2);
    });

    it('is refused for what names no collection, and for one that is too long', async () => {
      expectRefusal(await ask('{ modelMediaURL(modelType: "User", modelId: "1", collectionName: "") }'), 'BAD_USER_INPUT', /collectionName must not be empty/);
      expectRefusal(await ask('{ modelMediaURL(modelType: "User", modelId: "1", collectionName: "avatars", expirySeconds: 0) }'), 'BAD_USER_INPUT', /expirySeconds must be from 1/);
      expectRefusal(await ask('{ modelMediaURL(modelType: "User", modelId: "1", collectionName: "avatars", conversion: "") }'), 'BAD_USER_INPUT', /conversion must not be empty/);
      origin.put(Array.from({ length: 1_001 }, () => ({ model_id: '1' })));
      expectRefusal(await ask(last), 'RESULT_TOO_LARGE', /1001 files/);
    });

    it('is asked for in one call for 200 collections', async () => {
      const many = Array.from({ length: 200 }, (_, index) => `u${index}: modelMediaURL(modelType: "User", modelId: "${index}", collectionName: "avatars")`).join(' ');
      expect(Object.values((await dataOf(`{ ${many} }`)) ?? {})).toEqual(Array.from({ length: 200 }, () => fallback));
      expect(mediaCalls()).toHaveLength(1);
    });
  });
});
