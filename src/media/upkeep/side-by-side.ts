/** Stored bytes and their records, walked through together: what has both, and what lacks one of them. */
import type { StoredBlob } from '../bytes/blob-store.js';
import type { BlobRecord } from '../rows/blob-records.js';

/** At least one of them, and both of the same hash. */
export interface Pair {
  blob: StoredBlob | undefined;
  record: BlobRecord | undefined;
}

/** Both must come by hash; memory is one of each. */
export async function* sideBySide(stored: AsyncIterable<StoredBlob>, recorded: AsyncIterable<BlobRecord>): AsyncGenerator<Pair, void, undefined> {
  const blobs = stored[Symbol.asyncIterator]();
  const records = recorded[Symbol.asyncIterator]();
  try {
    let [blob, record] = [await next(blobs), await next(records)];
    while (blob || record) {
      const hasBlob = blob && (!record || blob.sha256 <= record.sha256);
      const hasRecord = record && (!blob || record.sha256 <= blob.sha256);
      yield { blob: hasBlob ? blob : undefined, record: hasRecord ? record : undefined };
      // One after the other: this is a walk.
      // oxlint-disable-next-line no-await-in-loop
      if (hasBlob) blob = await next(blobs);
      // oxlint-disable-next-line no-await-in-loop
      if (hasRecord) record = await next(records);
    }
  } finally {
    await Promise.all([blobs.return?.(), records.return?.()]);
  }
}

async function next<T>(iterator: AsyncIterator<T>): Promise<T | undefined> {
  const { done, value } = await iterator.next();
  return done ? undefined : value;
}
