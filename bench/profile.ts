/**
 * `npm run profile -- FILE.cpuprofile…` in bench/: where the time of a gateway went, from a profile that `npm run bench -- --profile DIR` has
 * written. Self time by function and by phase, without the time in which the process had nothing to do, and without the first third: start
 * and warming up.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const callFrame = z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() });
const profile = z.object({
  nodes: z.array(z.object({ id: z.number(), callFrame, children: z.array(z.number()).default([]) })),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
});
type Profile = z.infer<typeof profile>;
type Frame = z.infer<typeof callFrame>;

const shownFunctions = 15;
const idle = new Set(['(idle)', '(program)', '(root)']);

/** Has the time of all that it calls, too: it shares the visitor of GraphQL with the validation. */
const limits = { name: 'complexity and variables', matches: ({ url }: Frame) => /query-limits|graphql-query-complexity/.test(url) };

/** The first that matches a function, or else its nearest caller that one matches, has its time. */
const phases: readonly { name: string; matches: (frame: Frame) => boolean }[] = [
  { name: 'garbage collection', matches: ({ functionName }) => functionName === '(garbage collector)' },
  { name: 'parsing and validation of GraphQL', matches: ({ url }) => /graphql\/(?:language|validation)\/|parseDocument/.test(url) },
  { name: 'resolvers, loaders and users', matches: ({ url }) => /dist\/gateway\/(?:.*resolvers|media-directive|request-context|arguments|user-client|explain)|dataloader/.test(url) },
  { name: 'cache: copies, keys, metrics', matches: ({ url }) => /dist\/(?:cache|gateway\/(?:media-reader|metrics|policy))|lru-cache|prom-client/.test(url) },
  { name: 'Redis', matches: ({ url }) => /ioredis|redis-parser|@ioredis/.test(url) },
  { name: 'gRPC and events', matches: ({ url }) => /grpc|protobufjs|amqplib|dist\/messaging/.test(url) },
  { name: 'execution of GraphQL', matches: ({ url }) => /graphql\/(?:execution|type|utilities|jsutils|error)\/|graphql-tools/.test(url) },
  { name: 'serialisation', matches: ({ functionName, url }) => functionName === 'stringify' || /prettyJSONStringify|fast-json-stringify/.test(functionName + url) },
  { name: 'Apollo Server', matches: ({ url }) => /@apollo\/|as-integrations/.test(url) },
  { name: 'Fastify and its parsers', matches: ({ url }) => /fastify|find-my-way|secure-json-parse|fast-content-type|light-my|avvio|dist\/gateway\/http-server|dist\/gateway\/multipart/.test(url) },
  { name: 'node: HTTP, sockets, streams', matches: ({ url }) => /^node:(?!internal\/crypto|crypto)/.test(url) },
];

for (const file of process.argv.slice(2)) process.stdout.write(`${describe(file, profile.parse(JSON.parse(readFileSync(file, 'utf8'))))}\n`);

function describe(file: string, { nodes, samples, timeDeltas }: Profile): string {
  const parents = new Map(nodes.flatMap(({ id, children }) => children.map((child) => [child, id] as const)));
  const frames = new Map(nodes.map((node) => [node.id, node.callFrame]));
  const byFunction = new Map<string, number>();
  const byPhase = new Map<string, number>();
  let total = 0;
  const begin = timeDeltas.reduce((sum, micros) => sum + micros, 0) / 3;
  let at = 0;
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id);
    const micros = timeDeltas[index] ?? 0;
    at += micros;
    if (at < begin || !frame || idle.has(frame.functionName)) continue;
    total += micros;
    add(byFunction, `${frame.functionName || '(anonymous)'} ${placeOf(frame)}`, micros);
    add(byPhase, phaseOf(id, frames, parents), micros);
  }
  const table = (times: Map<string, number>, rows: number): string =>
    [...times]
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, rows)
      .map(([name, micros]) => `${((micros / total) * 100).toFixed(1).padStart(6)} %  ${name}`)
      .join('\n');
  return `${file}: ${(total / 1e6).toFixed(1)} s of work\n\nby phase\n${table(byPhase, phases.length + 2)}\n\nby function, self time\n${table(byFunction, shownFunctions)}\n`;
}

function phaseOf(id: number, frames: ReadonlyMap<number, Frame>, parents: ReadonlyMap<number, number>): string {
  const stack: Frame[] = [];
  for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) stack.push(...[frames.get(at)].filter((frame) => frame !== undefined));
  if (stack.some(limits.matches)) return limits.name;
  const [first] = stack.flatMap((frame) => phases.find(({ matches }) => matches(frame)) ?? []);
  return first?.name ?? 'other';
}

function placeOf({ url, lineNumber }: Frame): string {
  return url ? `${url.replace(/^.*\/node_modules\//, '').replace(/^.*\/dist\//, 'dist/')}:${lineNumber + 1}` : '';
}

function add(times: Map<string, number>, name: string, micros: number): void {
  times.set(name, (times.get(name) ?? 0) + micros);
}
