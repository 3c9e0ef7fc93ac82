/** 200 MB through both programs, also when one side is slow: memory stays flat, and who disappears leaves nothing behind. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { startTcpProxy, type TcpProxy } from '../support/faults/tcp-proxy.js';
import { query, uploadMutation } from '../support/graphql.js';
import { startGateway, startMediaService, startUserService, type Program } from '../support/programs.js';
import { sharedRabbitMQ, sharedRedis, type SharedRabbitMQ } from '../support/servers/shared.js';
import { tempDir, waitFor, type TempDir } from '../support/wait.js';

const megabyte = 1_000_000;
const fileBytes = 200 * megabyte;
const maxRssBytes = 200 * megabyte;
const boundary = 'large-upload';

describe('a large upload', () => {
  let data: TempDir;
  let broker: SharedRabbitMQ;
  let proxy: TcpProxy;
  let media: Program;
  let users: Program;
  let gateway: Program;

  beforeAll(async () => {
    [data, broker, users] = await Promise.all([tempDir('large-upload'), sharedRabbitMQ(), startUserService()]);
    media = await startMediaService({ DATA_DIR: data.path, RABBITMQ_ADDR: broker.url });
    const [host = '', port = ''] = media.grpcAddress.split(':');
    proxy = await startTcpProxy({ host, port: Number(port) });
    const { url, keyPrefix } = sharedRedis();
    const services = { MEDIA_SERVICE_ADDR: `${proxy.host}:${proxy.port}`, USER_SERVICE_ADDR: users.grpcAddress };
    gateway = await startGateway({ ...services, RABBITMQ_ADDR: broker.url, REDIS_ADDR: url, CACHE_KEY_PREFIX: keyPrefix });
  });
  afterAll(async () => {
    await gateway.stop();
    await Promise.all([media.stop(), users.stop(), proxy.stop()]);
    await broker.stop();
    await data.remove();
  });

  /** Sends a form whose file is made on the way; the request is given out before it has ended. */
  function startUpload(modelId: string, chunks: Iterable<Buffer>): { sending: ClientRequest; sent: Promise<void>; answer: Promise<unknown> } {
    const input = { modelType: 'Film', modelId, collectionName: 'reels', file: null };
    const part = (name: string, extra = ''): string => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${extra}\r\n\r\n`;
    const operations = JSON.stringify({ query: uploadMutation, variables: { input } });
    const head = `${part('operations')}${operations}\r\n${part('map')}{"0":["variables.input.file"]}\r\n${part('0', '; filename="film.bin"')}`;
    const sending = request(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': `multipart/form-data; boundary=${boundary}`, 'apollo-require-preflight': 'true' },
    });
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      sending.on('response', resolve);
      sending.on('error', reject);
    }).then(async (response): Promise<unknown> => JSON.parse(await text(response)));
    answer.catch(() => undefined);
    const body = function* (): Generator<Buffer> {
      yield Buffer.from(head);
      yield* chunks;
      yield Buffer.from(`\r\n--${boundary}--\r\n`);
    };
    const sent = pipeline(body(), sending);
    sent.catch(() => undefined);
    return { sending, sent, answer };
  }

  function* fileOf(seed: string, size: number): Generator<Buffer> {
    const block = createHash('sha512').update(seed).digest();
    const chunk = Buffer.concat(Array.from({ length: 1_000 }, () => block));
    for (let left = size; left > 0; left -= chunk.length) yield chunk.subarray(0, Math.min(left, chunk.length));
  }

  function hashOf(chunks: Iterable<Buffer>): string {
    const hash = createHash('sha256');
    for (const chunk of chunks) hash.update(chunk);
    return hash.digest('hex');
  }

  function expectFlatMemory(when: string): void {
    const peaks = { gateway: gateway.process.peakRssBytes(), media: media.process.peakRssBytes() };
    const shown = Object.entries(peaks).map(([name, bytes]) => `${name} ${Math.round(bytes / megabyte)} MB`);
    process.stderr.write(`peak resident memory, ${when}: ${shown.join(', ')}\n`);
    expect(peaks.gateway).toBeLessThanOrEqual(maxRssBytes);
    expect(peaks.media).toBeLessThanOrEqual(maxRssBytes);
  }

  it('streams through both programs in flat memory, and arrives as it was sent', async () => {
    const { answer } = startUpload('fast', fileOf('fast', fileBytes));
    expect(await answer).toMatchObject({ data: { uploadFile: { success: true, data: { size: fileBytes } } } });
    const { data: read } = await query(gateway.url, '{ modelMedia(modelType: "Film", modelId: "fast") { size url } }');
    const [file] = JSON.parse(JSON.stringify(read?.modelMedia));
    expect(file.size).toBe(fileBytes);
    const hash = createHash('sha256');
    const response = await fetch(file.url);
    for await (const chunk of response.body ?? []) hash.update(chunk);
    expect(hash.digest('hex')).toBe(hashOf(fileOf('fast', fileBytes)));
    expectFlatMemory('fast');
  });

  it('does so with a slow media service', async () => {
    proxy.throttle(25 * megabyte);
    const { answer } = startUpload('slow', fileOf('slow', fileBytes));
    expect(await answer).toMatchObject({ data: { uploadFile: { success: true, data: { size: fileBytes } } } });
    proxy.throttle(undefined);
    expectFlatMemory('slow media service');
  });

  it('leaves no row, no bytes and no event of a client that disappears', async () => {
    const before = await filesIn(data.path);
    const { sending } = startUpload('vanished', fileOf('vanished', fileBytes));
    await waitFor(async () => (await filesIn(data.path)).length > before.length, { what: 'the bytes to arrive' });
    sending.destroy();
    await waitFor(async () => (await filesIn(data.path)).length === before.length, { what: 'the bytes to be removed' });
    expect(await filesIn(data.path)).toEqual(before);
    expect((await query(gateway.url, '{ modelMedia(modelType: "Film", modelId: "vanished") { id } }')).data).toEqual({ modelMedia: [] });
    // The two uploads that ended were announced, this one was not: the next event is that of the next upload.
    expect(gateway.process.logs().match(/Invalidated film reel cache/g) ?? []).toHaveLength(2);
  });
});

/** Paths of all files below, the database's own aside. */
async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && !/\.(db|sqlite)/.test(entry.name)).map((entry) => `${entry.parentPath}/${entry.name}`).toSorted();
}
