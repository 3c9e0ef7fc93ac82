/** What a resolver can reach: everything of one request, and nothing else. */
import DataLoader from 'dataloader';
import type { FileURL } from '../contract/generated/media/v1/FileURL.js';
import type { Media } from '../contract/generated/media/v1/Media.js';
import type { Message } from '../contract/generated/media/v1/Message.js';
import type { User } from '../contract/generated/user/v1/User.js';
import { maxBatchSize } from '../contract/services.js';
import { AppError } from '../contract/errors.js';
import { asError } from '../runtime/as-error.js';
import type { Logger } from '../runtime/logger.js';
import { Explain, mayExplain } from './explain.js';
import type { MediaClient } from './media-client.js';
import type { MediaQuery, MediaReader } from './media-reader.js';
import type { GatewayMetrics } from './metrics.js';
import type { Policy, Viewer } from './policy.js';
import type { ModelMedia } from './stored-media.js';
import type { UserClient } from './user-client.js';

/** What lives as long as the gateway. */
export interface Services {
  media: MediaClient;
  mediaReader: MediaReader;
  users: UserClient;
  policy: Policy;
  metrics: GatewayMetrics;
  maxUploadBytes: number;
  explain: { token: string | undefined; storeTier: string };
  log: Logger;
}

export interface Loaders {
  modelMedia: DataLoader<MediaQuery, ModelMedia, string>;
  mediaById: DataLoader<string, Media | undefined>;
  mediaUrl: (query: UrlQuery) => Promise<FileURL>;
  user: DataLoader<string, User | undefined>;
  message: DataLoader<string, Message | undefined>;
}

export interface UrlQuery {
  readonly id: string;
  /** 0: the service's default. */
  readonly expirySeconds: number;
  /** Empty: the file itself. */
  readonly conversion: string;
}

type HeaderValue = string | readonly string[] | undefined;

export interface RequestContext {
  readonly requestId: string;
  readonly viewer: Viewer;
  readonly services: Services;
  readonly loaders: Loaders;
  /** Of a request that may know where its media came from. */
  readonly explain: Explain | undefined;
}

/** What was read for a request before GraphQL's execution began. */
export interface Known {
  readonly users: ReadonlyMap<string, User | undefined | Error>;
  readonly media: readonly { readonly query: MediaQuery; readonly found: ModelMedia | Error }[];
}

interface Asking {
  requestId: string;
  viewer: Viewer;
  explainToken: HeaderValue;
}

/** `known`: what was read for this request already. */
export function createRequestContext(services: Services, request: Asking, known?: Known): RequestContext {
  const { requestId, viewer, explainToken } = request;
  const { token, storeTier } = services.explain;
  const explain = mayExplain(token, explainToken) ? new Explain(storeTier) : undefined;
  const loaders = createLoaders(services, explain);
  for (const [id, user] of known?.users ?? []) loaders.user.prime(id, user);
  for (const { query, found } of known?.media ?? []) loaders.modelMedia.prime(query, found);
  return { requestId, viewer, services, explain, loaders };
}

/** One set per request: what a request has read it reads once, and what it asks for in one tick is one batch. */
function createLoaders({ media, mediaReader, users }: Services, explain: Explain | undefined): Loaders {
  return {
    modelMedia: new DataLoader((queries) => mediaReader.readMany(queries, explain?.observe), {
      maxBatchSize,
      cacheKeyFn: ({ modelType, modelId, collectionName }) => JSON.stringify([modelType, modelId, collectionName]),
    }),
    mediaById: new DataLoader((ids) => Promise.all(ids.map((id) => media.getById(id).catch(asError))), { maxBatchSize }),
    mediaUrl: urlLoaders(media),
    user: new DataLoader((ids) => users.getMany(ids), { maxBatchSize }),
    message: new DataLoader((ids) => media.messages(ids), { maxBatchSize }),
  };
}

/** Different pairs of expiry and conversion that a request may ask for: each is a call of its own. */
const maxUrlKinds = 10;

/** One batch per expiry and conversion that are asked for; nearly always one. */
function urlLoaders(media: MediaClient): Loaders['mediaUrl'] {
  const loaders = new Map<string, DataLoader<string, FileURL>>();
  return ({ id, expirySeconds, conversion }) => {
    const kind = `${expirySeconds} ${conversion}`;
    if (loaders.size >= maxUrlKinds && !loaders.has(kind)) {
      throw new AppError('BAD_USER_INPUT', `A request can ask for ${maxUrlKinds} different pairs of expirySeconds and conversion at most.`);
    }
    const loader = loaders.get(kind) ?? new DataLoader((ids) => media.urls(ids, { expirySeconds, conversion }), { maxBatchSize });
    loaders.set(kind, loader);
    return loader.load(id);
  };
}
