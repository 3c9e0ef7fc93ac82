/** Messages with media, the whole way: the provider's webhook, the import, the event, and what front ends of two gateways read. Real programs, Redis and RabbitMQ. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { somePng } from '../media/import/import-bench.js';
import { startFakeWhatsApp, type FakeWhatsApp } from '../support/fake-whatsapp.js';
import { codesOf, query } from '../support/graphql.js';
import { startGateway, startMediaService, type Program } from '../support/programs.js';
import { sharedRabbitMQ, sharedRedis, type SharedRabbitMQ } from '../support/servers/shared.js';
import { tempDir, waitFor, type TempDir } from '../support/wait.js';
import { bodyOf, deliver, entryOf, mediaMessage, textMessage, webhookEnv } from '../support/whatsapp-webhooks.js';

const messageQuery = 'query ($id: ID!) { message(id: $id) { id provider from type sentAt media { url } mediaStatus { state reason code retryable } } }';
const listQuery = 'query ($first: Int, $after: String, $from: String) { messages(first: $first, after: $after, from: $from) { edges { cursor node { id } } pageInfo { hasNextPage endCursor } } }';
const retryMutation = 'mutation ($id: ID!) { retryMessageMedia(id: $id) { success message data { id mediaStatus { state } } } }';

const message = z.object({ media: z.array(z.object({ url: z.string() })), mediaStatus: z.looseObject({ state: z.string() }) });
const page = z.object({ edges: z.array(z.object({ node: z.object({ id: z.string() }) })), pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() }) });

describe('a message of WhatsApp', () => {
  let fake: FakeWhatsApp;
  let data: TempDir;
  let broker: SharedRabbitMQ;
  let programs: Program[];
  let media: string;
  let here: string;
  let there: string;

  beforeAll(async () => {
    [fake, data, broker] = await Promise.all([startFakeWhatsApp(), tempDir('messages'), sharedRabbitMQ()]);
    const { url, keyPrefix } = sharedRedis();
    const service = await startMediaService({ DATA_DIR: data.path, RABBITMQ_ADDR: broker.url, REDIS_ADDR: url, ...fake.env, ...webhookEnv });
    const env = { MEDIA_SERVICE_ADDR: service.grpcAddress, RABBITMQ_ADDR: broker.url, REDIS_ADDR: url, CACHE_KEY_PREFIX: keyPrefix };
    const [first, second] = await Promise.all([startGateway(env), startGateway(env)]);
    [media, here, there] = [service.url, first.url, second.url];
    programs = [first, second, service];
  });
  afterAll(async () => {
    for (const program of programs) await program.stop();
    await fake.stop();
    await broker.stop();
    await data.remove();
  });

  const read = async (url: string, id: string): Promise<z.infer<typeof message>> => message.parse((await query(url, messageQuery, { id })).data?.message);

  it('shows at every gateway, "no media" cached before included, the bytes that its webhook announced', async () => {
    const bytes = somePng();
    const received = fake.receive(bytes);
    const sent = mediaMessage('image', received);
    const empty = 'query ($id: ID!) { modelMedia(modelType: "Message", modelId: $id, collectionName: "attachments") { id } }';
    for (const url of [here, there]) expect((await query(url, empty, { id: sent.id })).data).toEqual({ modelMedia: [] });
    expect((await deliver(media, bodyOf(entryOf(sent)))).status).toBe(200);
    for (const url of [here, there]) {
      const found = await waitFor(async () => (await read(url, sent.id)).media[0], { what: 'the media of the message' });
      const served = await fetch(found.url);
      expect(createHash('sha256').update(Buffer.from(await served.arrayBuffer())).digest('base64')).toBe(received.sha256);
    }
    const { data: answer } = await query(here, messageQuery, { id: sent.id });
    const shown = { id: sent.id, provider: 'whatsapp', from: sent.from, type: 'image', mediaStatus: { state: 'READY', reason: null, code: null, retryable: false } };
    expect(answer?.message).toMatchObject(shown);
  });

  it('is there without media, and as null when nobody has told of it', async () => {
    const sent = textMessage();
    await deliver(media, bodyOf(entryOf(sent)));
    expect(await read(here, sent.id)).toEqual({ media: [], mediaStatus: { state: 'NONE', reason: null, code: null, retryable: false } });
    expect((await query(here, messageQuery, { id: 'wamid.unknown' })).data).toEqual({ message: null });
  });

  it('says why its media cannot be had, and has it imported again on request', async () => {
    const received = fake.receive(somePng());
    fake.onResolve(received.id, 'code 100, subcode 33');
    const sent = mediaMessage('document', received);
    await deliver(media, bodyOf(entryOf(sent)));
    await waitFor(async () => (await read(here, sent.id)).mediaStatus.state === 'EXPIRED', { what: 'the media to be expired' });
    const { data: before } = await query(there, messageQuery, { id: sent.id });
    expect(before?.message).toMatchObject({ media: [], mediaStatus: { code: 'IMPORT_FAILED', reason: expect.stringContaining('does not have the media any more'), retryable: false } });
    fake.onResolve(received.id, undefined);
    const { data: retried } = await query(there, retryMutation, { id: sent.id });
    expect(retried?.retryMessageMedia).toMatchObject({ success: true, data: { id: sent.id } });
  });

  it('cannot be retried when nobody has told of it, or it names no media', async () => {
    const sent = textMessage();
    await deliver(media, bodyOf(entryOf(sent)));
    expect(codesOf(await query(here, retryMutation, { id: 'wamid.unknown' }))).toEqual(['NOT_FOUND']);
    expect(codesOf(await query(here, retryMutation, { id: sent.id }))).toEqual(['BAD_USER_INPUT']);
  });

  it('is in the list, the latest first, page by page', async () => {
    const sent = Array.from({ length: 5 }, () => textMessage({ from: '49170' }));
    for (const one of sent) await deliver(media, bodyOf(entryOf(one)));
    const list = async (variables: object) => page.parse((await query(here, listQuery, { ...variables })).data?.messages);
    const first = await list({ first: 3, from: '49170' });
    const rest = await list({ first: 3, from: '49170', after: first.pageInfo.endCursor });
    expect([...first.edges, ...rest.edges].map(({ node }) => node.id)).toEqual(sent.map(({ id }) => id).toReversed());
    expect([first.pageInfo.hasNextPage, rest.pageInfo.hasNextPage]).toEqual([true, false]);
    expect(codesOf(await query(here, listQuery, { first: 51 }))).toEqual(['BAD_USER_INPUT']);
  });
});
