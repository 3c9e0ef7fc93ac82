/**
 * The media service without its doors: stores, library, import and upkeep, opened from the settings. The service puts gRPC and HTTP before it,
 * the command line uses it as it is.
 * Invariant: what is opened is owned by the caller's lifecycle, in the order in which it depends on each other.
 */
import type { Lifecycle } from '../runtime/lifecycle.js';
import type { Logger } from '../runtime/logger.js';
import { usable, type Settings } from '../runtime/settings.js';
import type { BlobStore } from './bytes/blob-store.js';
import { verifyReads } from './bytes/verified-reads.js';
import { Collections } from './files/collections.js';
import { UrlSigner } from './http/signed-urls.js';
import { keptKeys } from './http/url-keys.js';
import { Importer } from './import/importer.js';
import { openFailedMedia } from './import/open-failed-media.js';
import type { MediaProvider } from './import/provider.js';
import { Library, type LibraryOptions } from './library.js';
import type { BlobRecords } from './rows/blob-records.js';
import type { ConversionStore } from './rows/conversion-store.js';
import { bufferCounters } from './rows/buffered-counters.js';
import type { Amounts, Counters } from './rows/counters.js';
import type { MessageStore } from './messages/message-store.js';
import type { MediaStore } from './rows/media-store.js';
import type { Sources } from './rows/sources.js';
import { createSqlBlobRecords } from './rows/sql-blob-records.js';
import { createSqlConversionStore } from './rows/sql-conversion-store.js';
import { createSqlCounters } from './rows/sql-counters.js';
import type { SqlDatabase } from './rows/sql-database.js';
import { createSqlHandleStore } from './rows/sql-handle-store.js';
import { createSqlMessageStore } from './rows/sql-message-store.js';
import { createSqlMediaStore } from './rows/sql-media-store.js';
import { createSqlSendStore } from './rows/sql-send-store.js';
import { createSqlSources } from './rows/sql-sources.js';
import type { HandleStore } from './templates/handle-store.js';
import type { SendStore } from './templates/send-store.js';
import { openBlobStore, openDatabase } from './storage.js';
import { Cleanup } from './upkeep/cleanup.js';
import { Integrity } from './upkeep/integrity.js';
import { Statistics } from './upkeep/statistics.js';

export interface MediaCoreOptions {
  settings: Settings;
  log: Logger;
  lifecycle: Lifecycle;
  /** The base of the URLs of the bytes, without a trailing slash; asked for each URL. */
  publicUrl: () => string;
  /** Called after a transaction that may have added events, or conversions. */
  onCommit: LibraryOptions['onCommit'];
  /** Hears of everything that is counted. */
  counted: (amounts: Amounts) => void;
  /** Whose media can be imported by their id. */
  providers: readonly MediaProvider[];
}

export interface MediaCore {
  collections: Collections;
  database: SqlDatabase;
  blobs: BlobStore;
  store: MediaStore;
  records: BlobRecords;
  sources: Sources;
  conversions: ConversionStore;
  messages: MessageStore;
  sends: SendStore;
  handles: HandleStore;
  counters: Counters;
  signer: UrlSigner;
  library: Library;
  importer: Importer;
  integrity: Integrity;
  cleanup: Cleanup;
  statistics: Statistics;
}

const minSecretLength = 16;

/** @throws SettingsError when a store cannot be opened, or a rule cannot be used. */
export async function openMediaCore({ settings, log, lifecycle, publicUrl, onCommit, counted, providers }: MediaCoreOptions): Promise<MediaCore> {
  const collections = await usable('MEDIA_COLLECTIONS', Collections.read(settings.MEDIA_COLLECTIONS, settings.UPLOAD_MAX_BYTES));
  const database = await usable(settings.MEDIA_DATABASE_URL ? 'MEDIA_DATABASE_URL' : 'DATA_DIR', openDatabase(settings, log));
  lifecycle.own('database', () => database.stop());
  const bytes = await usable(settings.MEDIA_STORAGE_URL ? 'MEDIA_STORAGE_URL' : 'DATA_DIR', openBlobStore(settings));
  lifecycle.own('blob store', () => bytes.stop());
  const blobs = verifyReads(bytes, (sha256) => integrity.suspect(sha256));
  const signer = new UrlSigner(await signingKeys(settings, log));
  const store = createSqlMediaStore(database);
  const records = createSqlBlobRecords(database);
  const sources = createSqlSources(database);
  const conversions = createSqlConversionStore(database);
  const messages = createSqlMessageStore(database);
  const sends = createSqlSendStore(database);
  const handles = createSqlHandleStore(database);
  const counters = bufferCounters(createSqlCounters(database), counted, log);
  lifecycle.own('counters', () => counters.stop());
  const failedMedia = await openFailedMedia(settings, log);
  lifecycle.own('negative cache', () => failedMedia.stop());
  const importer = new Importer({ sources, counters, blobs, failedMedia, providers, settings, log });
  lifecycle.own('importer', () => importer.stop());
  const library = new Library({ store, conversions, blobs, collections, importer, signer, publicUrl, onCommit, counters });
  const statistics = new Statistics({ database, counters });
  const refetch = (source: string, sha256: string): Promise<boolean> => importer.refetch(source, sha256);
  const integrity = new Integrity({ records, blobs: bytes, sources, refetch, counters, log });
  lifecycle.own('integrity', () => integrity.stop());
  const { MEDIA_ORPHAN_GRACE_SECONDS: graceSeconds } = settings;
  const cleanup = new Cleanup({ database, records, blobs, integrity, counters, log, graceSeconds });
  lifecycle.own('cleanup', () => cleanup.stop());
  return { collections, database, blobs, store, records, sources, conversions, messages, sends, handles, counters, signer, library, importer, integrity, cleanup, statistics };
}

async function signingKeys(settings: Settings, log: Logger) {
  const keys = settings.MEDIA_URL_KEYS ?? (await keptKeys(settings.DATA_DIR));
  if (keys.some(({ secret }) => secret.length < minSecretLength)) {
    log.warn(`MEDIA_URL_KEYS has a secret of less than ${minSecretLength} characters: it can be guessed, and signed URLs forged`);
  }
  return keys;
}
