/**
 * The hot lane against the pipeline that it spares: random operations, valid and not, are asked for until they are hot, and must be answered
 * as Apollo answers them, which a request with `extensions` that are not known here is sure to reach: status, headers and body, to the byte.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { pause } from '../../src/runtime/backoff.js';
import { ownerKey } from '../../src/gateway/media-reader.js';
import { mediaFormat } from '../../src/gateway/stored-media.js';
import { connectStore } from '../cache/redis-stores.js';
import { startFakeOrigin, type FakeOrigin } from '../support/fake-origin.js';
import { query } from '../support/graphql.js';
import { startGateway, type Program } from '../support/programs.js';
import { sharedRedis } from '../support/servers/shared.js';
import { waitFor } from '../support/wait.js';

const mediaLeaves = ['id', 'uuid', 'modelType', 'modelId', 'collectionName', 'name', 'fileName', 'mimeType', 'size', 'width', 'height', 'customProperties'];
const moreLeaves = ['orderColumn', 'createdAt', 'updatedAt', 'generatedConversions', '__typename', 'again: name', 'id', 'nope', 'id @include(if: $yes)'];
const likely = <T>(usual: fc.Arbitrary<T>, seldom: fc.Arbitrary<T>): fc.Arbitrary<T> => fc.oneof({ arbitrary: usual, weight: 12 }, { arbitrary: seldom, weight: 1 });

const leaf = likely(fc.constantFrom(...mediaLeaves), fc.constantFrom(...moreLeaves, 'url', '... on Media { id size }', '... on User { id }', '...M'));
const mediaFields = fc.array(leaf, { minLength: 1, maxLength: 6 }).map((fields) => `{ ${fields.join(' ')} }`);
const userField = fc.oneof(
  fc.constantFrom('id', 'name', 'email', '__typename', 'who: name', '...U'),
  mediaFields.map((fields) => `avatar ${fields}`),
  likely(
    mediaFields.map((fields) => `picture: avatar ${fields}`),
    fc.constantFrom('avatar', 'nope', '... { id }', 'name @skip(if: $yes)'),
  ),
);
const userFields = fc.array(userField, { minLength: 1, maxLength: 5 }).map((fields) => `{ ${fields.join(' ')} }`);
const id = likely(fc.constant('$id'), fc.constantFrom('"one"', '3', '"bad\\u0007"', 'null'));
const root = fc.oneof(
  fc.tuple(id, userFields).map(([which, fields]) => `user(id: ${which}) ${fields}`),
  fc.tuple(likely(fc.constant('$ids'), fc.constantFrom('["one", "none"]', '[]', '"one"', '[$id]')), userFields).map(([which, fields]) => `users(ids: ${which}) ${fields}`),
  fc.tuple(id, mediaFields).map(([which, fields]) => `product(id: ${which}) { id images ${fields} }`),
  fc
    .tuple(id, fc.constantFrom('', ', collectionName: $collection', ', collectionName: "avatars"', ', collectionName: null'), mediaFields)
    .map(([which, collection, fields]) => `modelMedia(modelType: "User", modelId: ${which}${collection}) ${fields}`),
  fc.constantFrom('__typename', 'media(id: "1") { id }'),
);

/** Declares what it uses, mostly. */
const documents = fc.tuple(fc.array(root, { minLength: 1, maxLength: 2 }), likely(fc.constant(''), fc.constantFrom('Q', '@x', 'mutation'))).map(([roots, head]) => {
  const body = roots.map((field, index) => (index === 0 ? field : `other: ${field}`)).join(' ');
  const fragments = `${body.includes('...M') ? ' fragment M on Media { uuid name }' : ''}${body.includes('...U') ? ' fragment U on User { email id }' : ''}`;
  const types = { id: 'ID!', ids: '[ID!]!', collection: 'String', yes: 'Boolean!' };
  const declared = Object.entries(types).flatMap(([name, type]) => (new RegExp(`\\$${name}\\b`).test(body) ? [`$${name}: ${type}`] : []));
  return `query ${head}${declared.length > 0 ? `(${declared.join(', ')})` : ''} { ${body} }${fragments}`;
});

const ids = likely(
  fc.array(fc.constantFrom('one', 'three', 'none', 'späte', 'one')),
  fc.constantFrom<unknown[]>(['one', null], [1, 2], Array.from({ length: 501 }, String), ['x'.repeat(300)]),
);
const variables = fc.record(
  {
    id: likely<unknown>(fc.constantFrom('one', 'three', 'none', 'späte', 'a/b c'), fc.constantFrom<unknown>('', 5, null, 1.5, 'bad\u0001', 'x'.repeat(256), ['one'])),
    ids: likely<unknown>(ids, fc.constantFrom<unknown>('one', null, {})),
    collection: fc.constantFrom<unknown>('avatars', 'images', '', null, 7),
    yes: fc.constantFrom<unknown>(true, false, 'yes'),
    unheardOf: fc.constant(1),
  },
  { requiredKeys: ['id', 'ids', 'yes'] },
);
const operationNames = likely<unknown>(fc.constantFrom(undefined, null), fc.constantFrom<unknown>('Q', 'Nope', '', 3));

