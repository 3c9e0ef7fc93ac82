/**
 * The media service and the user service of the soak: each key has a version, and an answer is taken at a random moment while its call is under way,
 * so it may be old by the time it arrives. They speak real gRPC.
 * Invariant: a commit is told to the history before any call can answer it.
 */
import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { setMaxListeners } from 'node:events';
import type { Media } from '../../src/contract/generated/media/v1/Media.js';
import type { MediaServiceHandlers } from '../../src/contract/generated/media/v1/MediaService.js';
import type { ModelFiles } from '../../src/contract/generated/media/v1/ModelFiles.js';
import type { ModelQuery } from '../../src/contract/generated/media/v1/ModelQuery.js';
import type { UserServiceHandlers } from '../../src/contract/generated/user/v1/UserService.js';
import { MediaService, UserService } from '../../src/contract/services.js';
import { pause } from '../../src/runtime/backoff.js';
import { aMedia } from '../support/fake-origin.js';
import type { Commit } from './history.js';
import { fileNameOf, type Key, type KeySpace } from './keys.js';
import type { Random } from './random.js';

export interface VersionedOrigin {
  readonly address: string;
  /** Calls that asked for media of owners, and how many entries they asked for. */
  readonly counts: { calls: number; entries: number };
  /** The next version of `key`: a file, or none. */
  commit(key: Key, change: 'upload' | 'deletion'): Commit;
  /** Whether `key` has a file now. */
  hasMedia(key: Key): boolean;
  /** The id of the file that `key` has now, for the one client that deletes it: undefined when there is none, or another has it. */
  claim(key: Key): string | undefined;
  /** 0 before the first commit. */
  version(key: Key): number;
  /** The commit that a call to delete this file has made; undefined when it found nothing to delete. */
  deletionOf(mediaId: string): Commit | undefined;
  stop(): Promise<void>;
}

export interface OriginOptions {
  keys: KeySpace;
  random: Random;
  committed: (commit: Commit) => void;
  /** A gateway has deleted a file of `key`: its event is to be published. */
  deleted: (key: Key) => void;
}

interface State {
  version: number;
  media: Media | undefined;
}

/** Deletions through a gateway that are remembered until the caller has asked for them. */
const rememberedDeletions = 1_000;

export async function startOrigin({ keys, random, committed, deleted }: OriginOptions): Promise<VersionedOrigin> {
  const states = new Map<string, State>();
  const byMediaId = new Map<string, Key>();
  const claimed = new Set<string>();
  const deletions = new Map<string, Commit>();
  const counts = { calls: 0, entries: 0 };
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);

  const stateOf = (key: Key): State => states.get(key.name) ?? { version: 0, media: undefined };
  const commit = (key: Key, change: 'upload' | 'deletion'): Commit => {
    const { version: last, media: old } = stateOf(key);
    const version = last + 1;
    const made: Commit = { key: key.name, version, deletion: change === 'deletion', committedAt: performance.now() };
    committed(made);
    if (old) byMediaId.delete(old.id);
    if (old) claimed.delete(old.id);
    const media = change === 'upload' ? mediaOf(key, version) : undefined;
    if (media) byMediaId.set(media.id, key);
    states.set(key.name, { version, media });
    return made;
  };
  const filesOf = ({ model_type, model_id, collection_name }: ModelQuery): ModelFiles => {
    const asked = keys.owner(model_type, model_id)?.keys.filter(({ collection }) => collection_name === '' || collection === collection_name) ?? [];
    const media = asked.flatMap((key) => stateOf(key).media ?? []);
    return { media, total: media.length, fallback_url: '' };
  };
  const found = (id: string): Media | undefined => {
    const key = byMediaId.get(id);
    return key && stateOf(key).media;
  };
  const remove = (id: string): Media | undefined => {
    const media = found(id);
    const key = byMediaId.get(id);
    if (!key || !media) return undefined;
    deletions.set(id, commit(key, 'deletion'));
    deleted(key);
    const [oldest] = deletions.keys();
    if (deletions.size > rememberedDeletions && oldest !== undefined) deletions.delete(oldest);
    return media;
  };

  const serve =
    <Request, Response>(answer: (request: Request) => Response | undefined) =>
    ({ request }: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>): void => {
      const ms = delayMs(random);
      const before = ms * random.next();
      const run = async (): Promise<void> => {
        await pause(before, stopping.signal);
        const response = answer(request);
        await pause(ms - before, stopping.signal);
        if (response === undefined) callback({ code: status.NOT_FOUND, details: 'there is none' });
        else callback(null, response);
      };
      void run();
    };
  const count = (entries: number): void => {
    counts.calls += 1;
    counts.entries += entries;
  };

  const unimplemented = (): never => {
    throw new Error('the soak does not call this');
  };
  const mediaHandlers: MediaServiceHandlers = {
    GetFilesByModels: serve(({ queries }) => {
      count(queries.length);
      return { results: queries.map(filesOf) };
    }),
    GetFilesByModel: serve((query) => {
      count(1);
      return filesOf(query);
    }),
    GetFileByID: serve(({ id }) => found(id)),
    DeleteFile: serve(({ id }) => {
      const media = remove(id);
      return { deleted: media !== undefined, media: media ?? null };
    }),
    GetFileByUUID: unimplemented,
    GetFileURLs: unimplemented,
    UploadFile: unimplemented,
    UpdateFile: unimplemented,
    ReorderFiles: unimplemented,
    ImportFile: unimplemented,
    VerifyFile: unimplemented,
    GetStats: unimplemented,
    GetMessages: unimplemented,
    ListMessages: unimplemented,
    RetryMessageMedia: unimplemented,
    SendTemplate: unimplemented,
  };
  const userHandlers: UserServiceHandlers = {
    GetUsers: ({ request: { ids } }, callback) => callback(null, { results: ids.map((id) => ({ user: { id, name: id, email: '' } })) }),
  };

  const server = new Server();
  server.addService(MediaService.service, mediaHandlers);
  server.addService(UserService.service, userHandlers);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return {
    address: `127.0.0.1:${port}`,
    counts,
    commit,
    hasMedia: (key) => stateOf(key).media !== undefined,
    claim: (key) => {
      const id = stateOf(key).media?.id;
      if (id === undefined || claimed.has(id)) return undefined;
      claimed.add(id);
      return id;
    },
    version: (key) => stateOf(key).version,
    deletionOf: (mediaId) => deletions.get(mediaId),
    stop: async () => {
      stopping.abort();
      server.forceShutdown();
    },
  };
}

function mediaOf(key: Key, version: number): Media {
  const fileName = fileNameOf(key, version);
  return aMedia({ model_type: key.owner.modelType, model_id: key.owner.modelId, collection_name: key.collection, file_name: fileName, name: fileName });
}

/** Mostly quick, often long enough for an event to come between, seldom longer than the lease of the soak's gateways. */
function delayMs(random: Random): number {
  const draw = random.next();
  if (draw < 0.75) return random.between(1, 8);
  if (draw < 0.97) return random.between(10, 40);
  if (draw < 0.998) return random.between(50, 300);
  return random.between(500, 1_500);
}
