/**
 * A media service and a user service that the test owns: they count their calls, answer from a map, and fail or dawdle on demand.
 * They speak real gRPC, from the same proto files.
 */
import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { setMaxListeners } from 'node:events';
import { AppError } from '../../src/contract/errors.js';
import { toGrpcError } from '../../src/contract/grpc-errors.js';
import { MediaService, UserService } from '../../src/contract/services.js';
import type { ImportFileRequest } from '../../src/contract/generated/media/v1/ImportFileRequest.js';
import type { Media } from '../../src/contract/generated/media/v1/Media.js';
import type { MediaServiceHandlers } from '../../src/contract/generated/media/v1/MediaService.js';
import type { ModelFiles } from '../../src/contract/generated/media/v1/ModelFiles.js';
import type { UserServiceHandlers } from '../../src/contract/generated/user/v1/UserService.js';
import { pause } from '../../src/runtime/backoff.js';

type Failure = status | AppError;

export interface FakeOrigin {
  readonly address: string;
  /** Names of the methods that were called, in order. */
  readonly calls: string[];
  /** The most calls that were under way at once. */
  readonly maxInFlight: number;
  /** Milliseconds that each call takes from now on. */
  delayMs: number;
  /** Each call fails with this from now on. */
  failure: Failure | undefined;
  /** False: only the single calls are there, as in an older service. */
  batch: boolean;
  /** The fallback URLs of collections, by name. */
  readonly fallbacks: Map<string, string>;
  /** Replaces the media of an owner's collection. */
  put(media: readonly Partial<Media>[]): void;
  clear(): void;
  stop(): Promise<void>;
}

let nextId = 1;

/** A media row with all fields, those of `fields` as given. */
export function aMedia(fields: Partial<Media> = {}): Media {
  const id = String(nextId++);
  return {
    id,
    model_type: 'User',
    model_id: '1',
    uuid: `00000000-0000-4000-8000-${id.padStart(12, '0')}`,
    collection_name: 'avatars',
    name: `file ${id}`,
    file_name: `file-${id}.png`,
    mime_type: 'image/png',
    disk: 'local',
    conversions_disk: 'local',
    size: 100,
    manipulations: '{}',
    custom_properties: '{}',
    generated_conversions: '{}',
    responsive_images: '{}',
    order_column: 1,
    width: 10,
    height: 10,
    created_at: '2026-01-01T00:00:00.000Z',
    updated_at: '2026-01-01T00:00:00.000Z',
    sha256: 'a'.repeat(64),
    ...fields,
  };
}

function isFailure(result: unknown): result is Failure {
  return typeof result === 'number' || result instanceof AppError;
}

/** What an import has found: the file name says where. */
function importedMedia({ source, source_url, provider_media, ...fields }: ImportFileRequest): Media {
  const where = source === 'source_url' ? source_url : `${provider_media?.provider}-${provider_media?.id}-${provider_media?.timestamp}`;
  const { model_type, model_id, collection_name, name } = fields;
  return aMedia({ model_type, model_id, collection_name, name, file_name: fields.file_name || `${where}` });
}

/** Per conversion that is made, as our media service writes it. */
function isMade({ generated_conversions }: Media, conversion: string): boolean {
  return Object.entries(JSON.parse(generated_conversions)).some(([name, made]) => name === conversion && made === true);
}

