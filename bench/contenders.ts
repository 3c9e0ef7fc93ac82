/** Who is measured: a script, its settings, and what it can do. Each runs as a process of its own. */
import { z } from 'zod';
import { startProcess, type RunningProcess } from '../test/support/processes.js';
import type { Machine } from './machine.js';
import { compiled, root } from './places.js';
import type { Services } from './services.js';

export interface Contender {
  /** For `--contender`. */
  readonly name: string;
  /** For the tables. */
  readonly title: string;
  readonly kind: 'ours' | 'peer' | 'floor' | 'bare';
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  /** Whether a change of media ends what it has cached. */
  readonly invalidates: boolean;
  /** Whether it keeps anything that is worth filling beforehand. */
  readonly caches: boolean;
  /** Default true. Part of `--quick`. */
  readonly quick?: boolean;
  /** Default false. Runs on all cores, beside the load: asked only how it scales. */
  readonly onAllCores?: boolean;
}

const product = `${root}dist/gateway/main.js`;

const ours = { kind: 'ours', script: product, invalidates: true, caches: true } as const;
const peer = { kind: 'peer', invalidates: true, caches: true } as const;

export const contenders: readonly Contender[] = [
  { ...ours, name: 'ours', title: 'ours', env: {} },
  { ...ours, name: 'ours-l1-off', title: 'ours, in-process tier off', env: { CACHE_L1: 'off' } },
  { ...ours, name: 'ours-1-worker', title: 'ours, one process', env: {}, onAllCores: true },
  { ...ours, name: 'ours-2-workers', title: 'ours, WORKERS=2', env: { WORKERS: '2' }, onAllCores: true },
  { ...ours, name: 'ours-no-cache', title: 'ours, no cache', env: { REDIS_ADDR: '' }, caches: false, quick: false },
  { ...peer, name: 'seeds', title: "the seeds' design on Apollo", script: compiled('contenders/seeds.ts'), env: {} },
  { ...peer, name: 'apollo-response-cache', title: 'Apollo + response cache, Redis', script: compiled('contenders/apollo-response-cache.ts'), env: {}, invalidates: false },
  { ...peer, name: 'mercurius-redis', title: 'Mercurius + JIT + mercurius-cache, Redis', script: compiled('contenders/mercurius.ts'), env: { CACHE: 'redis' } },
  { ...peer, name: 'mercurius-memory', title: 'Mercurius + JIT + mercurius-cache, memory', script: compiled('contenders/mercurius.ts'), env: { CACHE: 'memory' }, quick: false },
  { ...peer, name: 'yoga-redis', title: 'Yoga + response cache, Redis', script: compiled('contenders/yoga.ts'), env: { CACHE: 'redis' } },
  { ...peer, name: 'yoga-memory', title: 'Yoga + response cache, memory', script: compiled('contenders/yoga.ts'), env: { CACHE: 'memory' }, quick: false },
  { name: 'floor', title: 'floor: bare node:http, data in memory', kind: 'floor', script: compiled('contenders/floor.ts'), env: {}, invalidates: false, caches: true },
  { name: 'bare-miss', title: 'bare node:http, one call, two Redis trips', kind: 'bare', script: compiled('contenders/bare-miss.ts'), env: {}, invalidates: false, caches: false },
];

export interface RunningContender {
  /** Of its GraphQL endpoint. */
  readonly url: string;
  readonly process: RunningProcess;
}

const readyLine = /"graphql":/;
const ready = z.object({ graphql: z.url() });

/** @throws Error with its last lines when it does not get ready. */
export async function startContender(contender: Contender, { services, machine, nodeArgs }: { services: Services; machine: Machine; nodeArgs: readonly string[] }): Promise<RunningContender> {
  const { command, args } = machine.gatewayCommand(contender.onAllCores ?? false);
  const process = await startProcess({
    command,
    args: [...args, ...nodeArgs, contender.script],
    env: { ...services.env, PORT: '0', ...contender.env },
    readyWhen: readyLine,
  });
  return { url: ready.parse(JSON.parse(await process.waitForLine(readyLine))).graphql, process };
}
