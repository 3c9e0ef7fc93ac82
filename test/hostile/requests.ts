/** Requests that are not as the protocol wants them: multipart uploads, and the stream of gRPC. */
import { createHash } from 'node:crypto';
import type { UploadFileRequestInput } from '../../src/contract/generated/media/v1/UploadFileRequest.js';
import { readAnswer, uploadMutation } from '../support/graphql.js';
import type { HostileInput, Reply, Section } from './hostile-input.js';
import { replyOf, type World } from './world.js';

const file = Buffer.from('hello');
const preflight = { 'apollo-require-preflight': 'true', 'content-type': 'multipart/form-data; boundary=x' };

/** One part; each of its headers is a line. */
const part = (disposition: string, content: string, more = ''): string => `--x\r\nContent-Disposition: form-data; ${disposition}\r\n${more}\r\n${content}\r\n`;
const operations = (modelId: string): string =>
  part('name="operations"', JSON.stringify({ query: uploadMutation, variables: { input: { modelType: 'Post', modelId, collectionName: 'files', file: null } } }));
const map = part('name="map"', '{"0":["variables.input.file"]}');
const content = part('name="0"; filename="a.txt"', 'hello');
const end = '--x--\r\n';

const posted = (input: string, answer: string, body: (owner: string) => string, headers: Readonly<Record<string, string>> = preflight): HostileInput => ({
  input,
  answer,
  stored: answer === 'OK',
  send: async (world) => {
    const response = await fetch(`${world.url}/graphql`, { method: 'POST', headers, body: body(world.owner()), signal: AbortSignal.timeout(20_000) });
    return world.stored(await readAnswer(response));
  },
});

const bad = 'BAD_USER_INPUT';
const deep = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

