/**
 * V8's young generation, kept from taking what nobody needs. Loading the modules of a program makes it as large as it may get, 32 MB, and that is not
 * given back; and the buffers that a stream leaves behind are freed with the rest of it only, of which there is so little that 40 MB of them add up.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const collectAfterBytes = 8_388_608;

/** What `work` comes to; while it goes on, the young generation does not grow. Afterwards it grows with what survives in it, as V8 has it. */
export async function withSmallYoungGeneration<T>(work: () => Promise<T>): Promise<T> {
  setFlagsFromString('--semi-space-growth-factor=1');
  try {
    return await work();
  } finally {
    setFlagsFromString('--semi-space-growth-factor=2');
  }
}

// The one way to it: it is there in contexts that are made while the flag is set.
setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

let passed = 0;

/** For each chunk of a file that is read and not kept. Frees those before it, which takes about a millisecond for every 8 MB. */
export function bytesPassed(bytes: number): void {
  passed += bytes;
  if (passed < collectAfterBytes) return;
  passed = 0;
  if (typeof collect === 'function') collect({ type: 'minor' });
}
