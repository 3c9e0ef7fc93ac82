/**
 * The bytes that are measured with: the same for the plain process and for the uploads.
 * Invariant: no two files are equal, so that no deduplication saves anybody work; making them costs next to nothing.
 */
import { randomBytes } from 'node:crypto';

export interface Load {
  files: number;
  /** Of each file. */
  bytes: number;
}

const chunkBytes = 65_536;
const noise = randomBytes(chunkBytes);

/** The chunks of one file of a round, each in a buffer of its own: whoever sends it may keep it for a while. */
export function* contentOf(round: number, file: number, bytes: number): Generator<Buffer> {
  for (const chunk of sharedContentOf(round, file, bytes)) yield Buffer.from(chunk);
}

/** The same, in one buffer that is written again for each chunk. */
export function* sharedContentOf(round: number, file: number, bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= chunkBytes) {
    noise.writeUInt32BE(round, 0);
    noise.writeUInt32BE(file, 4);
    noise.writeUInt32BE(left, 8);
    yield noise.subarray(0, Math.min(left, chunkBytes));
  }
}
