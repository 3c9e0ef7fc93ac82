/**
 * What uploads are measured against: one process that hashes and writes the same bytes, one file after the other, and does nothing else.
 * `node plain.js DIRECTORY FILES BYTES ROUND fsync|no-fsync` prints `{ms, peakRssBytes}`; the start of the process does not count.
 * With `fsync` each file and its directory entry are on disk before the next begins, which is what an acknowledged upload promises.
 */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { contentOf } from './content.js';

const [directory = '', files, bytes, round, durability] = process.argv.slice(2);
const isDurable = durability === 'fsync';

const startedAt = performance.now();
const directoryHandle = openSync(directory, 'r');
for (let file = 0; file < Number(files); file += 1) {
  const hash = createHash('sha256');
  const handle = openSync(join(directory, `${round}-${file}`), 'wx', 0o600);
  for (const chunk of contentOf(Number(round), file, Number(bytes))) {
    hash.update(chunk);
    writeSync(handle, chunk);
  }
  hash.digest('hex');
  if (isDurable) fsyncSync(handle);
  closeSync(handle);
  if (isDurable) fsyncSync(directoryHandle);
}
closeSync(directoryHandle);
const ms = performance.now() - startedAt;
process.stdout.write(JSON.stringify({ ms, peakRssBytes: process.resourceUsage().maxRSS * 1024 }));