export const multipart: Section = {
  title: 'Multipart requests',
  intro: 'Bodies by the GraphQL multipart request specification, nearly.',
  inputs: [
    posted('without a preflight header, as any site could make a browser send it', bad, (owner) => `${operations(owner)}${map}${content}${end}`, {
      'content-type': preflight['content-type'],
    }),
    posted('no boundary', bad, () => 'x', { ...preflight, 'content-type': 'multipart/form-data' }),
    posted('a boundary of 1,000 characters', bad, () => `--${'x'.repeat(1_000)}--`, { ...preflight, 'content-type': `multipart/form-data; boundary=${'x'.repeat(1_000)}` }),
    posted('another boundary than announced', bad, (owner) => `${operations(owner)}${map}${content}${end}`, { ...preflight, 'content-type': 'multipart/form-data; boundary=y' }),
    posted('no body', bad, () => ''),
    posted('no end', bad, (owner) => `${operations(owner)}${map}${content}`),
    posted('no file', bad, (owner) => `${operations(owner)}${map}${end}`),
    posted('the file before `operations`', bad, (owner) => `${content}${operations(owner)}${map}${end}`),
    posted('`map` before `operations`', bad, (owner) => `${map}${operations(owner)}${content}${end}`),
    posted('two files', bad, (owner) => `${operations(owner)}${part('name="map"', '{"0":["variables.input.file"],"1":["variables.b"]}')}${content}${part('name="1"; filename="b.txt"', 'x')}${end}`),
    posted('a file at 1,000 places', bad, (owner) => {
      const places = JSON.stringify({ 0: ['variables.input.file', ...Array.from({ length: 1_000 }, (_, index) => `variables.x${index}`)] });
      return `${operations(owner)}${part('name="map"', places)}${content}${end}`;
    }),
    posted('a file at `__proto__.polluted`', bad, (owner) => `${operations(owner)}${part('name="map"', '{"0":["__proto__.polluted"]}')}${content}${end}`),
    posted('a file at `variables.__proto__.polluted`', bad, (owner) => `${operations(owner)}${part('name="map"', '{"0":["variables.__proto__.polluted"]}')}${content}${end}`),
    posted('a file at `query.x`', bad, (owner) => `${operations(owner)}${part('name="map"', '{"0":["query.x"]}')}${content}${end}`),
    posted('`operations` of 100,000 levels', bad, () => `${part('name="operations"', '['.repeat(100_000))}${map}${content}${end}`),
    posted('`operations` of 16,000 levels, complete', bad, () => `${part('name="operations"', deep(16_000))}${map}${content}${end}`),
    posted('`variables` of 15,000 levels', bad, (owner) => {
      const variables = `{"input":{"modelType":"Post","modelId":"${owner}","collectionName":"files","file":null,"name":${deep(15_000)}}}`;
      return `${part('name="operations"', `{"query":${JSON.stringify(uploadMutation)},"variables":${variables}}`)}${map}${content}${end}`;
    }),
    posted('`operations` of 101 KB', bad, () => `${part('name="operations"', JSON.stringify({ query: 'x'.repeat(101_000) }))}${map}${content}${end}`),
    posted('`operations` that is a file', bad, () => `${part('name="operations"; filename="a.json"', '{}')}${map}${content}${end}`),
    posted('`map` that is a list', bad, (owner) => `${operations(owner)}${part('name="map"', '[["variables.input.file"]]')}${content}${end}`),
    posted('10,000 fields that nobody asked for', 'OK', (owner) => `${operations(owner)}${map}${part('name="z"', 'z').repeat(10_000)}${content}${end}`),
    posted('headers of a part of 200 KB', bad, (owner) => `${operations(owner)}${map}${part('name="0"; filename="a.txt"', 'hello', `X: ${'x'.repeat(200_000)}\r\n`)}${end}`),
    posted('a NUL in the file name of a part', bad, (owner) => `${operations(owner)}${map}${part('name="0"; filename="a\u0000.txt"', 'hello')}${end}`),
    posted('a path in the file name of a part', 'OK', (owner) => `${operations(owner)}${map}${part('name="0"; filename="../../etc/passwd.txt"', 'hello')}${end}`),
    posted('two file names in a part', 'OK', (owner) => `${operations(owner)}${map}${part(`name="0"; filename="a.txt"; filename*=UTF-8''..%2f..%2fb.txt`, 'hello')}${end}`),
    posted('a program as file name of a part', bad, (owner) => `${operations(owner)}${map}${part('name="0"; filename="a.exe"', 'hello')}${end}`),
    posted('a part that claims another type and encoding', 'OK', (owner) =>
      `${operations(owner)}${map}${part('name="0"; filename="a.txt"', 'aGVsbG8=', 'Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n')}${end}`,
    ),
    {
      input: 'a body that ends in the middle of its file',
      answer: 'closed',
      stored: false,
      send: async (world) => {
        const body = `${operations(world.owner())}${map}${content}`;
        const head = `POST /graphql HTTP/1.1\r\nHost: x\r\nApollo-Require-Preflight: 1\r\nContent-Type: ${preflight['content-type']}\r\nContent-Length: ${body.length + 100}\r\n\r\n`;
        return { answer: await world.talkAndLeave(Number(new URL(world.url).port), head + body), says: '' };
      },
    },
  ],
};

const sha256 = createHash('sha256').update(file).digest('hex');
const finish = { size: file.length, sha256 };

type Messages = (meta: { model_type: string; model_id: string; collection_name: string; file_name: string }) => Iterable<UploadFileRequestInput>;

const streamed = (input: string, answer: string, messages: Messages, options: { end?: boolean } = {}): HostileInput => ({
  input,
  answer,
  stored: answer === 'OK',
  send: (world: World): Promise<Reply> => world.send(messages({ model_type: 'Post', model_id: world.owner(), collection_name: 'files', file_name: 'a.txt' }), options),
});

