/** Events of publishers that are not ours, through a real broker, with an origin whose media change without a word. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startFakeOrigin, type FakeOrigin } from '../support/fake-origin.js';
import { publish } from '../support/foreign-publisher.js';
import { query } from '../support/graphql.js';
import { startGateway, type Program } from '../support/programs.js';
import { sharedRabbitMQ, sharedRedis, type SharedRabbitMQ } from '../support/servers/shared.js';
import { waitFor } from '../support/wait.js';

const source = `query ($id: ID!) {
  user(id: $id) { avatar { fileName } }
  all: modelMedia(modelType: "User", modelId: $id) { fileName }
  other: modelMedia(modelType: "User", modelId: $id, collectionName: "covers") { fileName }
}`;

describe('an event of a foreign publisher', () => {
  let origin: FakeOrigin;
  let broker: SharedRabbitMQ;
  let gateways: Program[];

  beforeAll(async () => {
    [origin, broker] = await Promise.all([startFakeOrigin(), sharedRabbitMQ()]);
    const { url, keyPrefix } = sharedRedis();
    const services = { MEDIA_SERVICE_ADDR: origin.address, USER_SERVICE_ADDR: origin.address };
    const env = { ...services, RABBITMQ_ADDR: broker.url, REDIS_ADDR: url, CACHE_KEY_PREFIX: keyPrefix };
    gateways = await Promise.all([startGateway(env), startGateway(env)]);
  });
  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await broker.stop();
    await origin.stop();
  });

  const read = async (gateway: Program, id: string): Promise<unknown> => (await query(gateway.url, source, { id })).data;
  const answer = (fileName: string): object => ({ user: { avatar: { fileName } }, all: [{ fileName }], other: [] });

  const names = { model_type: 'User', collection_name: 'avatars' };
  it.each<[string, (id: number) => unknown]>([
    ['as ours', (id) => ({ event_id: 'e', occurred_at: '2026-01-01T00:00:00Z', ...names, model_id: String(id), media_id: '7', uuid: 'u', file_name: 'a', mime_type: 'b', size: 1 })],
    ['with `collection` for `collection_name`', (id) => ({ model_type: 'User', collection: 'avatars', model_id: String(id) })],
    ['with numbers for ids', (id) => ({ ...names, model_id: id, media_id: 7, event_id: 3 })],
    ['without a collection', (id) => ({ model_type: 'User', model_id: String(id) })],
    ['wrapped, with base64 of the JSON', (id) => ({ ownerId: 'x', data: Buffer.from(JSON.stringify({ ...names, model_id: id })).toString('base64') })],
  ])('is applied on every gateway within a second: %s', async (_shape, body) => {
    for (const [kind, id] of [
      ['uploaded', 71],
      ['deleted', 72],
    ] as const) {
      origin.put([{ model_id: String(id), file_name: 'old.png' }]);
      await publish(broker.url, `media.event.${kind}`, body(id));
      for (const gateway of gateways) {
        await waitFor(async () => JSON.stringify(await read(gateway, String(id))) === JSON.stringify(answer('old.png')), { what: 'the old state' });
      }
      origin.put([{ model_id: String(id), file_name: 'new.png' }]);
      for (const gateway of gateways) expect(await read(gateway, String(id))).toEqual(answer('old.png'));
      await publish(broker.url, `media.event.${kind}`, body(id));
      for (const gateway of gateways) {
        await waitFor(async () => JSON.stringify(await read(gateway, String(id))) === JSON.stringify(answer('new.png')), { what: 'the new state', timeoutMs: 1_000 });
      }
    }
  });

  it('is dead-lettered with the reason when it cannot be read, and the next one is applied', async () => {
    origin.put([{ model_id: '80', file_name: 'old.png' }]);
    for (const gateway of gateways) expect(await read(gateway, '80')).toEqual(answer('old.png'));
    origin.put([{ model_id: '80', file_name: 'new.png' }]);
    await publish(broker.url, 'media.event.uploaded', Buffer.from('not json'));
    await publish(broker.url, 'media.event.uploaded', { model_type: 'User' });
    await publish(broker.url, 'media.event.uploaded', { ...names, model_id: '80' });
    for (const gateway of gateways) {
      await waitFor(async () => JSON.stringify(await read(gateway, '80')) === JSON.stringify(answer('new.png')), { what: 'the new state' });
    }
    await waitFor(async () => (await broker.queue('api-gateway-media-dead'))?.ready === 2, { what: 'both to be dead-lettered' });
    expect(await broker.queue('api-gateway-media-uploaded')).toEqual({ ready: 0, unacked: 0 });
  });
});
