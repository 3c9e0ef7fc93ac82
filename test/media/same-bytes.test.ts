/** The same bytes for many owners at once, and many files for one place at once: what is stored once is stored once, what is last is there. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Media } from '../../src/contract/generated/media/v1/Media.js';
import type { MediaServiceClient } from '../../src/contract/generated/media/v1/MediaService.js';
import { MediaService } from '../../src/contract/services.js';
import { streamUpload } from '../../src/gateway/media-upload.js';
import { unary } from '../../src/runtime/grpc.js';
import { postgresDatabase, sqliteFile, type Database } from '../crash/database.js';
import { EventRecorder, type RecordedEvent } from '../crash/event-recorder.js';
import { filesBelow, hashOf } from '../crash/evidence.js';
import { connectClient } from '../crash/writers.js';
import { startMediaService, type Program } from '../support/programs.js';
import { sharedPostgres, sharedRabbitMQ, type SharedPostgres, type SharedRabbitMQ } from '../support/servers/shared.js';
import { fileOf, sha256Of } from '../support/streaming-upload.js';
import { tempDir, waitFor, type TempDir } from '../support/wait.js';
import { png } from './images.js';

const owners = 100;
const replacements = 40;

const blobName = /\/[0-9a-f]{64}$/;

// Two services share a PostgreSQL; a SQLite file is one service's own.
describe.each([
  ['sqlite', 1],
  ['postgres', 2],
] as const)('uploads at the same time on %s, with %d service(s)', (kind, services) => {
  let data: TempDir;
  let broker: SharedRabbitMQ;
  let postgres: SharedPostgres | undefined;
  let database: Database;
  let recorder: EventRecorder;
  let programs: Program[];
  let clients: MediaServiceClient[];

  beforeAll(async () => {
    [data, broker, postgres] = await Promise.all([tempDir('same-bytes'), sharedRabbitMQ(), kind === 'postgres' ? sharedPostgres() : undefined]);
    database = postgres ? postgresDatabase(postgres.url) : sqliteFile(`${data.path}/media.db`);
    recorder = await EventRecorder.start(broker.url);
    // One after the other: the first makes the keys that both sign with.
    programs = [];
    // oxlint-disable-next-line no-await-in-loop
    while (programs.length < services) programs.push(await startMediaService({ ...database.env, DATA_DIR: data.path, RABBITMQ_ADDR: broker.url }));
    clients = programs.map(({ grpcAddress }) => connectClient(grpcAddress));
  });
  afterAll(async () => {
    for (const client of clients) client.close();
    await Promise.all(programs.map((program) => program.stop()));
    await recorder.stop();
    await Promise.all([broker.stop(), postgres?.stop()]);
    await data.remove();
  });

  /** To the services in turn. */
  function upload(index: number, meta: { model_type: string; model_id: string; collection_name: string; file_name: string }, chunks: () => Iterable<Buffer>): Promise<Media> {
    const client = clients[index % clients.length];
    if (!client) throw new Error('there is no service');
    return streamUpload(client, meta, (async function* () {
      yield* chunks();
    })());
  }

  const eventsOf = (modelType: string): RecordedEvent[] => recorder.events.filter((event) => event.model_type === modelType);
  const blobs = async (): Promise<string[]> => (await filesBelow(`${data.path}/blobs`)).filter((path) => blobName.test(path));

  async function rowsOf(modelType: string, modelId: string, collection: string): Promise<{ media: Media[]; urls: string[] }> {
    const [client] = clients;
    if (!client) throw new Error('there is no service');
    const { media } = await unary(client, MediaService.service.GetFilesByModel, { model_type: modelType, model_id: modelId, collection_name: collection }, 10_000);
    const { results } = await unary(client, MediaService.service.GetFileURLs, { ids: media.map(({ id }) => id) }, 10_000);
    return { media, urls: results.map(({ url }) => url) };
  }

  it(`store the same bytes of ${owners} owners once, with a row and an event for each`, async () => {
    const chunks = (): Iterable<Buffer> => fileOf('the same', 300_000);
    const before = await blobs();
    const stored = await Promise.all(
      Array.from({ length: owners }, (_, index) => upload(index, { model_type: 'Proof', model_id: `${index}`, collection_name: 'files', file_name: 'same.bin' }, chunks)),
    );
    expect(new Set(stored.map(({ id }) => id)).size).toBe(owners);
    expect(new Set(stored.map(({ sha256 }) => sha256))).toEqual(new Set([sha256Of(chunks())]));
    expect((await blobs()).length - before.length).toBe(1);
    expect(await database.query('select sha256 from blobs where size = 300000')).toEqual([{ sha256: sha256Of(chunks()) }]);
    expect(await database.query("select id from media where model_type = 'Proof'")).toHaveLength(owners);
    await waitFor(() => eventsOf('Proof').length >= owners && recorder.isQuiet(), { what: 'the events' });
    expect(eventsOf('Proof').map(({ kind: event, media_id: id }) => `${event} ${id}`).toSorted()).toEqual(stored.map(({ id }) => `uploaded ${id}`).toSorted());
    const { urls } = await rowsOf('Proof', `${owners - 1}`, 'files');
    expect(await Promise.all(urls.map(hashOf))).toEqual([sha256Of(chunks())]);
  });

  it(`leave one of ${replacements} files in a collection for one file, with its bytes`, async () => {
    const image = (index: number): Buffer => png(4, 4, `${index % 7}`.padEnd(20_000, '.'));
    await Promise.all(
      Array.from({ length: replacements }, (_, index) => upload(index, { model_type: 'User', model_id: '1', collection_name: 'avatars', file_name: `${index}.png` }, () => [image(index)])),
    );
    const { media, urls } = await rowsOf('User', '1', 'avatars');
    expect(media).toHaveLength(1);
    const expected = media.map(({ file_name: fileName }) => sha256Of([image(Number.parseInt(fileName, 10))]));
    expect(media.map(({ sha256 }) => sha256)).toEqual(expected);
    expect(await Promise.all(urls.map(hashOf))).toEqual(expected);
    // Each replaced the one before: the deletion of a file is announced before the one that came in its place.
    const order = (): string[] => eventsOf('User').flatMap(({ kind: event, media_id: id }) => (event === 'updated' ? [] : [`${event} ${id}`]));
    await waitFor(() => order().length >= 2 * replacements - 1, { what: 'the events' });
    const uploaded = order().flatMap((event) => /^uploaded (\d+)$/.exec(event)?.[1] ?? []);
    expect(uploaded).toHaveLength(replacements);
    expect(order()).toEqual(uploaded.flatMap((id, index) => [...(index === 0 ? [] : [`deleted ${uploaded[index - 1]}`]), `uploaded ${id}`]));
    expect(uploaded.at(-1)).toBe(media[0]?.id);
  });
});
