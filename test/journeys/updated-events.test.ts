/** `media.event.updated`, as any publisher sends it, and the fallback URL of an empty collection: what a real cache and broker make of them. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { startFakeOrigin, type FakeOrigin } from '../support/fake-origin.js';
import { publish } from '../support/foreign-publisher.js';
import { query } from '../support/graphql.js';
import { startGateway, type Env, type Program } from '../support/programs.js';
import { sharedRabbitMQ, sharedRedis, type SharedRabbitMQ } from '../support/servers/shared.js';
import { waitFor } from '../support/wait.js';

const source = 'query ($id: ID!) { modelMedia(modelType: "User", modelId: $id, collectionName: "avatars") { name generatedConversions } }';
const fallbackSource = 'query ($id: ID!) { modelMediaURL(modelType: "User", modelId: $id, collectionName: "avatars") }';
const fallback = 'https://cdn.example.org/nobody.svg';
const queue = 'api-gateway-media-updated';

/** Of any gateway to read what an event has told, in milliseconds: what users are promised. */
const promised = { timeoutMs: 1_000 };

describe('an event `updated`', () => {
  let origin: FakeOrigin;
  let broker: SharedRabbitMQ;
  let env: Env;
  let gateways: Program[];
  const { url: redisUrl, keyPrefix } = sharedRedis();

  beforeAll(async () => {
    [origin, broker] = await Promise.all([startFakeOrigin(), sharedRabbitMQ()]);
    const services = { MEDIA_SERVICE_ADDR: origin.address, USER_SERVICE_ADDR: origin.address };
    env = { ...services, RABBITMQ_ADDR: broker.url, REDIS_ADDR: redisUrl, CACHE_KEY_PREFIX: keyPrefix };
    gateways = await Promise.all([startGateway(env), startGateway(env)]);
  });
  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await broker.stop();
    await origin.stop();
  });

  const read = async ({ url }: Program, id: string): Promise<unknown> => (await query(url, source, { id })).data?.modelMedia;
  const urlFor = async ({ url }: Program, id: string): Promise<unknown> => (await query(url, fallbackSource, { id })).data?.modelMediaURL;
  const isRead = async (gateway: Program, id: string, media: object): Promise<boolean> => JSON.stringify(await read(gateway, id)) === JSON.stringify([media]);
  const event = (id: string): object => ({ model_type: 'User', model_id: id, collection_name: 'avatars' });
  const mediaCalls = (): number => origin.calls.filter((method) => method.startsWith('GetFilesByModel')).length;
  /** Every gateway answers from the cache. */
  const isCached = (ask: (gateway: Program) => Promise<unknown>): Promise<unknown> =>
    waitFor(
      async () => {
        origin.calls.length = 0;
        for (const gateway of gateways) await ask(gateway);
        return mediaCalls() === 0;
      },
      { what: 'the entry to be cached' },
    );

  it('is applied on every gateway within a second: a file has another name, or a conversion is made', async () => {
    const old = { name: 'old', generatedConversions: [] };
    origin.put([{ model_id: '1', name: 'old' }]);
    await isCached((gateway) => read(gateway, '1'));
    origin.put([{ model_id: '1', name: 'new', generated_conversions: '{"thumb":true}' }]);
    for (const gateway of gateways) expect(await read(gateway, '1')).toEqual([old]);
    await publish(broker.url, 'media.event.updated', event('1'));
    for (const gateway of gateways) await waitFor(() => isRead(gateway, '1', { name: 'new', generatedConversions: ['thumb'] }), { what: 'the new state', ...promised });
  });

  it('ends a cached fallback URL, and so does an upload', async () => {
    origin.fallbacks.set('avatars', fallback);
    await isCached((gateway) => urlFor(gateway, '2'));
    for (const gateway of gateways) expect(await urlFor(gateway, '2')).toBe(fallback);
    origin.put([{ model_id: '2', id: 'first' }]);
    for (const gateway of gateways) expect(await urlFor(gateway, '2')).toBe(fallback);
    await publish(broker.url, 'media.event.uploaded', event('2'));
    for (const gateway of gateways) await waitFor(async () => (await urlFor(gateway, '2')) === 'http://files.invalid/first', { what: 'the URL of the file', ...promised });
    await isCached((gateway) => read(gateway, '3'));
    origin.fallbacks.set('avatars', `${fallback}?v=2`);
    expect(await Promise.all(gateways.map((gateway) => urlFor(gateway, '3')))).toEqual([fallback, fallback]);
    await publish(broker.url, 'media.event.updated', event('3'));
    for (const gateway of gateways) await waitFor(async () => (await urlFor(gateway, '3')) === `${fallback}?v=2`, { what: 'the new fallback', ...promised });
  });

  it('goes to the dead letters when it cannot be read', async () => {
    await publish(broker.url, 'media.event.updated', Buffer.from('not json'));
    await waitFor(async () => (await broker.queue('api-gateway-media-dead'))?.ready === 1, { what: 'it to be dead-lettered' });
    expect(await broker.queue(queue)).toEqual({ ready: 0, unacked: 0 });
  });

  it('takes part in what is known of the delay of events: canaries go through its queue', async () => {
    const redis = new Redis(redisUrl);
    try {
      const marks = (): Promise<string[]> => redis.keys(`${keyPrefix}*canary:${queue}:*`);
      expect(await waitFor(async () => (await marks()).length === gateways.length, { what: 'the canary of each gateway' })).toBe(true);
    } finally {
      redis.disconnect();
    }
  });

  it('waits in its queue while no gateway runs', async () => {
    origin.put([{ model_id: '4', name: 'old' }]);
    await isCached((gateway) => read(gateway, '4'));
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    origin.put([{ model_id: '4', name: 'new' }]);
    await publish(broker.url, 'media.event.updated', event('4'));
    const gateway = await startGateway(env);
    gateways = [gateway];
    await gateway.process.waitForLine(/"modelId":"4".*Invalidated user avatar cache/);
    await waitFor(() => isRead(gateway, '4', { name: 'new', generatedConversions: [] }), { what: 'the new state', ...promised });
  });
});
