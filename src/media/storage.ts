/** Which database and which byte store the settings mean: addresses to implementations, nothing else. */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from '../runtime/logger.js';
import type { Settings } from '../runtime/settings.js';
import type { BlobStore } from './bytes/blob-store.js';
import { createLocalBlobStore } from './bytes/local-blob-store.js';
import type { SqlDatabase } from './rows/sql-database.js';
import { openSqliteDatabase } from './rows/sqlite-database.js';

/** Opens and migrates it. @throws Error when that fails. */
export async function openDatabase({ MEDIA_DATABASE_URL: url, DATA_DIR }: Settings, log: Logger): Promise<SqlDatabase> {
  if (url === undefined) return openSqliteDatabase(join(DATA_DIR, 'media.db'), log);
  if (url.startsWith('file:')) return openSqliteDatabase(filePath(url), log);
  // What is not used is not loaded: neither this client nor that of S3.
  const { openPostgresDatabase } = await import('./rows/postgres-database.js');
  return openPostgresDatabase(url, log);
}

/** A bucket is not asked for here: it may come up later than this process. @throws Error when a directory cannot be used. */
export async function openBlobStore(settings: Settings): Promise<BlobStore> {
  const { MEDIA_STORAGE_URL: url, DATA_DIR } = settings;
  if (url === undefined) return createLocalBlobStore(join(DATA_DIR, 'blobs'));
  if (url.startsWith('file:')) return createLocalBlobStore(filePath(url));
  const { hostname, pathname } = new URL(url);
  // The client is larger than all the rest.
  const { createS3BlobStore } = await import('./bytes/s3-blob-store.js');
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = settings;
  return createS3BlobStore({
    bucket: hostname,
    prefix: decodeURIComponent(pathname).replace(/^\/+|\/+$/g, ''),
    region: settings.AWS_REGION,
    endpoint: settings.S3_ENDPOINT,
    credentials: accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : undefined,
  });
}

/** Of `file:///absolute`, and of `file:relative`, which a URL proper cannot say. */
function filePath(url: string): string {
  return url.startsWith('file://') ? fileURLToPath(url) : resolve(url.slice('file:'.length));
}
