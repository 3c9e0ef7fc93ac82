/** Whatever a client sends, it gets a clear error of the closed list, the next request is answered, and the log shows no stack of it. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import type { ErrorCode } from '../../src/contract/errors.js';
import { codesOf, onePixelPng, query, readAnswer, upload, uploadForm, uploadMutation, type Answer, type UploadFields } from '../support/graphql.js';
import { startEverything, type Program } from '../support/programs.js';
import { tempDir, type TempDir } from '../support/wait.js';

const maxBytes = 100_000;
const preflight = { 'apollo-require-preflight': 'true' };

describe('bad input', () => {
  let directory: TempDir;
  let gateway: Program;

  beforeAll(async () => {
    directory = await tempDir('bad-input');
    gateway = await startEverything({ DATA_DIR: directory.path, UPLOAD_MAX_BYTES: String(maxBytes), LOG_LEVEL: 'debug' });
  });
  afterAll(async () => {
    await gateway.stop();
    await directory.remove();
  });
  afterEach(async () => {
    expect((await query(gateway.url, '{ user(id: "1") { name } }')).data).toEqual({ user: { name: 'Ada Lovelace' } });
    expect(gateway.process.logs()).not.toMatch(/"stack"|"level":"(error|fatal)"|\bat .*\.js:\d+|Warning/);
  });

  const document: UploadFields = { modelType: 'Post', modelId: '1', collectionName: 'documents' };
  const avatar: UploadFields = { modelType: 'User', modelId: '1', collectionName: 'avatars' };
  const bytes = (size: number): Blob => new Blob([Buffer.alloc(size, 'a')]);

  async function post(body: string | FormData, headers: Record<string, string> = {}, path = '/graphql'): Promise<Answer> {
    const response = await fetch(`${gateway.url}${path}`, { method: 'POST', headers, body, signal: AbortSignal.timeout(20_000) });
    return readAnswer(response);
  }

  function expectRefusal(answer: Answer, code: ErrorCode, message: RegExp): void {
    expect(codesOf(answer)).toEqual([code]);
    expect(answer.errors?.[0]?.message).toMatch(message);
  }

  describe('in an upload', () => {
    it('refuses it without a preflight header, before reading it', async () => {
      expectRefusal(await post(uploadForm(bytes(10), 'a.txt', document)), 'BAD_USER_INPUT', /apollo-require-preflight/);
    });

    it('refuses a multipart body without boundary, empty, without operations, without map, or with broken JSON', async () => {
      const multipart = { ...preflight, 'content-type': 'multipart/form-data' };
      expectRefusal(await post('x', multipart), 'BAD_USER_INPUT', /cannot be read/);
      expectRefusal(await post('', { ...multipart, 'content-type': 'multipart/form-data; boundary=x' }), 'BAD_USER_INPUT', /multipart request/);
      const form = (fields: Record<string, string>): FormData => {
        const result = new FormData();
        for (const [name, value] of Object.entries(fields)) result.set(name, value);
        return result;
      };
      expectRefusal(await post(form({ map: '{}' }), preflight), 'BAD_USER_INPUT', /operations/);
      expectRefusal(await post(form({ operations: '{}' }), preflight), 'BAD_USER_INPUT', /map/);
      expectRefusal(await post(form({ operations: '{', map: '{}' }), preflight), 'BAD_USER_INPUT', /JSON/);
      expectRefusal(await post(form({ operations: '{}', map: '{"0": ["variables.__proto__.x"]}' }), preflight), 'BAD_USER_INPUT', /variables/);
      expectRefusal(await post(form({ operations: JSON.stringify({ query: 'x'.repeat(200_000) }), map: '{}' }), preflight), 'BAD_USER_INPUT', /size limit/);
    });

    it('refuses it without a file', async () => {
      expectRefusal(await query(gateway.url, uploadMutation, { input: { ...document, file: null } }), 'BAD_USER_INPUT', /file/);
      const form = uploadForm(bytes(1), 'a.txt', document);
      form.delete('0');
      expectRefusal(await post(form, preflight), 'BAD_USER_INPUT', /file is missing/);
    });

    it('refuses an empty file', async () => {
      expectRefusal(await upload(gateway.url, bytes(0), 'a.txt', document), 'EMPTY_FILE', /empty/i);
    });

    it('takes a file of exactly the limit, and refuses one byte more', async () => {
      const exact = await upload(gateway.url, bytes(maxBytes), 'exact.txt', document);
      expect(exact.errors).toBeUndefined();
      expect(exact.data).toMatchObject({ uploadFile: { success: true, data: { size: maxBytes } } });
      expectRefusal(await upload(gateway.url, bytes(maxBytes + 1), 'more.txt', document), 'FILE_TOO_LARGE', new RegExp(String(maxBytes)));
    });

    it('refuses a much larger one at once, without taking all of it', async () => {
      expectRefusal(await upload(gateway.url, bytes(50_000_000), 'huge.txt', document), 'FILE_TOO_LARGE', /larger/);
    });

    it('refuses two files in one request', async () => {
      const form = uploadForm(bytes(1), 'a.txt', document);
      form.set('map', JSON.stringify({ 0: ['variables.input.file'], 1: ['variables.other'] }));
      form.set('1', bytes(1), 'b.txt');
      expectRefusal(await post(form, preflight), 'BAD_USER_INPUT', /1 max file/);
    });

    it('refuses to use a file twice', async () => {
      const twice = new FormData();
      const input = (fileName: string): string => `{file: $file, modelType: "Post", modelId: "twice", collectionName: "documents", fileName: "${fileName}"}`;
      const source = `mutation ($file: Upload!) { a: uploadFile(input: ${input('a.txt')}) { success } b: uploadFile(input: ${input('b.txt')}) { success } }`;
      twice.set('operations', JSON.stringify({ query: source, variables: { file: null } }));
      twice.set('map', JSON.stringify({ 0: ['variables.file'] }));
      twice.set('0', bytes(10), 'a.txt');
      expectRefusal(await post(twice, preflight), 'BAD_USER_INPUT', /used once/);
    });

    it('answers parts whose headers are malformed, whatever comes together in one packet', async () => {
      const part = (name: string, value: string): string => `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
      const operations = part('operations', JSON.stringify({ query: uploadMutation, variables: { input: { ...document, file: null } } }));
      const map = part('map', '{"0":["variables.input.file"]}');
      const file = (headers: string): string => `--x\r\n${headers}\r\n\r\ncontent\r\n`;
      const nulName = file('Content-Disposition: form-data; name="0"; filename="a\u0000b"');
      const badHeader = file('foo\u0000bar');
      for (const body of [
        operations + map + nulName,
        operations + map + badHeader,
        operations + map + badHeader + badHeader,
        part('operations', '{') + badHeader,
        nulName + badHeader,
        operations + nulName + map + badHeader,
        badHeader,
      ]) {
        const answer = await post(`${body}--x--\r\n`, { ...preflight, 'content-type': 'multipart/form-data; boundary=x' });
        expect(codesOf(answer)).toEqual(['BAD_USER_INPUT']);
      }
    });

    it('refuses one file at thousands of places', async () => {
      const form = uploadForm(bytes(1), 'a.txt', document);
      form.set('map', JSON.stringify({ 0: ['variables.input.file', ...Array.from({ length: 1_000 }, (_, index) => `variables.x${index}`)] }));
      expectRefusal(await post(form, preflight), 'BAD_USER_INPUT', /20 places/);
    });

    it('refuses a type that the collection does not take, by content and not by name', async () => {
      expectRefusal(await upload(gateway.url, bytes(100), 'face.png', avatar), 'UNSUPPORTED_MEDIA_TYPE', /png/);
      expectRefusal(await upload(gateway.url, new Blob(['%PDF-1.7\n%\u00e2\u00e3']), 'face.jpg', avatar), 'UNSUPPORTED_MEDIA_TYPE', /pdf/);
    });

    it('mends or refuses hostile file names', async () => {
      for (const fileName of ['../../etc/passwd', 'a\u202egnp.txt', '..\\..\\x.txt', 'x'.repeat(2_000), '.', '\u0000']) {
        const { data, errors } = await upload(gateway.url, bytes(10), 'plain.txt', { ...document, fileName });
        if (errors) expect(codesOf({ errors, status: 200 })).toEqual(['BAD_USER_INPUT']);
        else expect(data).toMatchObject({ uploadFile: { data: { fileName: expect.not.stringMatching(/[/\\\p{Cc}\u202e]|^\.+$/u) } } });
      }
      expectRefusal(await upload(gateway.url, bytes(10), 'shell.php.txt', document), 'BAD_USER_INPUT', /php/);
    });

    it('refuses owners that no storage could keep', async () => {
      for (const [field, value] of Object.entries({ modelType: '', modelId: 'a\u0000b', collectionName: 'x'.repeat(256) })) {
        expectRefusal(await upload(gateway.url, bytes(10), 'a.txt', { ...document, [field]: value }), 'BAD_USER_INPUT', new RegExp(field));
      }
    });
  });

  describe('in a query', () => {
    it('answers unknown ids with null, and malformed ones with a sentence', async () => {
      const { data, errors } = await query(gateway.url, '{ user(id: "999") { id } media(id: "999") { id } none: media(id: "abc") { id } }');
      expect(errors).toBeUndefined();
      expect(data).toEqual({ user: null, media: null, none: null });
      expectRefusal(await query(gateway.url, '{ mediaByUUID(uuid: "nope") { id } }'), 'BAD_USER_INPUT', /UUID/);
      expectRefusal(await query(gateway.url, '{ media(id: "") { id } }'), 'BAD_USER_INPUT', /id/);
      expectRefusal(await query(gateway.url, 'query ($id: ID!) { media(id: $id) { id } }', { id: 'a\ud800b' }), 'BAD_USER_INPUT', /id/);
      expectRefusal(await query(gateway.url, '{ mediaURL(id: "1", expirySeconds: 0) { url } }'), 'BAD_USER_INPUT', /expirySeconds/);
      expectRefusal(await query(gateway.url, '{ mediaURL(id: "999") { url } }'), 'NOT_FOUND', /no file/);
      expect((await query(gateway.url, 'mutation { deleteMedia(id: "999") { success } }')).data).toEqual({ deleteMedia: { success: true } });
    });

    it('refuses what does not parse, does not validate, or has wrong variables', async () => {
      expectRefusal(await query(gateway.url, '{ user('), 'GRAPHQL_PARSE_FAILED', /Syntax/);
      expectRefusal(await query(gateway.url, '{ nothing }'), 'GRAPHQL_VALIDATION_FAILED', /nothing/);
      expectRefusal(await query(gateway.url, 'query ($id: ID!) { user(id: $id) { id } }', { other: 1 }), 'BAD_USER_INPUT', /\$id/);
      expectRefusal(await query(gateway.url, 'query ($id: ID!) { user(id: $id) { id } }', { id: { a: 1 } }), 'BAD_USER_INPUT', /\$id/);
      expectRefusal(await post(JSON.stringify({ query: 'query A { __typename } query B { __typename }' }), { 'content-type': 'application/json' }), 'BAD_USER_INPUT', /operation/i);
    });

    it('refuses deep, wide and huge ones', async () => {
      const deep = `{ __schema { types { ${'fields { type { '.repeat(50)} name ${'} }'.repeat(50)} } } }`;
      expect(codesOf(await query(gateway.url, deep))[0]).toMatch(/GRAPHQL_VALIDATION_FAILED|QUERY_TOO_COMPLEX/);
      const wide = `{ ${Array.from({ length: 1_200 }, (_, index) => `u${index}: media(id: "1") { id }`).join(' ')} }`;
      expect(codesOf(await query(gateway.url, wide))[0]).toMatch(/GRAPHQL_PARSE_FAILED|QUERY_TOO_COMPLEX/);
      const urls = `{ ${Array.from({ length: 40 }, (_, index) => `u${index}: users(ids: $ids) { avatar { a: url b: url(expirySeconds: 60) } }`).join(' ')} }`;
      const ids = Array.from({ length: 100 }, (_, index) => String(index));
      expectRefusal(await query(gateway.url, `query ($ids: [ID!]!) ${urls}`, { ids }), 'QUERY_TOO_COMPLEX', /points/);
      expectRefusal(await query(gateway.url, 'query ($ids: [ID!]!) { users(ids: $ids) { id } }', { ids: Array.from({ length: 501 }, String) }), 'BAD_USER_INPUT', /500/);
      const lists = `{ ${Array.from({ length: 60 }, (_, index) => `m${index}: modelMedia(modelType: "A", modelId: "1") { id uuid name fileName size url }`).join(' ')} }`;
      expectRefusal(await query(gateway.url, lists), 'QUERY_TOO_COMPLEX', /points/);
      const fields = Array.from({ length: 105 }, (_, index) => `f${index}: id`).join(' ');
      const uncountable = `{ ${Array.from({ length: 100 }, (_, index) => `u${index}: user(id: "1") { ...F }`).join(' ')} } fragment F on User { ${fields} }`;
      expectRefusal(await query(gateway.url, uncountable), 'QUERY_TOO_COMPLEX', /cost/);
      const expiries = Array.from({ length: 11 }, (_, index) => `u${index}: url(expirySeconds: ${index + 1})`).join(' ');
      await upload(gateway.url, onePixelPng(), 'dot.png', { ...avatar, modelId: '2' });
      expect(codesOf(await query(gateway.url, `{ user(id: "2") { avatar { ${expiries} } } }`))).toContain('BAD_USER_INPUT');
      const bomb = `{ ...f0 } ${Array.from({ length: 30 }, (_, index) => `fragment f${index} on Query { ...f${index + 1} ...f${index + 1} }`).join(' ')} fragment f30 on Query { __typename }`;
      expect((await query(gateway.url, bomb)).status).toBeLessThan(500);
      expect((await query(gateway.url, `{ ${'{'.repeat(100_000)}`)).status).toBe(400);
      const tooLong = await post(JSON.stringify({ query: `{ user(id: "${'x'.repeat(2_000_000)}") { id } }` }), { 'content-type': 'application/json' });
      expectRefusal(tooLong, 'BAD_USER_INPUT', /too large/);
    });

    it('refuses hundreds of thousands of wrong variables as fast as one', async () => {
      const started = performance.now();
      expectRefusal(await query(gateway.url, 'query ($ids: [ID!]!) { users(ids: $ids) { id } }', { ids: Array.from({ length: 300_000 }, () => ({})) }), 'BAD_USER_INPUT', /\$ids/);
      const many = performance.now() - started;
      const alone = performance.now();
      await query(gateway.url, 'query ($ids: [ID!]!) { users(ids: $ids) { id } }', { ids: [...Array.from({ length: 450_000 }, () => 1), {}] });
      // Both are dominated by the parsing of as many bytes; with an error for each variable the first took some hundred times as long.
      expect(many).toBeLessThan(20 * (performance.now() - alone));
    });

    it('calls by their name mistakes that only the execution finds', async () => {
      const nullForDefault = 'query ($ids: [ID!] = []) { users(ids: $ids) { id } }';
      expectRefusal(await query(gateway.url, nullForDefault, { ids: null }), 'BAD_USER_INPUT', /ids/);
      expect(codesOf(await query(gateway.url, 'subscription { user }'))[0]).toMatch(/BAD_USER_INPUT|GRAPHQL_VALIDATION_FAILED/);
      const persisted = (hash: string, version: number): string =>
        JSON.stringify({ query: '{ __typename }', extensions: { persistedQuery: { version, sha256Hash: hash } } });
      for (const body of [persisted('0'.repeat(64), 1), persisted('0'.repeat(64), 2)]) {
        expect(codesOf(await post(body, { 'content-type': 'application/json' }))).toEqual(['BAD_USER_INPUT']);
      }
    });

    it('refuses a body that is not JSON, not an operation, a batch, or of another type', async () => {
      const json = { 'content-type': 'application/json' };
      for (const body of ['{', '[]', 'null', '1', '{}', '[{"query": "{ __typename }"}]', '{"query": 1}', '{"__proto__": {"query": "x"}}']) {
        const answer = await post(body, json);
        expect(codesOf(answer)).toEqual(['BAD_USER_INPUT']);
        expect(answer.status).toBe(400);
      }
      expect(codesOf(await post('{ __typename }', { 'content-type': 'text/plain' }))).toEqual(['BAD_USER_INPUT']);
      expectRefusal(await post('<x/>', { 'content-type': 'application/xml', ...preflight }), 'BAD_USER_INPUT', /application\/json/);
      for (const path of ['/%zz', `/graphql?query=${'x'.repeat(20_000)}`]) {
        expect(codesOf(await readAnswer(await fetch(`${gateway.url}${path}`)))).toEqual(['BAD_USER_INPUT']);
      }
      expect(codesOf(await post('x', {}, '/nowhere'))).toEqual(['NOT_FOUND']);
    });
  });

  it('survives raw nonsense on the socket, absurd headers and clients that leave', async () => {
    const port = Number(new URL(gateway.url).port);
    for (const nonsense of ['\u0000\u0001\u0002', 'GET / HTTP/9.9\r\n\r\n', `GET /graphql?query=%7B__typename%7D HTTP/1.1\r\nHost: [::\r\n\r\n`, `POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n`]) {
      await new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => socket.end(nonsense));
        socket.on('error', () => resolve());
        socket.on('close', () => resolve());
        socket.resume();
      });
    }
    await new Promise<void>((resolve) => {
      const request = httpRequest(`${gateway.url}/graphql`, { method: 'POST', headers: { ...preflight, 'content-type': 'multipart/form-data; boundary=x' } });
      request.on('error', () => resolve());
      request.write('--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{', () => request.destroy());
      request.on('close', () => resolve());
    });
    expect((await query(gateway.url, '{ __typename }')).status).toBe(200);
  });

  it('keeps its word about the smallest picture', async () => {
    const { data, errors } = await upload(gateway.url, onePixelPng(), 'dot.png', avatar);
    expect(errors).toBeUndefined();
    expect(data).toMatchObject({ uploadFile: { data: { mimeType: 'image/png', width: 1, height: 1 } } });
  });
});
