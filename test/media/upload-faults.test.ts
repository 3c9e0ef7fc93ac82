/** Uploads whose client stalls, uploads that the service itself cannot store, and who is told of those that it could. */
import { credentials, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import type { MediaServiceClient } from '../../src/contract/generated/media/v1/MediaService.js';
import type { UploadFileRequestInput } from '../../src/contract/generated/media/v1/UploadFileRequest.js';
import { MediaService } from '../../src/contract/services.js';
import { startMediaGrpc, type MediaGrpcServer } from '../../src/media/grpc-server.js';
import { Collections } from '../../src/media/files/collections.js';
import { Library } from '../../src/media/library.js';
import { createLocalBlobStore } from '../../src/media/bytes/local-blob-store.js';
import { UrlSigner } from '../../src/media/http/signed-urls.js';
import type { SqlDatabase } from '../../src/media/rows/sql-database.js';
import { createSqlMediaStore } from '../../src/media/rows/sql-media-store.js';
import { openSqliteDatabase } from '../../src/media/rows/sqlite-database.js';
import { formatHostPort } from '../../src/runtime/setting-types.js';
import { tempDir, waitFor, type TempDir } from '../support/wait.js';
import { image } from './harness.js';
import { png } from './images.js';

let dir: TempDir;
let database: SqlDatabase;
let server: MediaGrpcServer;
let client: MediaServiceClient;
const lines: string[] = [];
let commits = 0;
const unasked = (): Promise<never> => Promise.reject(new Error('an upload has no use for this'));
const timeouts = { idleMs: 200, totalMs: 1_000 };

beforeEach(async () => {
  dir = await tempDir('faults');
  commits = 0;
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  database = await openSqliteDatabase(join(dir.path, 'media.db'), log);
  const library = new Library({
    store: createSqlMediaStore(database),
    blobs: await createLocalBlobStore(join(dir.path, 'blobs')),
    signer: new UrlSigner([{ id: 'k', secret: '0123456789abcdef' }]),
    collections: await Collections.read(undefined, 1_000_000),
    conversions: { find: () => unasked() },
    importer: { withFile: () => unasked() },
    counters: { add: () => Promise.resolve() },
    publicUrl: () => '',
    onCommit: () => void (commits += 1),
  });
  const tls = { GRPC_TLS_CA: undefined, GRPC_TLS_CERT: undefined, GRPC_TLS_KEY: undefined };
  server = await startMediaGrpc({ library, integrity: { verify: unasked }, statistics: { read: unasked }, messages: { find: unasked, list: unasked, retry: unasked }, templates: { send: unasked }, log, address: { host: '127.0.0.1', port: 0 }, tls, uploadTimeouts: timeouts });
  client = new MediaService(formatHostPort(server.address), credentials.createInsecure());
});
afterEach(async () => {
  client.close();
  await server.stop();
  await database.stop();
  await dir.remove();
});

/** Begins an upload; `failure` is what the service says in the end. */
function begin(...messages: UploadFileRequestInput[]) {
  const failure: { code?: number; details?: string } = {};
  const call = client.UploadFile((error) => void Object.assign(failure, { code: error?.code, details: error?.details }));
  for (const message of messages) call.write(message);
  return { call, failure };
}

const ended = ({ code }: { code?: number }): boolean => code !== undefined;

describe('an upload', () => {
  it('ends when nothing arrives any more, and keeps nothing', async () => {
    const { failure } = begin({ meta: image }, { chunk: png(1, 1) });
    await waitFor(() => ended(failure), { what: 'the end' });
    expect(failure).toEqual({ code: status.ABORTED, details: 'No data arrived for 0.2 seconds.' });
    expect(await readdir(join(dir.path, 'blobs', 'tmp'))).toEqual([]);
  });

  it('ends when no meta arrives', async () => {
    const { failure } = begin();
    await waitFor(() => ended(failure), { what: 'the end' });
    expect(failure.code).toBe(status.ABORTED);
  });

  it('ends after its time, however busy it is', async () => {
    const { call, failure } = begin({ meta: image });
    const drip = setInterval(() => void call.write({ chunk: Buffer.from('x') }), 20);
    await waitFor(() => ended(failure), { what: 'the end' });
    clearInterval(drip);
    expect(failure).toEqual({ code: status.ABORTED, details: 'The upload took longer than 1 seconds.' });
  });

  it('wakes the relay once its transaction is done, a failed one does not', async () => {
    const bytes = png(1, 1);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const failed = begin({ meta: image }, { chunk: bytes }, { finish: { size: 1, sha256 } });
    await waitFor(() => ended(failed.failure), { what: 'the end' });
    expect(commits).toBe(0);
    begin({ meta: image }, { chunk: bytes }, { finish: { size: bytes.length, sha256 } });
    await waitFor(() => commits > 0, { what: 'the commit' });
    expect(commits).toBe(1);
  });

  it('that cannot be stored says only that, with an id that the log knows', async () => {
    await rm(join(dir.path, 'blobs'), { recursive: true });
    const { failure } = begin({ meta: image }, { chunk: png(1, 1) });
    await waitFor(() => ended(failure), { what: 'the end' });
    const [, errorId] = /^internal error \(([0-9a-f-]{36})\)$/.exec(failure.details ?? '') ?? [];
    expect(failure.code).toBe(status.INTERNAL);
    expect(lines.filter((line) => line.includes(String(errorId)) && line.includes('ENOENT'))).toHaveLength(1);
  });
});
