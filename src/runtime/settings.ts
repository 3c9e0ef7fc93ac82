/**
 * The one table of settings: names, defaults, meanings and parsers.
 * Types, `--help` and the README table derive from it.
 * Invariant: an unusable value stops the start with a sentence that names it; it never becomes the default.
 */
import { z } from 'zod';
import { logLevels } from './logger.js';
import {
  clockTime,
  fileOr,
  hostList,
  hostPort,
  httpUrl,
  integer,
  numberList,
  oneOf,
  optionalSetting,
  pattern,
  pemFile,
  setting,
  shortText,
  signingKeys,
  target,
  urlOf,
  type Program,
  type Setting,
} from './setting-types.js';
import { redisAddress } from './redis-address.js';

const everywhere: readonly Program[] = ['gateway', 'media', 'users'];
const gateway: readonly Program[] = ['gateway'];
const media: readonly Program[] = ['media'];
const users: readonly Program[] = ['users'];
const both: readonly Program[] = ['gateway', 'media'];

export const settingsTable = {
  HOST: setting(gateway, shortText(4_096), '127.0.0.1', 'address that the gateway listens on'),
  PORT: setting(gateway, integer(0, 65_535), '8080', 'port of the gateway; 0 takes a free one'),
  WORKERS: setting(gateway, integer(1, 64), '1', 'processes that answer requests, best one per core; `npm start` has one'),
  LOG_LEVEL: setting(everywhere, oneOf(logLevels), 'info', 'least severe level that is logged'),
  DATA_DIR: setting(media, shortText(4_096), './data', 'directory of everything that the embedded mode stores, and of conversions under way'),
  REDIS_ADDR: optionalSetting(both, redisAddress, 'unset', '`host:port` or a URL `redis(s)://`, `redis(s)+sentinel://`, `redis(s)+cluster://`; unset: no cache (`npm start`: a cache in the process)', ['REDIS_URI', 'REDIS_URL']),
  REDIS_COMMAND_TIMEOUT_MS: setting(both, integer(1, 60_000), '100', 'how long a read waits for Redis before it asks the media service'),
  RABBITMQ_ADDR: optionalSetting(both, urlOf('amqp:', 'amqps:'), 'unset', '`amqp(s)://` URL; unset: entries end by their TTL only (`npm start`: a bus in the process)'),
  MEDIA_EVENTS_EXCHANGE: setting(both, shortText(255), 'media.events', 'durable topic exchange of the events'),
  EVENTS_QUEUE_PREFIX: setting(gateway, shortText(200), 'api-gateway', 'begin of the names of the gateway\'s queues'),
  MEDIA_SERVICE_ADDR: setting(gateway, target, 'localhost:50056', 'gRPC target: the media service'),
  USER_SERVICE_ADDR: setting(gateway, target, 'localhost:50051', 'gRPC target: the user service'),
  MEDIA_GRPC_ADDR: setting(media, hostPort, '127.0.0.1:50056', 'where the media service listens for gRPC'),
  USER_GRPC_ADDR: setting(users, hostPort, '127.0.0.1:50051', 'where the user service listens for gRPC'),
  MEDIA_HTTP_ADDR: setting(media, hostPort, '127.0.0.1:8081', 'where the media service serves the bytes'),
  MEDIA_PUBLIC_URL: optionalSetting(media, httpUrl, 'derived', 'base of the URLs of the bytes; unset: the address they are served on'),
  MEDIA_URL_KEYS: optionalSetting(media, signingKeys, 'made', '`kid:secret,…`; the first signs URLs, all verify; unset: made once and kept in `DATA_DIR`'),
  MEDIA_DATABASE_URL: optionalSetting(media, fileOr('postgres:', 'postgresql:'), 'in `DATA_DIR`', '`file:…` or `postgres://…`: the media rows'),
  MEDIA_STORAGE_URL: optionalSetting(media, fileOr('s3:'), 'in `DATA_DIR`', '`file:…` or `s3://bucket/prefix`: the bytes'),
  S3_ENDPOINT: optionalSetting(media, httpUrl, 'unset', 'endpoint of an S3-compatible store; unset: AWS itself'),
  AWS_REGION: setting(media, shortText(4_096), 'us-east-1', 'region of the bucket'),
  AWS_ACCESS_KEY_ID: optionalSetting(media, shortText(4_096), 'unset', 'key of the bucket; with its secret'),
  AWS_SECRET_ACCESS_KEY: optionalSetting(media, shortText(4_096), 'unset', 'secret of the key'),
  UPLOAD_MAX_BYTES: setting(both, integer(1, 2_147_483_647), '536870912', 'largest file; the limit itself passes'),
  MEDIA_COLLECTIONS: optionalSetting(media, shortText(4_096), 'built in', 'JSON file with the rules of the collections; unset: `avatars` alone has rules'),
  MEDIA_ADMIN_TOKEN: optionalSetting(media, shortText(4_096), 'unset', 'bearer token of `/media` and below; unset: they answer to this machine only'),
  MEDIA_CLEANUP_AT: setting(media, clockTime, '03:00', 'local time of the daily cleanup'),
  MEDIA_ORPHAN_GRACE_SECONDS: setting(media, integer(60, 31_536_000), '86400', 'how long bytes that no file refers to are kept'),
  MEDIA_CACHE_DAYS: setting(media, integer(0, 3_650), '7', 'how long an imported copy that no file refers to is kept'),
  MEDIA_SCRUB_DAYS: setting(media, integer(0, 3_650), '30', 'within how many days each stored byte is read and verified again; 0: never'),
  MEDIA_IMPORT_ALLOWED_HOSTS: setting(media, hostList, '', 'hosts, each with its port where it is not the usual one, separated by commas, that files may be imported from also by plain HTTP and at private addresses'),
  MEDIA_IMPORT_CONCURRENCY: setting(media, integer(1, 1_000), '5', 'downloads at a time'),
  MEDIA_EXPIRATION_HOURS: setting(media, integer(1, 87_600), '168', 'how long a provider keeps what it has received; what is older is not asked for'),
  BASE_BACKOFF_SECONDS: setting(media, integer(0, 3_600), '2', 'wait before the second of three tries of an import, doubled before the third'),
  FAILED_MEDIA_TTL: setting(media, integer(0, 31_536_000), '3600', 'seconds for which a source that is gone for good is not asked again'),
  FAILED_MEDIA_TRANSIENT_TTL: setting(media, integer(0, 86_400), '60', 'the same after a failure that may pass'),
  META_ACCESS_TOKEN: optionalSetting(media, shortText(4_096), 'unset', 'token of the WhatsApp Cloud API; unset: WhatsApp is off'),
  WA_APP_SECRET: optionalSetting(media, shortText(4_096), 'unset', 'secret that signs webhooks; unset, or without `WA_VERIFY_TOKEN`: there is no webhook'),
  WA_VERIFY_TOKEN: optionalSetting(media, shortText(4_096), 'unset', 'what the provider shows when it asks for the webhook for the first time'),
  GRAPH_BASE_URL: setting(media, httpUrl, 'https://graph.facebook.com', 'where the Graph API is'),
  GRAPH_API_VERSION: setting(media, z.string().regex(/^v\d{1,3}\.\d{1,2}$/, 'must be a version, as v23.0'), 'v23.0', 'its version'),
  WA_MEDIA_HOSTS: setting(media, hostList, 'lookaside.fbsbx.com', 'hosts that WhatsApp media may be downloaded from, with the token; one that is named with its port also by plain HTTP and at a private address'),
  META_PHONE_NUMBER_ID: optionalSetting(media, shortText(4_096), 'unset', 'id of the number that template messages are sent from; unset: none are sent'),
  WA_MEDIA_REFRESH_CODES: setting(media, numberList, '131053,131005', 'codes of errors after which a media is uploaded anew and its message sent once more'),
  WA_MEDIA_REFRESH_PATTERNS: setting(media, pattern, 'media attachment id|expired', 'the same for what the details of an error say: a regular expression'),
  MESSAGE_TEMPLATES: optionalSetting(media, shortText(4_096), 'unset', 'JSON file: per template and language its name, locale and media; unset: a language is a locale'),
  CACHE_TTL_SECONDS: setting(gateway, integer(1, 31_536_000), '3600', 'how long an entry may be served when no event ends it'),
  CACHE_NEGATIVE_TTL_SECONDS: setting(gateway, integer(1, 31_536_000), '300', 'the same for the empty answer'),
  CACHE_UNSYNCED_MAX_AGE_SECONDS: setting(gateway, integer(0, 31_536_000), '60', 'how old an entry may be served while it is not certain that all events are applied'),
  CACHE_STALE_IF_ERROR_SECONDS: setting(gateway, integer(0, 31_536_000), '3600', 'how long after its end an entry may be served when the media service fails'),
  CACHE_L1: setting(gateway, oneOf(['on', 'off']), 'on', 'whether copies of entries in the process are served without asking Redis; off: each read asks whether they are still the same'),
  CACHE_L1_MAX_MB: setting(gateway, integer(2, 65_536), '256', 'memory for what each process keeps, estimated: a quarter for copies of entries, the rest for answers made of them, of which half of all, and 4 GB, at most for short ones; with CACHE_L1 off an eighth and three quarters; never more than half of what V8\'s heap may come to beyond 100 MB (--max-old-space-size)'),
  CACHE_L1_LEASE_MS: setting(gateway, integer(10, 60_000), '250', 'δ: how far a copy in the process may be behind an applied event at most'),
  CACHE_LEASE_MS: setting(gateway, integer(10, 600_000), '5000', 'how long the loader of an entry may take before another takes over'),
  CACHE_KEY_PREFIX: setting(gateway, z.string().regex(/^[^{}\s]{1,64}$/, 'must have 1 to 64 characters, without braces and spaces'), 'mg', 'begin of the Redis keys'),
  ORIGIN_MAX_CONCURRENCY: setting(gateway, integer(1, 100_000), '64', 'calls to the media service in flight, per worker of a gateway'),
  EXPLAIN_TOKEN: optionalSetting(gateway, shortText(4_096), 'unset', 'a request whose header `x-cache-explain` is this is told where its media came from'),
  USER_CACHE_TTL_SECONDS: setting(gateway, integer(0, 86_400), '5', 'how long a user is kept in the process; 0: not at all'),
  GRPC_TLS_CA: optionalSetting(everywhere, pemFile, 'unset', 'PEM file: clients use TLS and trust it, servers ask for a client certificate of it'),
  GRPC_TLS_CERT: optionalSetting(everywhere, pemFile, 'unset', 'PEM file: certificate that this process shows over gRPC; with `GRPC_TLS_KEY`'),
  GRPC_TLS_KEY: optionalSetting(everywhere, pemFile, 'unset', 'PEM file: its key'),
};

