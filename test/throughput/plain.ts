/**
 * What uploads are measured against: one process that hashes and writes the same bytes, one file after the other, and does nothing else.
 * `node plain.js DIRECTORY FILES BYTES ROUND piped|own fsync|no-fsync` prints `{ms, peakRssBytes}`. With `piped` the bytes come from another
 * process by standard input, as those of an upload do; the time begins with the first of them. With `own` it makes them itself.
 * With `fsync` each file and its directory entry are on disk before the next begins, which is what an acknowledged upload promises.
 */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { sharedContentOf } from './content.js';

const [directory = '', files, bytes, round, source, durability] = process.argv.slice(2);
const fileBytes = Number(bytes);
const isDurable = durability === 'fsync';

class PlainFiles {
  readonly #directory = openSync(directory, 'r');
  #written = 0;
  #handle = -1;
  #left = 0;
  #hash = createHash('sha256');

  /** The next bytes, whatever file they belong to. */
  take(chunk: Buffer): void {
    for (let rest = chunk; rest.length > 0; ) {
      if (this.#left === 0) this.#begin();
      const part = rest.subarray(0, this.#left);
      this.#hash.update(part);
      writeSync(this.#handle, part);
      this.#left -= part.length;
      rest = rest.subarray(part.length);
      if (this.#left === 0) this.#end();
    }
  }

  close(): void {
    closeSync(this.#directory);
  }

  #begin(): void {
    this.#hash = createHash('sha256');
    this.#handle = openSync(join(directory, `${round}-${this.#written}`), 'wx', 0o600);
    this.#left = fileBytes;
  }

  #end(): void {
    this.#hash.digest('hex');
    if (isDurable) fsyncSync(this.#handle);
    closeSync(this.#handle);
    if (isDurable) fsyncSync(this.#directory);
    this.#written += 1;
  }
}

const plainFiles = new PlainFiles();
let startedAt = performance.now();
if (source === 'own') {
  for (let file = 0; file < Number(files); file += 1) for (const chunk of sharedContentOf(Number(round), file, fileBytes)) plainFiles.take(chunk);
} else {
  process.stdin.once('readable', () => (startedAt = performance.now()));
  for await (const chunk of process.stdin) if (Buffer.isBuffer(chunk)) plainFiles.take(chunk);
}
plainFiles.close();
const ms = performance.now() - startedAt;
process.stdout.write(JSON.stringify({ ms, peakRssBytes: process.resourceUsage().maxRSS * 1024 }));
