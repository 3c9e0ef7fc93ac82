/** SIGTERM to the node process: what is in flight finishes, nothing is lost, exit 0 in time; also twice, and in the middle of a start. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readdir, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { startFakeOrigin, type FakeOrigin } from '../support/fake-origin.js';
import { query } from '../support/graphql.js';
import { startProcess } from '../support/processes.js';
import { startEverything, startGateway, startMediaService, type Program } from '../support/programs.js';
import { heldFile, startUpload } from '../support/streaming-upload.js';
import { sharedRabbitMQ, sharedRedis, type SharedRabbitMQ } from '../support/servers/shared.js';
import { freePort, tempDir, waitFor, type TempDir } from '../support/wait.js';

/** Of a stop, in milliseconds: what a container engine grants before it kills. */
const size = 8_000_000;

const exitInTime = { timeoutMs: 10_000, what: 'the exit' };

describe('SIGTERM', () => {
  let data: TempDir;
  let origin: FakeOrigin;
  let program: Program | undefined;

  beforeEach(async () => {
    [data, origin] = await Promise.all([tempDir('shutdown'), startFakeOrigin()]);
  });
  afterEach(async () => {
    await program?.stop();
    program = undefined;
    await origin.stop();
    await data.remove();
  });

  const exitOf = async ({ process: running }: Program): Promise<unknown> => waitFor(() => running.exited, exitInTime);

  it('lets the queries in flight finish, refuses new ones, and exits 0', async () => {
    program = await startGateway({ MEDIA_SERVICE_ADDR: origin.address, USER_SERVICE_ADDR: origin.address });
    const { url } = program;
    origin.delayMs = 1_000;
    const answers = Array.from({ length: 20 }, (_, index) => query(url, '{ user(id: "1") { name avatar { id } } }', { index }));
    await waitFor(() => origin.calls.length >= 20, { what: 'the queries to be under way' });
    program.process.signal('SIGTERM');
    for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ status: 200, data: { user: { name: 'User 1' } } });
    expect(await exitOf(program)).toEqual({ code: 0, signal: null });
    await expect(query(url, '{ __typename }')).rejects.toThrow();
  });

  it('lets an upload in flight finish, whose file and event are there after the restart; a second signal changes nothing', async () => {
    program = await startEverything({ DATA_DIR: data.path });
    const { url } = program;
    const file = heldFile(size);
    const { answer } = startUpload(url, { modelType: 'Film', modelId: '1', collectionName: 'reels' }, file.chunks);
    await waitFor(async () => (await bytesBelow(data.path)) >= size / 4, { what: 'a good part of the file to be on its way' });
    for (const signal of ['SIGTERM', 'SIGTERM', 'SIGINT'] as const) program.process.signal(signal);
    await program.process.waitForLine(/stopping/);
    file.release();
    expect(await answer).toMatchObject({ data: { uploadFile: { success: true } } });
    expect(await exitOf(program)).toEqual({ code: 0, signal: null });

    program = await startEverything({ DATA_DIR: data.path });
    expect((await query(program.url, '{ modelMedia(modelType: "Film", modelId: "1") { size } }')).data).toEqual({ modelMedia: [{ size }] });
  });

  describe('to gateway and media service apart, in the middle of an upload', () => {
    let broker: SharedRabbitMQ;
    let running: Program[];
    const started = async (starting: Promise<Program>): Promise<Program> => {
      const each = await starting;
      running.unshift(each);
      return each;
    };

    beforeEach(async () => {
      broker = await sharedRabbitMQ();
      running = [];
    });
    afterEach(async () => {
      for (const each of running) await each.stop();
      await broker.stop();
    });

    it('lets it finish, and its event is applied, after the restart at the latest', async () => {
      const { url, keyPrefix } = sharedRedis();
      const mediaEnv = { DATA_DIR: data.path, RABBITMQ_ADDR: broker.url };
      const readerEnv = { USER_SERVICE_ADDR: origin.address, RABBITMQ_ADDR: broker.url, REDIS_ADDR: url, CACHE_KEY_PREFIX: keyPrefix };
      const sizesAt = async (gateway: Program): Promise<unknown> => (await query(gateway.url, '{ modelMedia(modelType: "Film", modelId: "2") { size } }')).data;

      const media = await started(startMediaService(mediaEnv));
      const reader = await started(startGateway({ ...readerEnv, MEDIA_SERVICE_ADDR: media.grpcAddress }));
      // Takes the upload, but has no cache to invalidate: only the event can.
      const writer = await started(startGateway({ MEDIA_SERVICE_ADDR: media.grpcAddress, USER_SERVICE_ADDR: origin.address }));
      expect(await sizesAt(reader)).toEqual({ modelMedia: [] });

      const file = heldFile(size);
      const { answer } = startUpload(writer.url, { modelType: 'Film', modelId: '2', collectionName: 'reels' }, file.chunks);
      await waitFor(async () => (await bytesBelow(data.path)) >= size / 4, { what: 'a good part of the file to be on its way' });
      for (const stopping of [media, writer]) stopping.process.signal('SIGTERM');
      await Promise.all([media, writer].map((stopping) => stopping.process.waitForLine(/stopping/)));
      file.release();
      expect(await answer).toMatchObject({ data: { uploadFile: { success: true } } });
      for (const stopping of [media, writer]) expect(await exitOf(stopping)).toEqual({ code: 0, signal: null });

      const mediaAgain = await started(startMediaService(mediaEnv));
      const readerAgain = await started(startGateway({ ...readerEnv, MEDIA_SERVICE_ADDR: mediaAgain.grpcAddress }));
      await waitFor(async () => JSON.stringify(await sizesAt(readerAgain)) === JSON.stringify({ modelMedia: [{ size }] }), { what: 'the event to be applied' });
    });
  });

  it('ends programs whose Redis and broker never came', async () => {
    const nowhere = `127.0.0.1:${await freePort()}`;
    program = await startGateway({ MEDIA_SERVICE_ADDR: nowhere, USER_SERVICE_ADDR: nowhere, REDIS_ADDR: nowhere, RABBITMQ_ADDR: `amqp://${nowhere}` }, { alone: true });
    program.process.signal('SIGTERM');
    expect(await exitOf(program)).toEqual({ code: 0, signal: null });
    program = await startMediaService({ DATA_DIR: data.path, RABBITMQ_ADDR: `amqp://${nowhere}` });
    program.process.signal('SIGTERM');
    expect(await exitOf(program)).toEqual({ code: 0, signal: null });
  });

  it('ends a program in the middle of its start', async () => {
    const starting = await startProcess({ command: process.execPath, args: ['dist/main.js'], env: { DATA_DIR: data.path, PORT: '0' } });
    await starting.waitForLine(/user service is ready/);
    starting.signal('SIGTERM');
    expect(await waitFor(() => starting.exited, exitInTime)).toEqual({ code: 0, signal: null });
  });

  it('a start that fails says why in one line, ends what it had started, and exits 1', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => void taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' && address ? String(address.port) : '';
    const failing = await startProcess({ command: process.execPath, args: ['dist/main.js'], env: { DATA_DIR: data.path, PORT: port } });
    expect(await waitFor(() => failing.exited, exitInTime)).toEqual({ code: 1, signal: null });
    expect(failing.logs()).toMatch(/EADDRINUSE/);
    expect(failing.logs()).not.toMatch(/"stack"/);
    await new Promise((resolve) => void taken.close(resolve));
  });
});

async function bytesBelow(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const sizes = entries.filter((entry) => entry.isFile()).map((entry) => stat(join(entry.parentPath, entry.name)).then(({ size: bytes }) => bytes));
  return (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0);
}
