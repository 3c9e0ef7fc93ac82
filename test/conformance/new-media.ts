/** Media for the suites of the SQL stores: of an owner that the suite names, with bytes of their own. */
import { createHash, randomUUID } from 'node:crypto';
import type { NewMedia } from '../../src/media/rows/media-store.js';

export function newMedia(modelId: string, changes: Partial<NewMedia> = {}): NewMedia {
  const sha256 = createHash('sha256').update(randomUUID()).digest('hex');
  return {
    modelType: 'App\\Models\\Product',
    modelId,
    collectionName: 'images',
    name: 'Ä name 🙂',
    fileName: 'a.png',
    mimeType: 'image/png',
    disk: 'local',
    size: 5_000_000_000,
    customProperties: '{"a":1}',
    width: 3,
    height: 4,
    sha256,
    md5: sha256.slice(0, 32),
    keepLatest: undefined,
    conversions: [],
    from: undefined,
    idempotencyKey: '',
    ...changes,
  };
}

/** For bytes that nobody takes away. */
export const bytesAreThere = (): Promise<void> => Promise.resolve();