type Table = typeof settingsTable;
export type SettingName = keyof Table;
export type Settings = { readonly [K in SettingName]: Table[K] extends Setting<infer T> ? T : never };

/** A start that cannot go on because of a setting; the message is one sentence for the operator. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/**
 * The settings of the given programs from `env`; settings of other programs have their defaults, whatever `env` says.
 * An empty variable counts as unset. Values are not echoed: some hold passwords.
 * @throws SettingsError naming the first unusable setting.
 */
export function readSettings(env: NodeJS.ProcessEnv, programs: readonly Program[]): Settings {
  const values: Record<string, unknown> = {};
  for (const [name, entry] of settingsEntries()) {
    const used = entry.programs.some((program) => programs.includes(program));
    const source = [name, ...entry.aliases].find((variable) => used && env[variable]);
    const text = source === undefined ? entry.default : env[source];
    if (text === undefined) continue;
    const parsed = entry.type.safeParse(text);
    if (!parsed.success) throw new SettingsError(`${source ?? name} ${parsed.error.issues[0]?.message ?? 'is not usable'}.`);
    values[name] = parsed.data;
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- built from the table that the type is derived from
  const settings = values as Settings;
  checkTogether(settings);
  return Object.freeze(settings);
}

/**
 * What `work` gives. A failure is that of the setting which it uses: it stops the start with a sentence that names it.
 * @throws SettingsError
 */
export async function usable<T>(name: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof SettingsError) throw error;
    throw new SettingsError(`${name} cannot be used: ${error instanceof Error ? error.message : String(error)}.`, { cause: error });
  }
}

function checkTogether(settings: Settings): void {
  if (!settings.GRPC_TLS_CERT !== !settings.GRPC_TLS_KEY) throw new SettingsError('GRPC_TLS_CERT and GRPC_TLS_KEY must be set together.');
  if (!settings.AWS_ACCESS_KEY_ID !== !settings.AWS_SECRET_ACCESS_KEY) {
    throw new SettingsError('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set together.');
  }
}

export function settingsEntries(): [string, Setting<unknown>][] {
  return Object.entries(settingsTable);
}
