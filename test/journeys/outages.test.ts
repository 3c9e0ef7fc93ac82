/** The outage table of the README: what is answered while a part is away, and that it recovers by itself. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTcpProxy } from '../support/faults/tcp-proxy.js';
import { startFakeOrigin, type FakeOrigin } from '../support/fake-origin.js';
import { publish } from '../support/foreign-publisher.js';
import { codesOf, query } from '../support/graphql.js';
import { partsOf, startGateway, startMediaService, type Program } from '../support/programs.js';
import { startPostgres } from '../support/servers/postgres.js';
import type { PrivateServer } from '../support/servers/private-server.js';
import { startRabbitMQ, type RabbitMQ } from '../support/servers/rabbitmq.js';
import { startRedis } from '../support/servers/redis.js';
import { freePort, tempDir, waitFor } from '../support/wait.js';

const avatarQuery = 'query ($id: ID!) { user(id: $id) { id avatar { fileName } } }';
/** Of a part that is back, in milliseconds: the bound that users are promised. */
const recovery = { timeoutMs: 10_000 };

describe('while a part is away', () => {
  let origin: FakeOrigin;
  let gateway: Program | undefined;

  beforeEach(async () => {
    origin = await startFakeOrigin();
    origin.put([{ model_id: '1', file_name: 'face.png' }]);
  });
  afterEach(async () => {
    await gateway?.stop();
    gateway = undefined;
    await origin.stop();
  });

  const avatarOf = async (id = '1'): Promise<unknown> => {
    const { data, errors } = await query(gateway?.url ?? '', avatarQuery, { id });
    expect(errors).toBeUndefined();
    return data;
  };
  const services = (): Record<string, string> => ({ MEDIA_SERVICE_ADDR: origin.address, USER_SERVICE_ADDR: origin.address });
  const face = { user: { id: '1', avatar: { fileName: 'face.png' } } };

  describe('Redis', () => {
    let redis: PrivateServer;
    afterEach(() => redis.stop());

    it('absent at start: answers without a cache, and has one once it is there', async () => {
      redis = await startRedis();
      await redis.kill();
      gateway = await startGateway({ ...services(), REDIS_ADDR: redis.url }, { alone: true });
      expect(await partsOf(gateway.url)).toMatchObject({ cache: 'unavailable' });
      expect(await avatarOf()).toEqual(face);
      await redis.restart();
      await waitFor(async () => (await partsOf(gateway?.url ?? '')).cache === 'ready', { what: 'the cache to be ready', ...recovery });
      await avatarOf();
      origin.calls.length = 0;
      expect(await avatarOf()).toEqual(face);
      expect(origin.calls).not.toContain('GetFilesByModels');
    });

    it('stopped, frozen or killed in flight: answers from the media service, and caches again afterwards', async () => {
      redis = await startRedis();
      gateway = await startGateway({ ...services(), REDIS_ADDR: redis.url });
      const cachedAgain = async (): Promise<boolean> => {
        await avatarOf();
        origin.calls.length = 0;
        await avatarOf();
        return !origin.calls.includes('GetFilesByModels');
      };
      await waitFor(cachedAgain, { what: 'the cache to be in use' });
      for (const [fault, mend] of [
        [() => redis.pause(), () => redis.resume()],
        [() => redis.kill(), () => redis.restart()],
      ] as const) {
        await fault();
        origin.calls.length = 0;
        expect(await avatarOf()).toEqual(face);
        const askedAnew = async (): Promise<boolean> => {
          expect(await avatarOf()).toEqual(face);
          return origin.calls.includes('GetFilesByModels');
        };
        await waitFor(askedAnew, { what: 'the copy in the process to be given up', ...recovery });
        await mend();
        await waitFor(cachedAgain, { what: 'the cache to be in use again', ...recovery });
      }
    });
  });

  describe('RabbitMQ', () => {
    let rabbitmq: RabbitMQ;
    let redis: PrivateServer;
    beforeAll(async () => {
      [rabbitmq, redis] = await Promise.all([startRabbitMQ(), startRedis()]);
    });
    afterAll(() => Promise.all([rabbitmq.stop(), redis.stop()]));

    it('absent at start, then killed in flight: answers and caches; applies the events as soon as it is there', async () => {
      await rabbitmq.kill();
      gateway = await startGateway({ ...services(), REDIS_ADDR: redis.url, RABBITMQ_ADDR: rabbitmq.url }, { alone: true });
      await waitFor(async () => (await partsOf(gateway?.url ?? '')).cache === 'ready', { what: 'the cache to be ready' });
      expect(await partsOf(gateway.url)).toMatchObject({ broker: 'connecting' });
      expect(await avatarOf()).toEqual(face);
      for (const [round, fileName] of [
        [1, 'second.png'],
        [2, 'third.png'],
      ] as const) {
        await rabbitmq.start();
        await waitFor(async () => (await partsOf(gateway?.url ?? '')).broker === 'connected', { what: `the broker, time ${round}`, ...recovery });
        origin.put([{ model_id: '1', file_name: fileName }]);
        await publish(rabbitmq.url, 'media.event.uploaded', { model_type: 'User', model_id: '1', collection_name: 'avatars' });
        await waitFor(async () => JSON.stringify(await avatarOf()).includes(fileName), { what: 'the event to be applied', ...recovery });
        await rabbitmq.kill();
        expect(JSON.stringify(await avatarOf())).toContain(fileName);
      }
    });
  });

  describe('Redis, in the moment of a write, without a broker', () => {
    let redis: PrivateServer;
    afterEach(() => redis.stop());

    it('the gateway that took the write reads it, and so do the others soon after', async () => {
      redis = await startRedis();
      const proxy = await startTcpProxy({ host: redis.host, port: redis.port });
      gateway = await startGateway({ ...services(), REDIS_ADDR: proxy.through(redis.url) });
      const other = await startGateway({ ...services(), REDIS_ADDR: redis.url });
      try {
        origin.put([{ id: '77', model_id: '1', file_name: 'face.png' }]);
        await waitFor(async () => JSON.stringify((await query(other.url, avatarQuery, { id: '1' })).data) === JSON.stringify(face), { what: 'the avatar to be cached' });
        await proxy.refuse();
        expect((await query(gateway.url, 'mutation { deleteMedia(id: "77") { success } }')).data).toEqual({ deleteMedia: { success: true } });
        await proxy.accept();
        const mine = async (): Promise<unknown> => (await query(gateway?.url ?? '', avatarQuery, { id: '1' })).data;
        for (let times = 0; times < 20; times += 1) expect(await mine()).toEqual({ user: { id: '1', avatar: null } });
        await waitFor(async () => JSON.stringify((await query(other.url, avatarQuery, { id: '1' })).data).includes('null'), { what: 'the other gateway to be fresh' });
        expect(await mine()).toEqual({ user: { id: '1', avatar: null } });
      } finally {
        await other.stop();
        await proxy.stop();
      }
    });
  });

  describe('RabbitMQ, for longer than entries may be believed', () => {
    let redis: PrivateServer;
    afterEach(() => redis.stop());

    it('serves what is cached for the bounded time only', async () => {
      redis = await startRedis();
      const nowhere = `amqp://127.0.0.1:${await freePort()}`;
      const env = { ...services(), REDIS_ADDR: redis.url, RABBITMQ_ADDR: nowhere };
      gateway = await startGateway({ ...env, CACHE_UNSYNCED_MAX_AGE_SECONDS: '1' }, { alone: true });
      await waitFor(async () => (await partsOf(gateway?.url ?? '')).cache === 'ready', { what: 'the cache to be ready' });
      expect(await avatarOf()).toEqual(face);
      origin.put([{ model_id: '1', file_name: 'unannounced.png' }]);
      await waitFor(async () => JSON.stringify(await avatarOf()).includes('unannounced.png'), { what: 'the entry to be too old' });
      // Without a broker in the settings there is no event to wait for: the TTL alone counts.
      await gateway.stop();
      gateway = await startGateway({ ...services(), REDIS_ADDR: redis.url, CACHE_UNSYNCED_MAX_AGE_SECONDS: '0' });
      await avatarOf();
      origin.calls.length = 0;
      await avatarOf();
      expect(origin.calls).not.toContain('GetFilesByModels');
    });
  });

  describe('the media service', () => {
    it('absent: avatar is null with a code of its own, everything else is answered, and it recovers', async () => {
      const port = await freePort();
      gateway = await startGateway({ ...services(), MEDIA_SERVICE_ADDR: `127.0.0.1:${port}` });
      const mixed = '{ user(id: "1") { id name avatar { id } } product(id: "2") { id images { id } } modelMedia(modelType: "A", modelId: "1") { id } media(id: "1") { id } }';
      const answer = await query(gateway.url, mixed);
      expect(answer.status).toBe(200);
      expect(answer.data).toEqual({ user: { id: '1', name: 'User 1', avatar: null }, product: { id: '2', images: null }, modelMedia: null, media: null });
      expect(codesOf(answer)).toEqual(Array.from({ length: 4 }, () => 'MEDIA_SERVICE_UNAVAILABLE'));
      expect(JSON.stringify(answer)).not.toMatch(/127\.0\.0\.1|ECONNREFUSED|stack/);
      const media = await startFakeOrigin({ port });
      try {
        media.put([{ model_id: '1', file_name: 'back.png' }]);
        const recovered = async (): Promise<boolean> => (await query(gateway?.url ?? '', avatarQuery, { id: '1' })).errors === undefined;
        await waitFor(recovered, { what: 'the media service to be used again', ...recovery });
        expect(await avatarOf()).toEqual({ user: { id: '1', avatar: { fileName: 'back.png' } } });
      } finally {
        await media.stop();
      }
    });

    it('hanging: every query is answered within its deadline, with the same code', async () => {
      gateway = await startGateway(services());
      origin.delayMs = 60_000;
      const users = await startFakeOrigin();
      try {
        await gateway.stop();
        gateway = await startGateway({ ...services(), USER_SERVICE_ADDR: users.address });
        const answer = await query(gateway.url, avatarQuery, { id: '1' });
        expect(answer.data).toEqual({ user: { id: '1', avatar: null } });
        expect(codesOf(answer)).toEqual(['MEDIA_SERVICE_UNAVAILABLE']);
      } finally {
        await users.stop();
      }
    });
  });

  describe('the database of the media service', () => {
    it('away: it says that it is not ready, and of which part, and recovers', async () => {
      const [postgres, data] = await Promise.all([startPostgres(), tempDir('outages')]);
      const media = await startMediaService({ DATA_DIR: data.path, MEDIA_DATABASE_URL: postgres.url });
      const readiness = async (): Promise<unknown> => {
        const response = await fetch(`${media.url}/readyz`, { signal: AbortSignal.timeout(5_000) });
        return { status: response.status, body: await response.json() };
      };
      try {
        expect(await readiness()).toEqual({ status: 200, body: { status: 'ready', parts: { database: 'ready', broker: 'off' } } });
        await postgres.kill();
        expect(await readiness()).toEqual({ status: 503, body: { status: 'unavailable', parts: { database: 'unavailable', broker: 'off' } } });
        await postgres.start();
        await waitFor(async () => (await fetch(`${media.url}/readyz`)).status === 200, { what: 'the media service to be ready again', ...recovery });
      } finally {
        await media.stop();
        await postgres.stop();
        await data.remove();
      }
    });
  });

  describe('the user service', () => {
    it('absent: user is null with a code of its own, media are answered', async () => {
      gateway = await startGateway({ ...services(), USER_SERVICE_ADDR: `127.0.0.1:${await freePort()}` });
      const answer = await query(gateway.url, '{ user(id: "1") { id } modelMedia(modelType: "User", modelId: "1") { fileName } }');
      expect(answer.data).toEqual({ user: null, modelMedia: [{ fileName: 'face.png' }] });
      expect(codesOf(answer)).toEqual(['USER_SERVICE_UNAVAILABLE']);
    });
  });
});
