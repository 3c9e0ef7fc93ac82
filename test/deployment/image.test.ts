/** The Dockerfile against the code: what it copies exists and is enough to build, start and check each program. Needs no container engine. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { startProcess, type RunningProcess } from '../support/processes.js';
import { tempDir, type TempDir } from '../support/wait.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const manifest = z
  .object({ type: z.literal('module'), engines: z.object({ node: z.string() }), dependencies: z.record(z.string(), z.string()) })
  .parse(JSON.parse(read('package.json')));

interface Instruction {
  name: string;
  rest: string;
}

/** The instructions of each stage, its FROM the first. */
const stages: Instruction[][] = [];
for (const [, name = '', rest = ''] of read('Dockerfile').matchAll(/^([A-Z]+) (.+)$/gm)) {
  if (name === 'FROM') stages.push([]);
  stages.at(-1)?.push({ name, rest });
}
const [build = [], image = []] = stages;
const restsOf = (stage: readonly Instruction[], name: string): string[] => stage.filter((instruction) => instruction.name === name).map(({ rest }) => rest);

interface Copy {
  fromBuild: boolean;
  sources: string[];
  target: string;
}

function copiesOf(stage: readonly Instruction[]): Copy[] {
  return restsOf(stage, 'COPY').map((rest) => {
    const words = rest.split(' ').filter((word) => word !== '--from=build');
    return { fromBuild: rest.startsWith('--from=build '), sources: words.slice(0, -1).map((word) => word.replace(/^\/app\//, '')), target: words.at(-1) ?? '' };
  });
}

/** Of the build context: the last line of .dockerignore that matches a path decides. */
function isIgnored(path: string): boolean {
  const lines = read('.dockerignore').split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.reduce((ignored, line) => {
    const pattern = line.replace(/^!/, '');
    const matches = pattern === '**' || path === pattern || path.startsWith(`${pattern}/`);
    return matches ? !line.startsWith('!') : ignored;
  }, false);
}

const sourceFiles = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

describe('the Dockerfile', () => {
  it('builds with one Node that package.json allows, and runs on the same', () => {
    expect(stages).toHaveLength(2);
    const [node, same] = stages.map((stage) => stage[0]?.rest.split(' ')[0]);
    expect(node).toBe(same);
    const [major = 0, minor = 0] = (/^node:(\d+(?:\.\d+)?)/.exec(node ?? '')?.[1] ?? '').split('.').map(Number);
    const [least = 0, leastMinor = 0] = (/^>=(\d+\.\d+)$/.exec(manifest.engines.node)?.[1] ?? '').split('.').map(Number);
    expect(least).toBeGreaterThan(0);
    expect(major > least || (major === least && minor >= leastMinor)).toBe(true);
  });

  it('copies what exists and .dockerignore lets through, and nothing that a developer has lying about', () => {
    const fromContext = [...copiesOf(build), ...copiesOf(image).filter(({ fromBuild }) => !fromBuild)].flatMap(({ sources }) => sources);
    expect(fromContext.length).toBeGreaterThan(5);
    expect(fromContext.filter((path) => !existsSync(join(root, path)) || isIgnored(path))).toEqual([]);
    expect(['.git', '.env', 'data', 'node_modules', 'dist', 'test'].filter((path) => !isIgnored(path))).toEqual([]);
  });

  it('builds by the scripts and files that npm uses, and leaves the development dependencies behind', () => {
    const commands = restsOf(build, 'RUN').join(' && ').split(' && ');
    expect(commands.map((command) => command.split(' --')[0])).toEqual(['npm ci', 'npm run build', 'npm prune']);
    expect(commands.at(-1)).toBe('npm prune --omit=dev');
    const built = copiesOf(build).flatMap(({ sources }) => sources);
    expect(built).toEqual(expect.arrayContaining(['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'src']));
    expect(restsOf(image, 'RUN')).toEqual([]);
  });

  it('has every dependency that the source imports among those that stay', () => {
    const imported = sourceFiles.flatMap((file) => {
      const source = read(`src/${file}`);
      const fixed = [...source.matchAll(/^(?:import|export) (?!type )[^;]*?from '(?<name>[^'.][^']*)';/gms)];
      return [...fixed, ...source.matchAll(/import\('(?<name>[^'.][^']*)'\)/g)].flatMap(({ groups }) => groups?.['name'] ?? []);
    });
    const packages = new Set(imported.filter((name) => !name.startsWith('node:')).map((name) => /^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0]));
    expect(packages.size).toBeGreaterThan(10);
    expect(Object.keys(manifest.dependencies)).toEqual(expect.arrayContaining([...packages]));
  });

  it('copies every folder of the package that the source reads', () => {
    const reads = sourceFiles.flatMap((file) => {
      const up = '../'.repeat(file.split('/').length);
      return [...read(`src/${file}`).matchAll(/new URL\('(?<path>(?:\.\.\/)+[^']*)'/g)].flatMap(({ groups }) => groups?.['path']?.split(up)[1]?.replace(/\/$/, '') ?? []);
    });
    expect(reads).toEqual(expect.arrayContaining(['schema', 'proto']));
    expect(copiesOf(image).flatMap(({ sources }) => sources)).toEqual(expect.arrayContaining([...new Set(reads), 'package.json']));
  });

  it('runs node itself, as a user without rights', () => {
    expect(restsOf(image, 'USER')).toEqual(['node']);
    expect(restsOf(image, 'CMD').concat(restsOf(image, 'ENTRYPOINT'))).toEqual([expect.stringMatching(/^\["node", "dist\/.+\.js"\]$/)]);
  });
});

/** The image's files in a directory of the test: its own copies, the dependencies by a link. */
describe('the files of the image', () => {
  let app: TempDir;
  let data: TempDir;

  beforeAll(async () => {
    [app, data] = await Promise.all([tempDir('image'), tempDir('image-data')]);
    for (const { sources, target } of copiesOf(image)) {
      for (const source of sources) {
        const to = join(app.path, target === './' ? source : target);
        mkdirSync(dirname(to), { recursive: true });
        if (source === 'node_modules') symlinkSync(join(root, source), to);
        else cpSync(join(root, source), to, { recursive: true });
      }
    }
  });
  afterAll(async () => {
    await Promise.all([app.remove(), data.remove()]);
  });

  const node = (args: readonly string[], env: Record<string, string> = {}): Promise<RunningProcess> =>
    startProcess({ command: process.execPath, args, env, cwd: app.path });
  const healthCheck = async (url: string): Promise<number | null> => (await (await node(['ops/healthcheck.js', url])).exited).code;

  const readyLine = z.object({ graphql: z.url().optional(), http: z.url().optional(), grpc: z.object({ host: z.string(), port: z.number() }).optional() });

  it.each([
    ['gateway', { PORT: '0' }, /gateway is ready/],
    ['media', { MEDIA_GRPC_ADDR: '127.0.0.1:0', MEDIA_HTTP_ADDR: '127.0.0.1:0' }, /media service is ready/],
    ['users', { USER_GRPC_ADDR: '127.0.0.1:0' }, /user service is ready/],
  ])('are enough to start the program %s, whose health check passes while it runs, and only then', async (name, env, ready) => {
    const program = await node([`dist/${name}/main.js`], { ...env, DATA_DIR: data.path });
    try {
      const { graphql, http, grpc } = readyLine.parse(JSON.parse(await program.waitForLine(ready)));
      const base = graphql ?? http;
      const url = base ? new URL('/readyz', base).href : `grpc://${grpc?.host}:${grpc?.port}`;
      expect(await healthCheck(url)).toBe(0);
      if (base) expect(await healthCheck(new URL('/nothing', base).href)).toBe(1);
      expect(await program.stop()).toEqual({ code: 0, signal: null });
      expect(await healthCheck(url)).toBe(1);
    } finally {
      await program.stop();
    }
  });
});
