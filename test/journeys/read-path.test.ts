/** Reads through real gateways, counted by an origin that the test owns and a proxy in front of a real Redis. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTcpProxy, type TcpProxy } from '../support/faults/tcp-proxy.js';
import { startFakeOrigin, type FakeOrigin } from '../support/fake-origin.js';
import { query } from '../support/graphql.js';
import { startGateway, type Program } from '../support/programs.js';
import { sharedRedis } from '../support/servers/shared.js';
import { waitFor } from '../support/wait.js';

const avatarQuery = 'query ($id: ID!) { user(id: $id) { id avatar { id fileName } } }';
const fiftyUsers = 'query ($ids: [ID!]!) { users(ids: $ids) { id name avatar { id fileName } } }';

describe('the read path', () => {
  let origin: FakeOrigin;
  let proxy: TcpProxy;
  let gateways: Program[];

  beforeAll(async () => {
    const { url, keyPrefix } = sharedRedis();
    const redis = new URL(url);
    origin = await startFakeOrigin();
    proxy = await startTcpProxy({ host: redis.hostname, port: Number(redis.port) });
    const env = {
      MEDIA_SERVICE_ADDR: origin.address,
      USER_SERVICE_ADDR: origin.address,
      REDIS_ADDR: proxy.through(url),
      CACHE_KEY_PREFIX: keyPrefix,
      USER_CACHE_TTL_SECONDS: '0',
      // The round trips that are counted are those of reads: no probe comes in between.
      CACHE_L1_LEASE_MS: '60000',
    };
    gateways = await Promise.all([startGateway(env), startGateway(env)]);
  });
  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await proxy.stop();
    await origin.stop();
  });
  beforeEach(() => {
    origin.clear();
    origin.calls.length = 0;
    origin.delayMs = 0;
  });

  const urlOf = (index: number): string => gateways[index % gateways.length]?.url ?? '';
  const mediaCalls = (): number => origin.calls.filter((method) => method.startsWith('GetFile')).length;

  it('answers a second query without a call to the media service, on either gateway', async () => {
    origin.put([{ model_id: 'second', file_name: 'face.png' }]);
    const first = await query(urlOf(0), avatarQuery, { id: 'second' });
    expect(first.data).toMatchObject({ user: { id: 'second', avatar: { fileName: 'face.png' } } });
    expect(mediaCalls()).toBe(1);
    expect(await query(urlOf(0), avatarQuery, { id: 'second' })).toEqual(first);
    expect(await query(urlOf(1), avatarQuery, { id: 'second' })).toEqual(first);
    expect(mediaCalls()).toBe(1);
  });

  it('caches the empty answer too', async () => {
    expect((await query(urlOf(0), avatarQuery, { id: 'faceless' })).data).toEqual({ user: { id: 'faceless', avatar: null } });
    expect((await query(urlOf(1), avatarQuery, { id: 'faceless' })).data).toEqual({ user: { id: 'faceless', avatar: null } });
    expect(mediaCalls()).toBe(1);
  });

  it('makes one user call and one media call for 50 users with avatars, cold, and none to the media service, warm, with one Redis round trip, and with none from then on', async () => {
    const ids = Array.from({ length: 50 }, (_, index) => `crowd-${index}`);
    for (const id of ids) if (!id.endsWith('7')) origin.put([{ model_id: id, file_name: `${id}.png` }]);
    proxy.resetCounts();
    const cold = await query(urlOf(0), fiftyUsers, { ids });
    await waitFor(() => proxy.roundTrips() >= 2, { what: 'the fills, behind the answer' });
    expect(cold.errors).toBeUndefined();
    expect(cold.data?.users).toHaveLength(50);
    expect(cold.data).toMatchObject({ users: ids.map((id) => ({ id, avatar: id.endsWith('7') ? null : { fileName: `${id}.png` } })) });
    expect(origin.calls.toSorted()).toEqual(['GetFilesByModels', 'GetUsers']);
    for (const [gateway, roundTrips] of [[0, 1], [1, 1], [0, 0], [1, 0]] as const) {
      origin.calls.length = 0;
      proxy.resetCounts();
      expect(await query(urlOf(gateway), fiftyUsers, { ids })).toEqual(cold);
      expect(mediaCalls()).toBe(0);
      expect(proxy.roundTrips()).toBe(roundTrips);
    }
  });

  it('merges equal questions of one query, and asks for lists and single fields at once', async () => {
    origin.put([{ model_type: 'Product', model_id: '9', collection_name: 'images', file_name: 'front.png' }]);
    const both = '{ a: product(id: "9") { images { fileName } } b: modelMedia(modelType: "Product", modelId: "9", collectionName: "images") { fileName } }';
    expect((await query(urlOf(0), both)).data).toEqual({ a: { images: [{ fileName: 'front.png' }] }, b: [{ fileName: 'front.png' }] });
    expect(mediaCalls()).toBe(1);
  });

  it('works with a media service that lacks the batch call, every owner asked once', async () => {
    const old = await startFakeOrigin();
    old.batch = false;
    old.put([{ model_id: 'old-1', file_name: 'old.png' }]);
    const gateway = await startGateway({ MEDIA_SERVICE_ADDR: old.address, USER_SERVICE_ADDR: old.address });
    try {
      const ids = Array.from({ length: 20 }, (_, index) => `old-${index}`);
      const { data, errors } = await query(gateway.url, fiftyUsers, { ids });
      expect(errors).toBeUndefined();
      expect(data?.users).toHaveLength(20);
      expect(data).toMatchObject({ users: expect.arrayContaining([expect.objectContaining({ id: 'old-1', avatar: expect.objectContaining({ fileName: 'old.png' }) })]) });
      expect(old.calls.filter((method) => method === 'GetFilesByModel')).toHaveLength(20);
    } finally {
      await gateway.stop();
      await old.stop();
    }
  });

  it('never cuts a list silently: 1,000 files are answered, one more is RESULT_TOO_LARGE, and the rest of the query is answered', async () => {
    const files = (count: number): { model_type: string; model_id: string; collection_name: string }[] =>
      Array.from({ length: count }, () => ({ model_type: 'Album', model_id: String(count), collection_name: 'photos' }));
    const source = 'query ($id: ID!) { modelMedia(modelType: "Album", modelId: $id) { id } user(id: "1") { id } }';
    origin.put(files(1_000));
    expect((await query(urlOf(0), source, { id: '1000' })).data?.modelMedia).toHaveLength(1_000);
    origin.put(files(1_001));
    for (const gateway of [0, 1]) {
      const { data, errors } = await query(urlOf(gateway), source, { id: '1001' });
      expect(data).toEqual({ modelMedia: null, user: { id: '1' } });
      expect(errors).toMatchObject([{ path: ['modelMedia'], extensions: { code: 'RESULT_TOO_LARGE' } }]);
    }
  });
});