/** `port` 0 takes a free one; give the earlier port to bring a stopped origin back. */
export async function startFakeOrigin({ port = 0 }: { port?: number } = {}): Promise<FakeOrigin> {
  const rows: Media[] = [];
  const calls: string[] = [];
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  let inFlight = 0;
  let maxInFlight = 0;

  const answerLater = async <Response>(result: Response | Failure, callback: sendUnaryData<Response>): Promise<void> => {
    inFlight += 1;
    maxInFlight = Math.max(maxInFlight, inFlight);
    if (origin.delayMs > 0) await pause(origin.delayMs, stopping.signal);
    inFlight -= 1;
    if (!isFailure(result)) callback(null, result);
    else callback(result instanceof AppError ? toGrpcError(result) : { code: result, details: 'as told' });
  };
  const serve =
    <Request, Response>(name: string, answer: (request: Request) => Response | Failure) =>
    (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>): void => {
      calls.push(name);
      // Answered from the state at the begin of the call: an answer can be old by the time it arrives.
      void answerLater(origin.failure ?? answer(call.request), callback);
    };
  const unimplemented = (_call: unknown, callback: sendUnaryData<never>): void => callback({ code: status.UNIMPLEMENTED, details: 'no gateway calls this' });
  const filesOf = (query: { model_type: string; model_id: string; collection_name: string; limit?: number }): ModelFiles => {
    const found = rows.filter(
      (row) =>
        row.model_type === query.model_type &&
        row.model_id === query.model_id &&
        (query.collection_name === '' || row.collection_name === query.collection_name),
    );
    const fallback_url = (found.length === 0 && origin.fallbacks.get(query.collection_name)) || '';
    return { media: query.limit ? found.slice(0, query.limit) : found, total: found.length, fallback_url };
  };

  const media: MediaServiceHandlers = {
    GetFilesByModels: serve('GetFilesByModels', ({ queries }) => (origin.batch ? { results: queries.map(filesOf) } : status.UNIMPLEMENTED)),
    GetFilesByModel: serve('GetFilesByModel', filesOf),
    GetFileByID: serve('GetFileByID', ({ id }) => rows.find((row) => row.id === id) ?? status.NOT_FOUND),
    GetFileByUUID: serve('GetFileByUUID', ({ uuid }) => rows.find((row) => row.uuid === uuid) ?? status.NOT_FOUND),
    GetFileURLs: serve('GetFileURLs', ({ ids, conversion }) => ({
      results: ids.map((id) => {
        const row = rows.find((each) => each.id === id);
        if (!row || (conversion && !isMade(row, conversion))) return { url: '', expires_at: '' };
        return { url: `http://files.invalid/${[id, conversion].filter(Boolean).join('/')}`, expires_at: '2026-01-01T00:15:00.000Z' };
      }),
    })),
    UpdateFile: serve('UpdateFile', ({ id, name, file_name, custom_properties }) => {
      const index = rows.findIndex((row) => row.id === id);
      const row = rows[index];
      if (!row) return status.NOT_FOUND;
      // Another object: an answer that is under way shows the old one.
      const updated = { ...row, name: name ?? row.name, file_name: file_name ?? row.file_name, custom_properties: custom_properties ?? row.custom_properties };
      rows.splice(index, 1, updated);
      return updated;
    }),
    ReorderFiles: serve('ReorderFiles', (request) => {
      const { media: found, total } = filesOf(request);
      const first = request.ids.flatMap((id) => found.filter((row) => row.id === id));
      const ordered = [...first, ...found.filter((row) => !first.includes(row))];
      rows.splice(0, rows.length, ...rows.filter((row) => !ordered.includes(row)), ...ordered);
      return { media: ordered, total, fallback_url: '' };
    }),
    ImportFile: serve('ImportFile', (request) => {
      const row = importedMedia(request);
      rows.push(row);
      return row;
    }),
    VerifyFile: unimplemented,
    GetStats: unimplemented,
    GetMessages: unimplemented,
    ListMessages: unimplemented,
    RetryMessageMedia: unimplemented,
    SendTemplate: unimplemented,
    DeleteFile: serve('DeleteFile', ({ id }) => {
      const index = rows.findIndex((row) => row.id === id);
      const [row] = index < 0 ? [] : rows.splice(index, 1);
      return { deleted: row !== undefined, media: row ?? null };
    }),
    UploadFile: (call, callback) => {
      calls.push('UploadFile');
      call.resume();
      call.on('end', () => callback({ code: status.UNIMPLEMENTED, details: 'the fake origin keeps no files' }));
    },
  };
  const users: UserServiceHandlers = {
    GetUsers: serve('GetUsers', ({ ids }) => ({ results: ids.map((id) => ({ user: { id, name: `User ${id}`, email: `user-${id}@example.org` } })) })),
  };

  const server = new Server();
  server.addService(MediaService.service, media);
  server.addService(UserService.service, users);
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, at) => (error ? reject(error) : resolve(at)));
  });

  const origin: FakeOrigin = {
    address: `127.0.0.1:${bound}`,
    calls,
    get maxInFlight() {
      return maxInFlight;
    },
    delayMs: 0,
    failure: undefined,
    batch: true,
    fallbacks: new Map(),
    put: (media_) => {
      const [first] = media_.map(aMedia);
      const kept = rows.filter((row) => row.model_id !== first?.model_id || row.model_type !== first.model_type || row.collection_name !== first.collection_name);
      rows.splice(0, rows.length, ...kept, ...media_.map(aMedia));
    },
    clear: () => rows.splice(0),
    stop: () =>
      new Promise((resolve) => {
        stopping.abort();
        server.forceShutdown();
        resolve();
      }),
  };
  return origin;
}
