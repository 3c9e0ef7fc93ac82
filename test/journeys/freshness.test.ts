/**
 * From an event to the first fresh answer of the slowest of three gateways, beside the least that such a loop can be
 * (fixtures/bare-loop.js): three processes, one of which consumes and deletes the key, all of which answer GET as GraphQL over HTTP.
 * Both are published on one channel, event by event in turn, and read by the same client in the same tight loop, so that what disturbs
 * one disturbs the other. Ours does more: the first fresh answer holds an origin call and its fill, where the bare one says that the key is gone.
 */
import { connect, type ChannelModel, type ConfirmChannel } from 'amqplib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { startFakeOrigin, type FakeOrigin } from '../support/fake-origin.js';
import { query } from '../support/graphql.js';
import { figures, percentile, report } from '../support/latency.js';
import { startProcess, type RunningProcess } from '../support/processes.js';
import { startGateway, type Program } from '../support/programs.js';
import { sharedRabbitMQ, sharedRedis, type SharedRabbitMQ } from '../support/servers/shared.js';

const source = 'query ($id: ID!) { modelMedia(modelType: "User", modelId: $id, collectionName: "avatars") { fileName } }';
const events = 400;
/** Of all events, in milliseconds; not what is compared. */
const runMs = 180_000;
const owners = 10;
const bareKey = 'bare.event.changed';
const bareReady = /"graphql"/;
/** Of one event: it was lost then. */
const deadlineMs = 10_000;
const bareSource = 'query ($key: ID!) { value(key: $key) }';

const avatar = z.object({ modelMedia: z.tuple([z.object({ fileName: z.string() })]) });
const bareAnswer = z.object({ value: z.string().nullable() });

describe('an event', () => {
  let origin: FakeOrigin;
  let broker: SharedRabbitMQ;
  let gateways: Program[];
  let bareLoops: RunningProcess[];
  let bareUrls: string[];
  let redis: Redis;
  let connection: ChannelModel;
  let channel: ConfirmChannel;
  const { url: redisUrl, keyPrefix } = sharedRedis();

  beforeAll(async () => {
    [origin, broker] = await Promise.all([startFakeOrigin(), sharedRabbitMQ()]);
    const env = { MEDIA_SERVICE_ADDR: origin.address, RABBITMQ_ADDR: broker.url, REDIS_ADDR: redisUrl, CACHE_KEY_PREFIX: keyPrefix };
    gateways = await Promise.all([startGateway(env), startGateway(env), startGateway(env)]);
    bareLoops = await Promise.all([startBareLoop({ QUEUE: 'bare' }), startBareLoop(), startBareLoop()]);
    bareUrls = await Promise.all(bareLoops.map(urlOf));
    redis = new Redis(redisUrl);
    connection = await connect(broker.url);
    channel = await connection.createConfirmChannel();
  });
  afterAll(async () => {
    redis.disconnect();
    await connection.close();
    await Promise.all([...gateways, ...bareLoops].map((program) => program.stop()));
    await broker.stop();
    await origin.stop();
  });

  const startBareLoop = (env: Record<string, string> = {}): Promise<RunningProcess> =>
    startProcess({
      command: process.execPath,
      args: [fileURLToPath(new URL('../support/fixtures/bare-loop.js', import.meta.url))],
      env: { REDIS_ADDR: redisUrl, RABBITMQ_ADDR: broker.url, ROUTING_KEY: bareKey, ...env },
      readyWhen: bareReady,
    });
  const urlOf = async (loop: RunningProcess): Promise<string> => z.object({ graphql: z.string() }).parse(JSON.parse(await loop.waitForLine(bareReady))).graphql;

  /** Publishes, and resolves with the milliseconds until all readers have seen the change, each asking as fast as it is answered. */
  const untilSeen = async (routingKey: string, body: object, readers: readonly (() => Promise<boolean>)[]): Promise<number> => {
    const start = performance.now();
    channel.publish('media.events', routingKey, Buffer.from(JSON.stringify(body)), { mandatory: true, persistent: true });
    const seen = readers.map(async (isSeen) => {
      // One after the other: the next question is asked when the last one is answered.
      // oxlint-disable-next-line no-await-in-loop
      while (!(await isSeen())) if (performance.now() - start > deadlineMs) throw new Error(`the event was not seen within ${deadlineMs} ms`);
    });
    await Promise.all(seen);
    return performance.now() - start;
  };

  const fileNameOf = async (gateway: Program, id: string): Promise<string> => avatar.parse((await query(gateway.url, source, { id })).data).modelMedia[0].fileName;
  const ours = async (event: number): Promise<number> => {
    const id = String(event % owners);
    const [before, after] = [`${Math.floor(event / owners)}.png`, `${Math.floor(event / owners) + 1}.png`];
    // Twice: filled, and read from wherever it is kept then.
    for (const _ of [1, 2]) for (const fileName of await Promise.all(gateways.map((gateway) => fileNameOf(gateway, id)))) expect(fileName).toBe(before);
    origin.put([{ model_id: id, file_name: after }]);
    const body = { model_type: 'User', model_id: id, collection_name: 'avatars' };
    return untilSeen('media.event.uploaded', body, gateways.map((gateway) => async () => (await fileNameOf(gateway, id)) === after));
  };

  const readBare = async (url: string, key: string): Promise<string | null> => bareAnswer.parse((await query(url, bareSource, { key })).data).value;
  const bare = async (event: number): Promise<number> => {
    const key = `${keyPrefix}:bare:${event}`;
    await redis.set(key, 'old');
    for (const value of await Promise.all(bareUrls.map((url) => readBare(url, key)))) expect(value).toBe('old');
    return untilSeen(bareKey, { key }, bareUrls.map((url) => async () => (await readBare(url, key)) === null));
  };

  it('is seen on every gateway within three times what the bare loop takes, at the median and at the 99th percentile', async () => {
    for (let id = 0; id < owners; id += 1) origin.put([{ model_id: String(id), file_name: '0.png' }]);
    const durations: { ours: number[]; bare: number[] } = { ours: [], bare: [] };
    for (let event = 0; event < events; event += 1) {
      durations.ours.push(await ours(event));
      durations.bare.push(await bare(event));
    }
    report(`event to fresh on 3 gateways: ${figures(durations.ours)}; bare loop: ${figures(durations.bare)}`);
    // The median, because it tells a delay of ours from the noise of the machine.
    for (const percent of [50, 99]) expect(percentile(durations.ours, percent)).toBeLessThanOrEqual(3 * percentile(durations.bare, percent));
  }, runMs);
});