const extensionsOfClients = fc.constantFrom<unknown>(undefined, null, {}, { clientLibrary: { name: '@apollo/client', version: '4.1.0' } }, { clientLibrary: 1 });
const unheardOf = { unheardOf: true };

interface Sent {
  status: number;
  headers: Record<string, string>;
  body: string;
}

async function send(url: string, body: unknown, accept: string): Promise<Sent> {
  const headers = { 'content-type': 'application/json', accept, 'x-request-id': 'the-same' };
  const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify(body), signal: AbortSignal.timeout(30_000) });
  const answered = Object.fromEntries([...response.headers].filter(([name]) => name !== 'date'));
  return { status: response.status, headers: answered, body: await response.text() };
}

/** Sends the pieces one by one, with their length said before or not. */
async function pieces(url: string, parts: readonly string[], isLengthSaid: boolean): Promise<{ status: number | undefined; body: string }> {
  const length = parts.reduce((sum, part) => sum + Buffer.byteLength(part), 0);
  const headers = { 'content-type': 'application/json', accept: '*/*', ...(isLengthSaid ? { 'content-length': length } : { 'transfer-encoding': 'chunked' }) };
  const sending = request(`${url}/graphql`, { method: 'POST', headers, agent: false });
  const answered = new Promise<IncomingMessage>((resolve, reject) => sending.once('response', resolve).once('error', reject));
  for (const part of parts) {
    // oxlint-disable-next-line no-await-in-loop
    await new Promise((resolve) => sending.write(part, resolve));
    // Into another packet.
    // oxlint-disable-next-line no-await-in-loop
    await pause(20);
  }
  sending.end();
  const response = await answered;
  return { status: response.statusCode, body: await text(response) };
}

/** Sends a request as one write; resolves with all that is answered. */
function packet(url: string, body: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const head = ['POST /graphql HTTP/1.1', `host: ${hostname}`, 'accept: */*', 'connection: close', 'content-type: application/json', `content-length: ${Buffer.byteLength(body)}`];
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  return text(socket);
}

async function hotAnswers(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return Number(/^graphql_hot_answers_total (\d+)/m.exec(metrics)?.[1] ?? 0);
}

