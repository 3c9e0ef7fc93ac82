/**
 * Gateways without one of their guarantees, to show that the soak would notice: a patch replaces a text of the source by another.
 * Invariant: the working tree stays as it is; a patch whose text is not there exactly once fails, so that it cannot become empty unnoticed.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

export interface Patch {
  readonly name: string;
  /** Below src. */
  readonly file: string;
  readonly original: string;
  readonly replacement: string;
}

export const patches: readonly Patch[] = [
  {
    name: 'no-compare-and-set',
    file: 'cache/redis-scripts.ts',
    original: 'if leaseTag ~= tag or leaseToken ~= token then return 0 end',
    replacement: '',
  },
  {
    name: 'no-fence',
    file: 'cache/redis-node.ts',
    original: "return role === 'master' && typeof generation === 'string' ? generation : undefined;",
    replacement: "return role === 'master' && typeof generation === 'string' ? 'the same for ever' : undefined;",
  },
  {
    name: 'no-time-lease',
    file: 'cache/time-lease.ts',
    original: 'return this.#now() < this.#until;',
    replacement: 'return this.#until > -Infinity;',
  },
];

const builds = resolve('.prove/patched');
/** What a program reads beside its code, found relative to it. */
const besides = ['schema', 'proto'];

/** Builds the gateway with the patch, and resolves with its script. @throws Error when it does not fit the source, or that does not compile. */
export async function buildPatched(patch: Patch): Promise<string> {
  const home = join(builds, patch.name);
  await rm(home, { recursive: true, force: true });
  await mkdir(home, { recursive: true });
  await Promise.all(['src', ...besides].map((folder) => cp(folder, join(home, folder), { recursive: true })));
  await apply(patch, join(home, 'src'));
  const compiler = resolve('node_modules/.bin/tsc');
  const flags = ['--rootDir', join(home, 'src'), '--outDir', join(home, 'dist')];
  await writeFile(join(home, 'tsconfig.json'), JSON.stringify({ extends: resolve('tsconfig.build.json'), include: ['src'] }));
  await promisify(execFile)(compiler, ['-p', join(home, 'tsconfig.json'), '--noUnusedLocals', 'false', '--noUnusedParameters', 'false', ...flags]);
  return join(home, 'dist/gateway/main.js');
}

async function apply({ name, file, original, replacement }: Patch, src: string): Promise<void> {
  const path = join(src, file);
  const source = await readFile(path, 'utf8');
  if (source.split(original).length !== 2) throw new Error(`the patch ${name} does not fit: its text must be in ${file} once`);
  await writeFile(path, source.replace(original, () => replacement));
}
