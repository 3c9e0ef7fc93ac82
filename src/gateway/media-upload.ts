/**
 * One upload as a gRPC client stream: meta, bytes, finish with size and hash.
 * Invariant: memory holds a few chunks, whatever the speed of either side; without the finish the service keeps nothing.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Media } from '../contract/generated/media/v1/Media.js';
import type { MediaServiceClient } from '../contract/generated/media/v1/MediaService.js';
import type { UploadMetaInput } from '../contract/generated/media/v1/UploadMeta.js';
import { withDeadline } from '../runtime/deadline.js';

const uploadDeadlineMs = 300_000;
/** How long the service may take to read on, or to answer once it has everything. */
const stallDeadlineMs = 30_000;

/** Far below the 4 MB that a gRPC message may have. */
const maxChunkBytes = 65_536;

/** Rejects with what `bytes` threw, after cancelling the call, with grpc's error, or with DeadlineExceeded. */
export async function streamUpload(client: MediaServiceClient, meta: UploadMetaInput, bytes: AsyncIterable<Buffer>): Promise<Media> {
  let answer: ((error: Error | null, media?: Media) => void) | undefined;
  const answered = new Promise<Media>((resolve, reject) => {
    answer = (error, media) => (error || !media ? reject(error ?? new Error('gRPC answered nothing')) : resolve(media));
  });
  // An early refusal arrives while we are still writing; it is awaited below, but not yet.
  answered.catch(() => undefined);
  const call = client.UploadFile({ deadline: Date.now() + uploadDeadlineMs }, (error, media) => answer?.(error, media));
  try {
    const hash = createHash('sha256');
    let size = 0;
    call.write({ meta });
    for await (const piece of bytes) {
      hash.update(piece);
      size += piece.length;
      for (let start = 0; start < piece.length; start += maxChunkBytes) {
        const chunk = piece.subarray(start, start + maxChunkBytes);
        // After an early end of the call `drain` never comes: what comes first counts.
        if (!call.write({ chunk })) await withDeadline(Promise.race([once(call, 'drain'), answered]), stallDeadlineMs);
      }
    }
    call.write({ finish: { size, sha256: hash.digest('hex') } });
    call.end();
    return await withDeadline(answered, stallDeadlineMs);
  } catch (error) {
    call.cancel();
    throw error;
  }
}
