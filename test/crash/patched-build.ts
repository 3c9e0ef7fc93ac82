/**
 * Builds of the product with changes to its source: places at which the process ends itself, and guarantees taken away.
 * Invariant: the working tree stays as it is; a patch whose text is not there exactly once fails, so that it cannot become empty unnoticed.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Patch } from '../soak/patches.js';

export interface PatchedBuild {
  /** Holds what `npm run build` makes. */
  dist: string;
  /** Idempotent. */
  remove(): Promise<void>;
}

/** Below the project, where its modules are found. */
const builds = resolve('.prove/patched');
/** What a program reads beside its code, found relative to it. */
const besides = ['schema', 'proto'];

/** Applies the patches in their order, and compiles. @throws Error when one does not fit the source, or the result does not compile. */
export async function buildWith(patches: readonly Patch[]): Promise<PatchedBuild> {
  const sources = await patchSources(patches);
  await mkdir(builds, { recursive: true });
  const home = await mkdtemp(join(builds, 'build-'));
  const remove = (): Promise<void> => rm(home, { recursive: true, force: true });
  try {
    await Promise.all(['src', ...besides].map((folder) => cp(folder, join(home, folder), { recursive: true })));
    await Promise.all([...sources].map(([file, text]) => writeFile(join(home, 'src', file), text)));
    await compile(home);
    return { dist: join(home, 'dist'), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** The files that the patches change, as they are then; paths below src. @throws Error when one does not fit. */
export async function patchSources(patches: readonly Patch[]): Promise<Map<string, string>> {
  const sources = new Map<string, string>();
  for (const { name, file, original, replacement } of patches) {
    // One after the other: one may change what the one before has left.
    // oxlint-disable-next-line no-await-in-loop
    const source = sources.get(file) ?? (await readFile(join('src', file), 'utf8'));
    if (source.split(original).length !== 2) throw new Error(`the patch "${name}" does not fit: its text must be in ${file} once`);
    sources.set(file, source.replace(original, () => replacement));
  }
  return sources;
}

async function compile(home: string): Promise<void> {
  await writeFile(join(home, 'tsconfig.json'), JSON.stringify({ extends: resolve('tsconfig.build.json'), include: ['src'] }));
  const flags = ['--rootDir', join(home, 'src'), '--outDir', join(home, 'dist'), '--noUnusedLocals', 'false', '--noUnusedParameters', 'false'];
  const compiling = promisify(execFile)(resolve('node_modules/.bin/tsc'), ['-p', join(home, 'tsconfig.json'), ...flags]);
  await compiling.catch((error: unknown) => {
    throw new Error(`the patched source does not compile:\n${outputOf(error)}`, { cause: error });
  });
}

function outputOf(error: unknown): string {
  return error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error);
}
