/** Imports, updates and new orders through HTTP, with a media service that the test owns: what they pass on, what they refuse, and what is read after them. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { MemoryStore } from '../../src/cache/memory-store.js';
import { AppError, type ErrorCode } from '../../src/contract/errors.js';
import { createGateway, type Gateway } from '../../src/gateway/gateway.js';
import type { Action, Policy } from '../../src/gateway/policy.js';
import { createLogger } from '../../src/runtime/logger.js';
import { readSettings } from '../../src/runtime/settings.js';
import { aMedia, startFakeOrigin, type FakeOrigin } from '../support/fake-origin.js';
import { codesOf, onePixelPng, query, readAnswer, type Answer } from '../support/graphql.js';
import { waitFor } from '../support/wait.js';

const importMutation = 'mutation ($input: ImportMediaInput!) { importMedia(input: $input) { success message data { fileName name modelType modelId collectionName } } }';
const updateMutation = 'mutation ($input: UpdateMediaInput!) { updateMedia(input: $input) { success message data { id name fileName customProperties } } }';
const reorderMutation = 'mutation ($input: ReorderMediaInput!) { reorderMedia(input: $input) { success message data { id } } }';
const namesQuery = '{ modelMedia(modelType: "Album", modelId: "1", collectionName: "photos") { id name fileName customProperties } }';

const photos = { modelType: 'Album', modelId: '1', collectionName: 'photos' };
const rows = { model_type: 'Album', model_id: '1', collection_name: 'photos' };
const url = 'https://files.example.org/a.png';

describe('a mutation of media', () => {
  let origin: FakeOrigin;
  let gateway: Gateway;
  let asked: Action[];
  let refused: Action['kind'] | undefined;

  const policy: Policy = {
    authorize: (_viewer, action) => {
      asked.push(action);
      return action.kind === refused ? Promise.reject(new AppError('FORBIDDEN', 'You may not do this.')) : Promise.resolve();
    },
  };

  beforeEach(async () => {
    [asked, refused] = [[], undefined];
    origin = await startFakeOrigin();
    const env = { PORT: '0', MEDIA_SERVICE_ADDR: origin.address, USER_SERVICE_ADDR: origin.address, ORIGIN_MAX_CONCURRENCY: '2' };
    const store = new MemoryStore({ leaseMs: 5_000 });
    gateway = await createGateway({ settings: readSettings(env, ['gateway']), log: createLogger('test', 'silent'), store, bus: undefined, policy });
  });
  afterEach(async () => {
    await origin.stop();
    await gateway.stop();
  });

  const send = (source: string, input: object): Promise<Answer> => query(gateway.url, source, { input });
  /** Of the three that are tested here. */
  const writes = (): string[] => origin.calls.filter((method) => ['ImportFile', 'UpdateFile', 'ReorderFiles'].includes(method));
  const expectRefusal = (answer: Answer, code: ErrorCode, message: RegExp): void => {
    expect(codesOf(answer)).toEqual([code]);
    expect(answer.errors?.[0]?.message).toMatch(message);
  };
  /** What is cached of the collection, read twice so that it is. */
  const cached = async (): Promise<unknown> => {
    await query(gateway.url, namesQuery);
    origin.calls.length = 0;
    const { data } = await query(gateway.url, namesQuery);
    expect(origin.calls).toEqual([]);
    return data?.modelMedia;
  };

  describe('that imports a file', () => {
    it('takes it from a URL, under a name of its own, and the next read has it', async () => {
      expect(await cached()).toEqual([]);
      const { data, errors } = await send(importMutation, { ...photos, sourceUrl: url, fileName: 'b.png', name: 'B' });
      expect(errors).toBeUndefined();
      expect(data).toEqual({ importMedia: { success: true, message: 'The file was imported.', data: { fileName: 'b.png', name: 'B', ...photos } } });
      expect(await cached()).toMatchObject([{ fileName: 'b.png' }]);
      expect(asked).toEqual([{ kind: 'import', ...photos }]);
    });

    it('takes it from a provider, with the time at which that announced it, or without', async () => {
      for (const [timestamp, seen] of [[{ timestamp: 1_700_000_000 }, 1_700_000_000], [{}, 0], [{ timestamp: null, sourceUrl: null }, 0]] as const) {
        const { data } = await send(importMutation, { ...photos, provider: 'whatsapp', providerMediaId: '77', ...timestamp });
        expect(data).toMatchObject({ importMedia: { data: { fileName: `whatsapp-77-${seen}` } } });
      }
    });

    it('needs exactly one source, and all of it', async () => {
      const provider = { provider: 'whatsapp', providerMediaId: '77' };
      for (const source of [{}, { sourceUrl: null }, { sourceUrl: url, ...provider }, { sourceUrl: url, provider: 'whatsapp' }, { sourceUrl: url, timestamp: 1 }]) {
        expectRefusal(await send(importMutation, { ...photos, ...source }), 'BAD_USER_INPUT', /^Exactly one source is needed: sourceUrl, or provider with providerMediaId\.$/);
      }
      expectRefusal(await send(importMutation, { ...photos, sourceUrl: '' }), 'BAD_USER_INPUT', /sourceUrl must not be empty/);
      expectRefusal(await send(importMutation, { ...photos, provider: 'whatsapp' }), 'BAD_USER_INPUT', /providerMediaId must not be empty/);
      expectRefusal(await send(importMutation, { ...photos, providerMediaId: '77' }), 'BAD_USER_INPUT', /provider must not be empty/);
      expectRefusal(await send(importMutation, { ...photos, timestamp: 1 }), 'BAD_USER_INPUT', /provider must not be empty/);
      expectRefusal(await send(importMutation, { ...photos, ...provider, timestamp: -1 }), 'BAD_USER_INPUT', /timestamp must be seconds since 1970/);
      expectRefusal(await send(importMutation, { ...photos, modelId: '', sourceUrl: url }), 'BAD_USER_INPUT', /modelId must not be empty/);
      expect(writes()).toEqual([]);
    });

    it.each(['IMPORT_REFUSED', 'IMPORT_FAILED', 'UNSUPPORTED_MEDIA_TYPE'] as const)('says why it was not: %s', async (code) => {
      origin.failure = new AppError(code, 'The sentence of the media service.');
      expectRefusal(await send(importMutation, { ...photos, sourceUrl: url }), code, /^The sentence of the media service\.$/);
    });

    it('is not tried a second time when the media service went away, and is believed to be done', async () => {
      expect(await cached()).toEqual([]);
      origin.failure = status.UNAVAILABLE;
      expectRefusal(await send(importMutation, { ...photos, sourceUrl: url }), 'MEDIA_SERVICE_UNAVAILABLE', /media service/);
      expect(writes()).toEqual(['ImportFile']);
      origin.failure = undefined;
      origin.put([{ ...rows, file_name: 'arrived.png' }]);
      expect((await query(gateway.url, namesQuery)).data).toMatchObject({ modelMedia: [{ fileName: 'arrived.png' }] });
    });

    it('leaves room for everything else while it lasts, and too many at once are told that the media service is busy', async () => {
      origin.delayMs = 60_000;
      const imports = Array.from({ length: 33 }, () => send(importMutation, { ...photos, sourceUrl: url }));
      await waitFor(() => writes().length === 32, { what: '32 imports to be under way' });
      origin.delayMs = 0;
      expect((await query(gateway.url, namesQuery)).data).toMatchObject({ modelMedia: expect.anything() });
      const busy = await Promise.race(imports);
      expectRefusal(busy, 'MEDIA_SERVICE_UNAVAILABLE', /busy/);
      expect(writes()).toHaveLength(32);
      await origin.stop();
      expect((await Promise.all(imports)).flatMap(codesOf)).toEqual(imports.map(() => 'MEDIA_SERVICE_UNAVAILABLE'));
    });

    it('is so much work that few are done in one request', async () => {
      const many = Array.from({ length: 30 }, (_, index) => `i${index}: importMedia(input: $input) { success }`).join(' ');
      expectRefusal(await send(`mutation ($input: ImportMediaInput!) { ${many} }`, { ...photos, sourceUrl: url }), 'QUERY_TOO_COMPLEX', /points/);
      expect(writes()).toEqual([]);
    });
  });

  describe('that updates a file', () => {
    const properties = JSON.stringify({ alt: 'old' });
    beforeEach(() => origin.put([{ ...rows, id: '42', name: 'old', file_name: 'old.png', custom_properties: properties }]));

    it.each([
      [{ name: 'new' }, { name: 'new' }],
      [{ fileName: 'new.png', name: null }, { fileName: 'new.png' }],
      [{ customProperties: { tags: ['a', { b: 1 }], none: null } }, { customProperties: { tags: ['a', { b: 1 }], none: null } }],
      [{ customProperties: {} }, { customProperties: {} }],
      [{ customProperties: null, fileName: null }, {}],
      [{}, {}],
    ])('changes what is given and nothing else, and the next read shows it: %j', async (changes, seen) => {
      const before = { id: '42', name: 'old', fileName: 'old.png', customProperties: { alt: 'old' } };
      expect(await cached()).toEqual([before]);
      const { data, errors } = await send(updateMutation, { id: '42', ...changes });
      expect(errors).toBeUndefined();
      expect(data).toEqual({ updateMedia: { success: true, message: 'The file was updated.', data: { ...before, ...seen } } });
      expect(await cached()).toEqual([{ ...before, ...seen }]);
      expect(asked).toEqual([{ kind: 'update', ...photos }]);
    });

    it('takes properties that are written into the query', async () => {
      const { data } = await query(gateway.url, 'mutation { updateMedia(input: {id: "42", customProperties: {a: {b: [1, "two", true, null]}}}) { data { customProperties } } }');
      expect(data).toEqual({ updateMedia: { data: { customProperties: { a: { b: [1, 'two', true, null] } } } } });
    });

    it('is NOT_FOUND when there is none, also when it went in between', async () => {
      expectRefusal(await send(updateMutation, { id: '43', name: 'x' }), 'NOT_FOUND', /^There is no file with this id\.$/);
      expect(writes()).toEqual([]);
      origin.calls.length = 0;
      origin.delayMs = 300;
      const answer = send(updateMutation, { id: '42', name: 'x' });
      await waitFor(() => origin.calls.length > 0, { what: 'the owner to be looked up' });
      origin.clear();
      expectRefusal(await answer, 'NOT_FOUND', /^There is no file with this id\.$/);
      expect(writes()).toEqual(['UpdateFile']);
    });

    it('refuses properties that are no object, or too deep to be kept', async () => {
      for (const customProperties of [[], 'text', 7, true, [{}]]) {
        expectRefusal(await send(updateMutation, { id: '42', customProperties }), 'BAD_USER_INPUT', /customProperties must be an object/);
      }
      const nested = (levels: number): unknown => JSON.parse(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`);
      expectRefusal(await send(updateMutation, { id: '42', customProperties: nested(33) }), 'BAD_USER_INPUT', /^customProperties must be made of JSON values, nested 32 levels deep at most\.$/);
      const depth = 200_000;
      const deep = `{"query":${JSON.stringify(updateMutation)},"variables":{"input":{"id":"42","customProperties":{"a":${'['.repeat(depth)}${']'.repeat(depth)}}}}}`;
      const response = await fetch(`${gateway.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: deep });
      expectRefusal(await readAnswer(response), 'BAD_USER_INPUT', /32 levels/);
      expect(writes()).toEqual([]);
      expect((await send(updateMutation, { id: '42', customProperties: nested(32) })).errors).toBeUndefined();
    });

    it.each([['variables.input.customProperties', null], ['variables.input.customProperties.photo', { photo: null }]])('takes no file for properties, at %s', async (path, customProperties) => {
      const form = new FormData();
      form.set('operations', JSON.stringify({ query: updateMutation, variables: { input: { id: '42', customProperties } } }));
      form.set('map', JSON.stringify({ 0: [path] }));
      form.set('0', onePixelPng(), 'a.png');
      const response = await fetch(`${gateway.url}/graphql`, { method: 'POST', headers: { 'apollo-require-preflight': 'true' }, body: form });
      expectRefusal(await readAnswer(response), 'BAD_USER_INPUT', /^customProperties must be /);
      expect(writes()).toEqual([]);
    });

    it('asks the policy about the owner first', async () => {
      refused = 'update';
      expectRefusal(await send(updateMutation, { id: '42', name: 'x' }), 'FORBIDDEN', /may not/);
      expectRefusal(await send(reorderMutation, { ...photos, ids: ['42'] }), 'FORBIDDEN', /may not/);
      refused = 'import';
      expectRefusal(await send(importMutation, { ...photos, sourceUrl: url }), 'FORBIDDEN', /may not/);
      expect(asked).toEqual([{ kind: 'update', ...photos }, { kind: 'update', ...photos }, { kind: 'import', ...photos }]);
      expect(writes()).toEqual([]);
    });
  });

  describe('that orders a collection', () => {
    it('answers the whole of it in its new order, and the next read has that', async () => {
      origin.put(['1', '2', '3', '4'].map((id) => aMedia({ ...rows, id })));
      expect(await cached()).toMatchObject([{ id: '1' }, { id: '2' }, { id: '3' }, { id: '4' }]);
      const { data, errors } = await send(reorderMutation, { ...photos, ids: ['3', '1'] });
      expect(errors).toBeUndefined();
      const order = [{ id: '3' }, { id: '1' }, { id: '2' }, { id: '4' }];
      expect(data).toEqual({ reorderMedia: { success: true, message: 'The files were ordered.', data: order } });
      expect(await cached()).toMatchObject(order);
      expect(asked).toEqual([{ kind: 'update', ...photos }]);
    });

    it('takes 1,000 ids and no more, however many are sent', async () => {
      const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));
      expect((await send(reorderMutation, { ...photos, ids: ids(1_000) })).data).toMatchObject({ reorderMedia: { success: true } });
      expectRefusal(await send(reorderMutation, { ...photos, ids: ids(1_001) }), 'BAD_USER_INPUT', /^ids has 1001 entries, at most 1000 are allowed\.$/);
      expectRefusal(await send(reorderMutation, { ...photos, ids: ids(100_000) }), 'BAD_USER_INPUT', /at most 1000/);
      expectRefusal(await send(reorderMutation, { ...photos, ids: ids(1_000_000) }), 'BAD_USER_INPUT', /too large/);
      expectRefusal(await send(reorderMutation, { ...photos, ids: ['1', ''] }), 'BAD_USER_INPUT', /ids must not be empty/);
      expectRefusal(await send(reorderMutation, { ...photos, collectionName: '', ids: [] }), 'BAD_USER_INPUT', /collectionName must not be empty/);
      expect(writes()).toEqual(['ReorderFiles']);
    });

    it('says that it was done when the collection is too long to be listed', async () => {
      origin.put(Array.from({ length: 1_001 }, () => aMedia(rows)));
      const { data, errors } = await send(reorderMutation, { ...photos, ids: [] });
      expect(errors).toBeUndefined();
      expect(data).toEqual({ reorderMedia: { success: true, message: 'The files were ordered. There are 1001; at most 1000 can be listed.', data: null } });
    });

    it('says what the media service does not take', async () => {
      origin.failure = new AppError('BAD_USER_INPUT', 'The file 9 is not in this collection.');
      expectRefusal(await send(reorderMutation, { ...photos, ids: ['9'] }), 'BAD_USER_INPUT', /^The file 9 is not in this collection\.$/);
    });
  });
});
