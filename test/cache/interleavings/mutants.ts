/**
 * Designs that are known to be wrong, each a small patch of the product's own source.
 * A proof that lets one of them pass proves nothing.
 */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Subject } from './world.js';

interface Mutant {
  name: string;
  file: 'read-through.ts' | 'memory-store.ts';
  /** Must stand in the file exactly once. */
  original: string;
  replacement: string;
}

export const mutants: readonly Mutant[] = [
  {
    name: 'a fill is accepted without the lease',
    file: 'memory-store.ts',
    original: 'if (this.#field({ owner, collection })?.token !== token) return false;',
    replacement: '',
  },
  {
    name: 'an invalidation drops the value and leaves the lease',
    file: 'memory-store.ts',
    original: '      fields.delete(collection);\n',
    replacement: '      if (fields.get(collection)?.payload !== undefined) fields.delete(collection);\n',
  },
  {
    name: 'the token of a lease is that of its process',
    file: 'read-through.ts',
    original: 'this.#tokens += 1;',
    replacement: '',
  },
  {
    name: 'a load is shared although its fill was refused',
    file: 'read-through.ts',
    original: 'if (accepted[next++]) return',
    replacement: 'if (accepted[next++] || true) return',
  },
  {
    name: 'a load is shared with those who come after its fill was sent',
    file: 'read-through.ts',
    original: '      for (const { read } of leased) this.#flights.delete(read.id);\n      return this.#fill(leased, values);',
    replacement:
      '      return this.#fill(leased, values).finally(() => {\n        for (const { read } of leased) this.#flights.delete(read.id);\n      });',
  },
];

const directory = '.mutants';

/** The patched modules. @throws Error when the source no longer has the text that is to be patched. */
export async function loadMutant({ name, file, original, replacement }: Mutant): Promise<Subject> {
  const root = join(directory, name.replaceAll(' ', '-'));
  await mkdir(root, { recursive: true });
  for (const room of ['cache', 'runtime']) await cp(join('src', room), join(root, room), { recursive: true });
  const path = join(root, 'cache', file);
  const parts = (await readFile(path, 'utf8')).split(original);
  if (parts.length !== 2) throw new Error(`"${name}" patches a text that stands ${parts.length - 1} times in ${file}`);
  await writeFile(path, parts.join(replacement));
  const { ReadThrough }: Pick<Subject, 'ReadThrough'> = await import(join(process.cwd(), root, 'cache/read-through.ts'));
  const { MemoryStore }: Pick<Subject, 'MemoryStore'> = await import(join(process.cwd(), root, 'cache/memory-store.ts'));
  return { ReadThrough, MemoryStore };
}

export function removeMutants(): Promise<void> {
  return rm(directory, { recursive: true, force: true });
}
