/** 200 MB through both programs, also when one side is slow: memory stays flat, and who disappears leaves nothing behind. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { z } from 'zod';
import { startTcpProxy, type TcpProxy } from '../support/faults/tcp-proxy.js';
import { query, type UploadFields } from '../support/graphql.js';
import { startGateway, startMediaService, startUserService, type Program } from '../support/programs.js';
import { sharedRabbitMQ, sharedRedis, type SharedRabbitMQ } from '../support/servers/shared.js';
import { fileOf, sha256Of, startUpload } from '../support/streaming-upload.js';
import { tempDir, waitFor, type TempDir } from '../support/wait.js';

const megabyte = 1_000_000;
const fileBytes = 200 * megabyte;
const storedFiles = z.tuple([z.object({ size: z.number(), url: z.url() })]);
const maxRssBytes = 200 * megabyte;

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

  const reel = (modelId: string): UploadFields => ({ modelType: 'Film', modelId, collectionName: 'reels' });

  function expectFlatMemory(when: string): void {
    const peaks = { gateway: gateway.process.peakRssBytes(), media: media.process.peakRssBytes() };
    const shown = Object.entries(peaks).map(([name, bytes]) => `${name} ${Math.round(bytes / megabyte)} MB`);
    process.stderr.write(`peak resident memory, ${when}: ${shown.join(', ')}\n`);
    expect(peaks.gateway).toBeLessThanOrEqual(maxRssBytes);
    expect(peaks.media).toBeLessThanOrEqual(maxRssBytes);
  }

  it('streams through both programs in flat memory, and arrives as it was sent', async () => {
    const { answer } = startUpload(gateway.url, reel('fast'), fileOf('fast', fileBytes));
    expect(await answer).toMatchObject({ data: { uploadFile: { success: true, data: { size: fileBytes } } } });
    const { data: read } = await query(gateway.url, '{ modelMedia(modelType: "Film", modelId: "fast") { size url } }');
    const [file] = storedFiles.parse(read?.modelMedia);
    expect(file.size).toBe(fileBytes);
    const hash = createHash('sha256');
    const response = await fetch(file.url);
    for await (const chunk of response.body ?? []) hash.update(chunk);
    expect(hash.digest('hex')).toBe(sha256Of(fileOf('fast', fileBytes)));
    expectFlatMemory('fast');
  });

  it('does so with a slow media service', async () => {
    proxy.throttle(25 * megabyte);
    const { answer } = startUpload(gateway.url, reel('slow'), fileOf('slow', fileBytes));
    expect(await answer).toMatchObject({ data: { uploadFile: { success: true, data: { size: fileBytes } } } });
    proxy.throttle(undefined);
    expectFlatMemory('slow media service');
  });

  it('leaves no row, no bytes and no event of a client that disappears', async () => {
    const before = await filesIn(data.path);
    const { vanish } = startUpload(gateway.url, reel('vanished'), fileOf('vanished', fileBytes));
    await waitFor(async () => (await filesIn(data.path)).length > before.length, { what: 'the bytes to arrive' });
    vanish();
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
