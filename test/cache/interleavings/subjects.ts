/**
 * The product, and mutants of it, as JavaScript in a folder of their own, so that worker threads can load them. The folder is made for one run and
 * removed after it. Invariant: what is explored is the source as it stands, transpiled and patched, nothing else.
 */
import { transform } from '@swc/core';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

export interface Patch {
  file: 'read-through.ts' | 'memory-store.ts' | 'flights.ts' | 'unfilled-loads.ts' | 'local-tier.ts' | 'time-lease.ts' | 'unconfirmed.ts' | 'receipts.ts' | 'kept-loads.ts';
  /** Must stand in the file exactly once. */
  original: string;
  replacement: string;
}

const product = ['src/cache', 'src/runtime'];
const harness = 'test/cache/interleavings';

export class Subjects {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** With the modules of the search, and no subject yet. */
  static async create(): Promise<Subjects> {
    await mkdir('.orders', { recursive: true });
    const directory = await mkdtemp(resolve('.orders/run-'));
    await transpile(harness, join(directory, harness), []);
    return new Subjects(directory);
  }

  /** The module that worker threads run. */
  get worker(): string {
    return join(this.#directory, harness, 'search-worker.js');
  }

  /** Resolves with the folder of the product's modules, patched. @throws Error when the source no longer has the text that is to be patched. */
  async make(name: string, patches: readonly Patch[]): Promise<string> {
    const root = join(this.#directory, name.replaceAll(/\W+/g, '-'));
    await Promise.all(product.map((room) => transpile(room, join(root, room), patches)));
    return join(root, 'src/cache');
  }

  /** Idempotent. */
  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }
}

async function transpile(room: string, into: string, patches: readonly Patch[]): Promise<void> {
  await mkdir(into, { recursive: true });
  const files = (await readdir(room)).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'));
  await Promise.all(
    files.map(async (file) => {
      const source = patched(file, await readFile(join(room, file), 'utf8'), patches);
      const { code } = await transform(source, { module: { type: 'es6' }, jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, configFile: false, swcrc: false });
      await writeFile(join(into, file.replace(/\.ts$/, '.js')), code);
    }),
  );
}

function patched(file: string, source: string, patches: readonly Patch[]): string {
  let text = source;
  for (const { original, replacement } of patches.filter((patch) => patch.file === file)) {
    const parts = text.split(original);
    if (parts.length !== 2) throw new Error(`a mutant patches a text that stands ${parts.length - 1} times in ${file}: ${original}`);
    text = parts.join(replacement);
  }
  return text;
}
