/**
 * Writes a stream into a new file, the next chunks hashed while the last ones are being written.
 * Invariant: when it resolves, all bytes are on disk; memory is two batches.
 */
import { closeSync, fdatasync, open, writev, writevSync } from 'node:fs';
import { promisify } from 'node:util';
import { BlobDigest } from './blob-digest.js';

/** Smaller chunks are gathered: each write has its price. Larger batches were slower: they fall out of the cache before they are written. */
const batchBytes = 65_536;

const create = promisify(open);
const writeBatch = promisify(writev);
const toDisk = promisify(fdatasync);

/** @throws what `chunks` throws, and Error where the file is there or cannot be written; what was written of it stays. */
export async function writeNewFile(path: string, chunks: AsyncIterable<Buffer>): Promise<BlobDigest> {
  const digest = new BlobDigest();
  const file = await create(path, 'wx', 0o600);
  let writing: Promise<void> | undefined;
  try {
    let batch: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of chunks) {
      digest.update(chunk);
      batch.push(chunk);
      bytes += chunk.length;
      if (bytes < batchBytes) continue;
      await writing;
      writing = writeAll(batch, async (buffers) => (await writeBatch(file, buffers)).bytesWritten);
      // It is awaited before the next one, and at the end; nobody may be waiting when it fails.
      writing.catch(() => undefined);
      batch = [];
      bytes = 0;
    }
    await writing;
    // Less than a batch: all of a small file, which another thread would cost more than it takes.
    await writeAll(batch, (buffers) => writevSync(file, buffers));
    await toDisk(file);
  } finally {
    await writing?.catch(() => undefined);
    closeSync(file);
  }
  return digest;
}

async function writeAll(chunks: readonly Buffer[], write: (buffers: Buffer[]) => Promise<number> | number): Promise<void> {
  for (let rest = chunks.filter(({ length }) => length > 0); rest.length > 0; ) {
    // The disk may take a part only.
    // oxlint-disable-next-line no-await-in-loop
    rest = after(rest, await write(rest));
  }
}

/** What remains of `chunks` without their first `bytes`. */
function after(chunks: readonly Buffer[], bytes: number): Buffer[] {
  let left = bytes;
  return chunks.flatMap((chunk) => {
    const taken = Math.min(left, chunk.length);
    left -= taken;
    return taken < chunk.length ? [chunk.subarray(taken)] : [];
  });
}