describe.each([
  ['with everything in the process', {}],
  ['with media from elsewhere', { CACHE_L1: 'off' }],
  ['with users and media from elsewhere', { USER_CACHE_TTL_SECONDS: '0', CACHE_L1: 'off' }],
])('the hot lane, %s', (_name, settings) => {
  let origin: FakeOrigin;
  let gateway: Program;
  let url: string;
  let keyPrefix: string;

  beforeAll(async () => {
    ({ url, keyPrefix } = sharedRedis());
    origin = await startFakeOrigin();
    const image = { custom_properties: '{"a":[1,{"b":null}],"ü":"\\u2028"}', generated_conversions: '["thumb"]', file_name: 'ä "quoted" \u{1F600}.png' };
    origin.put([{ model_id: 'one', mime_type: '', width: 0, custom_properties: '[]' }]);
    origin.put(Array.from({ length: 3 }, (_, index) => ({ model_id: 'three', order_column: index + 1, ...image })));
    origin.put([{ model_type: 'Product', model_id: 'three', collection_name: 'images', custom_properties: '', generated_conversions: '{"a":true,"b":false}' }]);
    origin.put(Array.from({ length: 1_001 }, () => ({ model_id: 'many' })));
    const addresses = { MEDIA_SERVICE_ADDR: origin.address, USER_SERVICE_ADDR: origin.address };
    gateway = await startGateway({ ...addresses, REDIS_ADDR: url, CACHE_KEY_PREFIX: keyPrefix, ...settings });
  });
  afterAll(async () => {
    await gateway.stop();
    await origin.stop();
  });

  it('answers what it answers as Apollo does, to the byte', async () => {
    const before = await hotAnswers(gateway.url);
    const runs = fc.asyncProperty(documents, fc.array(variables, { minLength: 2, maxLength: 4 }), operationNames, fc.constantFrom('*/*', 'application/json', 'application/graphql-response+json', 'text/html'), extensionsOfClients, async (source, all, operationName, accept, extensions) => {
      const usual = { id: 'one', ids: ['one', 'three'], collection: 'avatars', yes: true };
      // One after the other: the first ones make it hot, and what was asked twice is kept as a whole.
      for (const values of [usual, usual, usual, ...all, ...all, ...all]) {
        const body = { query: source, variables: values, operationName, extensions };
        // oxlint-disable-next-line no-await-in-loop
        const answer = await send(gateway.url, body, accept);
        // oxlint-disable-next-line no-await-in-loop
        expect(answer).toEqual(await send(gateway.url, { ...body, extensions: unheardOf }, accept));
      }
    });
    await fc.assert(runs, { numRuns: 120 });
    // Else this would have compared Apollo with itself.
    expect((await hotAnswers(gateway.url)) - before).toBeGreaterThan(100);
  }, 180_000);

  it('answers a request however its body arrives, and one that has none', async () => {
    const source = 'query ($id: ID!) { product(id: $id) { id images { name } } }';
    for (let time = 0; time < 4; time += 1) await query(gateway.url, source, { id: 'three' });
    const body = JSON.stringify({ query: source, variables: { id: 'späte' } });
    const usual = await pieces(gateway.url, [body], true);
    expect(usual).toMatchObject({ status: 200, body: '{"data":{"product":{"id":"späte","images":[]}}}\n' });
    const middle = Math.floor(body.length / 2);
    expect(await pieces(gateway.url, [body.slice(0, middle), body.slice(middle)], true)).toEqual(usual);
    expect(await pieces(gateway.url, [body.slice(0, middle), body.slice(middle)], false)).toEqual(usual);
    expect((await pieces(gateway.url, [], true)).status).toBe(400);
    expect((await pieces(gateway.url, ['{"query":'], true)).status).toBe(400);
    expect((await pieces(gateway.url, [body.replace('"id"', '"__proto__":{},"id"')], true)).status).toBe(400);
    expect(await pieces(gateway.url, [body], true)).toEqual(usual);
  });

  it.each([
    ['users', 'kept', 'query ($id: ID!) { users(ids: [$id, "other"]) { name avatar { name size } } }'],
    ['media alone', 'kept alone', 'query ($id: ID!) { modelMedia(modelType: "User", modelId: $id, collectionName: "avatars") { name size } }'],
  ])('gives an answer of %s again in the same words until something in it changes', async (_what, owner, source) => {
    const ask = async (): Promise<string> => (await send(gateway.url, { query: source, variables: { id: owner } }, '*/*')).body;
    origin.put([{ model_id: owner, name: 'the first' }]);
    for (let time = 0; time < 12; time += 1) expect(await ask()).toContain('the first');
    const loads = (): number => origin.calls.filter((method) => method === 'GetFilesByModels').length;
    const before = loads();
    expect(await ask()).toContain('the first');
    expect(loads()).toBe(before);
    // As another gateway does it, with its copies or without.
    const elsewhere = await connectStore(url, { keyPrefix, format: mediaFormat });
    for (const name of ['the second', 'the third']) {
      origin.put([{ model_id: owner, name, order_column: 9 }]);
      await elsewhere.invalidate(ownerKey('User', owner), 'avatars');
      await waitFor(async () => (await ask()).includes(name), { what: `${name} to be seen` });
      for (let time = 0; time < 5; time += 1) expect(await ask()).toContain(name);
    }
    elsewhere.stop();
  });

  it('answers clients that name themselves in `extensions`, as those of Apollo do', async () => {
    const body = { query: 'query ($id: ID!) { user(id: $id) { id } }', variables: { id: 'one' }, extensions: { clientLibrary: { name: '@apollo/client', version: '4.1.0' } } };
    for (let time = 0; time < 4; time += 1) await send(gateway.url, body, '*/*');
    const before = await hotAnswers(gateway.url);
    expect((await send(gateway.url, body, '*/*')).body).toBe('{"data":{"user":{"id":"one"}}}\n');
    expect(await hotAnswers(gateway.url)).toBe(before + 1);
  });

  it('leaves errors of the services to Apollo, and asks for nothing twice', async () => {
    const source = 'query ($ids: [ID!]!) { users(ids: $ids) { id name avatar { id } } }';
    for (let time = 0; time < 4; time += 1) expect((await query(gateway.url, source, { ids: [`warm-${time}`] })).errors).toBeUndefined();
    origin.calls.length = 0;
    origin.failure = status.UNAVAILABLE;
    const failed = await query(gateway.url, source, { ids: ['cold'] });
    const calls = origin.calls.length;
    origin.failure = undefined;
    expect(failed.errors?.[0]?.extensions.code).toBe('USER_SERVICE_UNAVAILABLE');
    const asked = { query: source, variables: { ids: ['colder'] }, extensions: unheardOf };
    origin.calls.length = 0;
    origin.failure = status.UNAVAILABLE;
    await send(gateway.url, asked, '*/*');
    origin.failure = undefined;
    expect(calls).toBe(origin.calls.length);
    // The whole request in one packet, which has ended before the lane knows that it cannot answer.
    origin.failure = status.UNAVAILABLE;
    const inOnePacket = await packet(gateway.url, JSON.stringify({ query: source, variables: { ids: ['coldest'] } }));
    origin.failure = undefined;
    expect(inOnePacket).toContain('USER_SERVICE_UNAVAILABLE');
    const many = 'query ($id: ID!) { modelMedia(modelType: "User", modelId: $id) { id } }';
    for (let time = 0; time < 4; time += 1) expect((await query(gateway.url, many, { id: `warm-${time}` })).errors).toBeUndefined();
    expect((await query(gateway.url, many, { id: 'many' })).errors?.[0]?.extensions.code).toBe('RESULT_TOO_LARGE');
  });
});