export const grpcUploads: Section = {
  title: 'Uploads through gRPC',
  intro: 'Meta once, chunks, Finish with size and hash: anything else keeps nothing.',
  inputs: [
    streamed('nothing', bad, () => []),
    streamed('a message of nothing', bad, () => [{}]),
    streamed('a chunk first', bad, () => [{ chunk: file }]),
    streamed('the finish first', bad, () => [{ finish }]),
    streamed('the meta twice', bad, (meta) => [{ meta }, { meta }]),
    streamed('the meta between chunks', bad, (meta) => [{ meta }, { chunk: file }, { meta }, { chunk: file }, { finish }]),
    streamed('a message of nothing between chunks', bad, (meta) => [{ meta }, { chunk: file }, {}, { finish }]),
    streamed('no chunk, and a finish that agrees', 'EMPTY_FILE', (meta) => [{ meta }, { finish: { size: 0, sha256: createHash('sha256').digest('hex') } }]),
    streamed('no finish', 'ABORTED', (meta) => [{ meta }, { chunk: file }]),
    streamed('a finish of another size', 'ABORTED', (meta) => [{ meta }, { chunk: file }, { finish: { ...finish, size: 6 } }]),
    streamed('a finish of a negative size', 'ABORTED', (meta) => [{ meta }, { chunk: file }, { finish: { ...finish, size: -5 } }]),
    streamed('a finish of another hash', 'ABORTED', (meta) => [{ meta }, { chunk: file }, { finish: { ...finish, sha256: '0'.repeat(64) } }]),
    streamed('a finish without a hash', 'ABORTED', (meta) => [{ meta }, { chunk: file }, { finish: { size: 5 } }]),
    streamed('a finish whose hash is a path', 'ABORTED', (meta) => [{ meta }, { chunk: file }, { finish: { size: 5, sha256: '../../x' } }]),
    streamed('the finish twice', 'OK', (meta) => [{ meta }, { chunk: file }, { finish }, { finish }]),
    streamed('a chunk behind the finish', 'OK', (meta) => [{ meta }, { chunk: file }, { finish }, { chunk: file }]),
    {
      input: '1,000,000 empty chunks',
      answer: 'OK',
      stored: true,
      send: (world) => {
        const meta = { model_type: 'Post', model_id: world.owner(), collection_name: 'files', file_name: 'a.txt' };
        return world.flood({ meta }, { message: { chunk: Buffer.alloc(0) }, times: 1_000_000 }, [{ chunk: file }, { finish }]);
      },
    },
    {
      input: '100,000 chunks of a byte',
      answer: 'ABORTED',
      stored: false,
      send: (world) => {
        const meta = { model_type: 'Post', model_id: world.owner(), collection_name: 'files', file_name: 'a.txt' };
        return world.flood({ meta }, { message: { chunk: Buffer.from('x') }, times: 100_000 }, []);
      },
    },
    streamed('a chunk of 5 MB', 'RESOURCE_EXHAUSTED', (meta) => [{ meta }, { chunk: Buffer.alloc(5_000_000) }]),
    streamed('a meta of 5 MB', 'RESOURCE_EXHAUSTED', (meta) => [{ meta: { ...meta, name: 'x'.repeat(5_000_000) } }]),
    streamed('1,000,001 bytes, and no end', 'FILE_TOO_LARGE', (meta) => [{ meta }, ...Array.from({ length: 17 }, () => ({ chunk: Buffer.alloc(60_000) }))], { end: false }),
    streamed('a name of 256 characters', bad, (meta) => [{ meta: { ...meta, name: 'x'.repeat(256) } }]),
    streamed('a file name of 3 MB', 'OK', (meta) => [{ meta: { ...meta, file_name: 'x'.repeat(3_000_000) } }, { chunk: file }, { finish }]),
    streamed('an idempotency key of control characters', bad, (meta) => [{ meta: { ...meta, idempotency_key: 'a\u0000' } }]),
    {
      input: '1,500 streams that say nothing, and leave',
      answer: 'CANCELLED',
      stored: false,
      send: (world) => world.openStreams(1_500),
    },
    { input: 'HTTP/1.1 at the port of gRPC', answer: 'closed', stored: false, send: async (world) => ({ answer: closedOr(await world.talk(world.grpcPort, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')), says: '' }) },
    { input: 'noise at the port of gRPC', answer: 'closed', stored: false, send: async (world) => ({ answer: closedOr(await world.talk(world.grpcPort, Buffer.alloc(10_000, 0xa5))), says: '' }) },
    {
      input: 'frames of HTTP/2 without end at the port of gRPC',
      answer: 'closed',
      stored: false,
      send: async (world) => ({ answer: closedOr(await world.talk(world.grpcPort, Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.alloc(9 * 5_000, Buffer.from('ffffff04ff7fffffff', 'hex'))]))), says: '' }),
    },
  ],
};

/** What a server said before it closed is its own affair, as long as it is no answer of ours. */
function closedOr(said: string): string {
  return said.includes('media.v1') ? said : 'closed';
}

const withProperties = (input: string, answer: string, properties: string): HostileInput => ({
  input,
  answer,
  stored: answer === 'OK',
  send: async (world) => {
    const owner = world.owner();
    const meta = { model_type: 'Post', model_id: owner, collection_name: 'files', file_name: 'a.txt', custom_properties: properties };
    const reply = await world.send([{ meta }, { chunk: file }, { finish }]);
    if (reply.answer !== 'OK') return reply;
    const read = await world.query('query ($id: ID!) { modelMedia(modelType: "Post", modelId: $id) { customProperties } }', { id: owner });
    return { answer: read.answer, says: read.says.length > 200 ? `${read.says.slice(0, 100)}… (${read.says.length} characters)` : read.says };
  },
});

/** The request as text: what is nested that deep, `JSON.stringify` does not write. */
const updated = (input: string, answer: string, customProperties: string): HostileInput => ({
  input,
  answer,
  stored: false,
  send: async (world) => {
    const source = 'mutation ($input: UpdateMediaInput!) { updateMedia(input: $input) { data { customProperties } } }';
    const body = `{"query":${JSON.stringify(source)},"variables":{"input":{"id":"${await world.digits}","customProperties":${customProperties}}}}`;
    const response = await fetch(`${world.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal: AbortSignal.timeout(20_000) });
    return replyOf(await readAnswer(response));
  },
});

export const properties: Section = {
  title: 'Properties',
  intro: 'JSON that a client may keep with a file: uploads through gRPC, then read through GraphQL; changes through GraphQL.',
  inputs: [
    withProperties('100,000 levels', bad, deep(100_000)),
    withProperties('10,000 levels', bad, deep(10_000)),
    withProperties('33 levels', bad, deep(33)),
    withProperties('32 levels', 'OK', deep(32)),
    withProperties('10,000 lists', bad, `{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`),
    withProperties('a list', bad, '[1]'),
    withProperties('a text', bad, '"a"'),
    withProperties('null', bad, 'null'),
    withProperties('no JSON', bad, '{"a":'),
    withProperties('65,537 bytes', bad, `{"a":"${'x'.repeat(65_529)}"}`),
    withProperties('`__proto__`', 'OK', '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'),
    withProperties('one name twice', 'OK', '{"a":1,"a":2}'),
    withProperties('NUL and a lone surrogate', 'OK', '{"a":"\\u0000\\ud800"}'),
    withProperties('numbers beyond all numbers', 'OK', '{"a":1e999,"b":-1e999,"c":123456789012345678901234567890}'),
    updated('changed to 33 levels', bad, deep(33)),
    updated('changed to 10,000 levels', bad, deep(10_000)),
    updated('changed to 150,000 levels', bad, deep(150_000)),
    updated('changed to 150,000 lists', bad, `{"a":${'['.repeat(150_000)}${']'.repeat(150_000)}}`),
    updated('changed to a list', bad, '[1]'),
    updated('changed to 70 KB', bad, `{"a":"${'x'.repeat(70_000)}"}`),
  ],
};
