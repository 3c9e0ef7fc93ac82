/** A shared queue that is deleted while a gateway consumes it: what was published meanwhile is lost, so what is cached is given up. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect } from 'amqplib';
import { startFakeOrigin, type FakeOrigin } from '../support/fake-origin.js';
import { publish } from '../support/foreign-publisher.js';
import { query } from '../support/graphql.js';
import { startGateway, type Program } from '../support/programs.js';
import { sharedRabbitMQ, sharedRedis, type SharedRabbitMQ } from '../support/servers/shared.js';
import { waitFor } from '../support/wait.js';

const source = 'query ($id: ID!) { modelMedia(modelType: "User", modelId: $id, collectionName: "avatars") { fileName } }';

/** Deletes the queue and publishes in the same breath. Resolves once the broker has said that it kept nothing. */
async function deleteAndPublish(url: string, queue: string, routingKey: string, body: object): Promise<void> {
  const connection = await connect(url);
  try {
    const channel = await connection.createConfirmChannel();
    let lost = false;
    channel.on('return', () => (lost = true));
    const deleted = channel.deleteQueue(queue);
    channel.publish('media.events', routingKey, Buffer.from(JSON.stringify(body)), { mandatory: true, persistent: true });
    await deleted;
    await channel.waitForConfirms();
    expect(lost).toBe(true);
  } finally {
    await connection.close();
  }
}

describe('a queue that is deleted under a gateway', () => {
  let origin: FakeOrigin;
  let broker: SharedRabbitMQ;
  let gateways: Program[];

  beforeAll(async () => {
    [origin, broker] = await Promise.all([startFakeOrigin(), sharedRabbitMQ()]);
    const { url, keyPrefix } = sharedRedis();
    const env = { MEDIA_SERVICE_ADDR: origin.address, RABBITMQ_ADDR: broker.url, REDIS_ADDR: url, CACHE_KEY_PREFIX: keyPrefix };
    gateways = await Promise.all([startGateway(env), startGateway(env)]);
  });
  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await broker.stop();
    await origin.stop();
  });

  const read = async ({ url }: Program, id: string): Promise<string> => JSON.stringify((await query(url, source, { id })).data);
  const answer = (fileName: string): string => JSON.stringify({ modelMedia: [{ fileName }] });
  /** Every gateway answers it without asking the origin. */
  const cached = (id: string, fileName: string): Promise<unknown> =>
    waitFor(
      async () => {
        origin.calls.length = 0;
        for (const gateway of gateways) expect(await read(gateway, id)).toBe(answer(fileName));
        return origin.calls.length === 0;
      },
      { what: `${id} to be cached` },
    );
  const put = (ids: readonly string[], fileName: string): void => ids.forEach((id) => origin.put([{ model_id: id, file_name: fileName }]));
  const isConsumed = (queue: string): boolean => gateways.some(({ process }) => process.logs().split('\n').some((line) => line.includes('consuming the queue') && line.includes(queue)));
  /** How often a gateway has said so. */
  const emptied = (): number => gateways.reduce((times, { process }) => times + process.logs().split('the cache was emptied').length - 1, 0);

  it.each(['uploaded', 'deleted'])('costs what is cached, and no freshness: %s', async (kind) => {
    const queue = `api-gateway-media-${kind}`;
    const ids = [`${kind}-1`, `${kind}-2`, `${kind}-3`];
    const [announced = ''] = ids;
    await waitFor(() => isConsumed(queue), { what: 'the queue to be consumed' });
    put(ids, 'old.png');
    for (const id of ids) await cached(id, 'old.png');
    const before = emptied();
    put(ids, 'new.png');

    await deleteAndPublish(broker.url, queue, `media.event.${kind}`, { model_type: 'User', model_id: announced, collection_name: 'avatars' });
    await waitFor(() => emptied() > before, { what: 'the cache to be emptied' });
    for (const gateway of gateways) {
      for (const id of ids) {
        await waitFor(async () => (await read(gateway, id)) === answer('new.png'), { what: `${id} to be read anew` });
        expect(await read(gateway, id)).toBe(answer('new.png'));
      }
    }

    // Events are applied again, from a queue that was made anew.
    for (const id of ids) await cached(id, 'new.png');
    put([announced], 'newest.png');
    await publish(broker.url, `media.event.${kind}`, { model_type: 'User', model_id: announced, collection_name: 'avatars' });
    const logs = (): string => gateways.map(({ process }) => process.logs()).join('\n\n');
    for (const gateway of gateways) {
      await waitFor(async () => (await read(gateway, announced)) === answer('newest.png'), { what: 'the next event to be applied' }).catch((error: unknown) => {
        throw new Error(logs(), { cause: error });
      });
    }
  });
});
