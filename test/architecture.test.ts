/** The walls between the rooms of src: who may import whom, which library lives where, and that nothing goes round in circles. */
import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const src = fileURLToPath(new URL('../src', import.meta.url));

/** Per room, the rooms it may import besides itself. `main.ts` knows all. */
const mayImport: Record<string, readonly string[]> = {
  gateway: ['cache', 'contract', 'messaging', 'runtime'],
  media: ['contract', 'messaging', 'runtime'],
  users: ['contract', 'runtime'],
  // Of the media service its contracts: what a provider is, and how an import fails.
  providers: ['media', 'contract', 'runtime'],
  cache: ['runtime'],
  messaging: ['runtime'],
  contract: [],
  runtime: [],
};

/** What begins a program of the media service hands it the providers. */
const providersOfAll = 'providers/providers.ts';
const providerContract: readonly string[] = [
  'media/import/provider.ts',
  'media/import/provider-call.ts',
  'media/import/import-failure.ts',
  'media/messages/message.ts',
  'media/templates/template-channel.ts',
  'media/templates/send-failure.ts',
];

/** Per library, the files that may import it; a folder stands for all in it. Types alone may be imported by the neighbours that are passed them. */
const homes: Record<string, readonly string[]> = {
  ioredis: ['runtime/redis.ts', 'cache/script-call.ts'],
  amqplib: ['messaging'],
  fastify: ['gateway/http-server.ts', 'media/http/http-server.ts'],
  '@apollo/server': ['gateway/apollo.ts'],
  '@as-integrations/fastify': ['gateway/apollo.ts', 'gateway/graphql-routes.ts'],
  '@grpc/grpc-js': ['contract', 'runtime/flow-control.ts', 'runtime/grpc.ts', 'gateway/media-client.ts', 'media/grpc-server.ts', 'media/media-service.ts', 'users/users-service.ts'],
  kysely: ['media'],
  libsql: ['media/rows/sqlite-database.ts'],
  pg: ['media/rows/postgres-database.ts'],
  '@aws-sdk/client-s3': ['media/bytes/s3-blob-store.ts'],
  '@aws-sdk/lib-storage': ['media/bytes/s3-blob-store.ts'],
  'prom-client': ['gateway/metrics.ts', 'gateway/workers/metrics-of-all.ts', 'media/metrics.ts'],
  sharp: ['media/conversions/convert-main.ts'],
};

interface Import {
  from: string;
  to: string;
  typeOnly: boolean;
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts') && !file.includes('generated'));
const sources = new Map(files.map((file) => [file, readFileSync(join(src, file), 'utf8')]));
const imports = [...sources].flatMap(([from, source]) =>
  [...source.matchAll(/^(?:import|export) (?<type>type )?[^;]*?from '(?<to>[^']+)';/gms)].map(({ groups }): Import => {
    const to = groups?.to ?? '';
    return { from, to: to.startsWith('.') ? relative(src, join(src, dirname(from), to)).replace(/\.js$/, '.ts') : to, typeOnly: groups?.type !== undefined };
  }),
);
const roomOf = (file: string): string => file.split('/')[0] ?? '';

describe('the rooms of src', () => {
  it('keep to their walls', () => {
    const inside = imports.filter(({ from, to }) => from.includes('/') && sources.has(to) && roomOf(from) !== roomOf(to));
    expect(inside.length).toBeGreaterThan(30);
    const crossing = inside.filter(({ from, to }) => !(mayImport[roomOf(from)] ?? []).includes(roomOf(to)) && !(from.endsWith('/main.ts') && to === providersOfAll));
    expect(crossing).toEqual([]);
  });

  it('let a provider see nothing of the media service but what a provider is', () => {
    const seen = imports.filter(({ from, to }) => roomOf(from) === 'providers' && roomOf(to) === 'media').map(({ to }) => to);
    expect(seen.filter((file) => !providerContract.includes(file))).toEqual([]);
  });

  it('keep each library in its place', () => {
    const misplaced = imports.filter(({ from, to, typeOnly }) => {
      const library = Object.keys(homes).find((name) => to === name || to.startsWith(`${name}/`));
      return library !== undefined && !typeOnly && !(homes[library] ?? []).some((home) => from === home || roomOf(from) === home);
    });
    expect(misplaced).toEqual([]);
  });

  it('have no cycles', () => {
    const importsOf = (file: string): string[] => imports.filter(({ from, to }) => from === file && sources.has(to)).map(({ to }) => to);
    const finished = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) throw new Error(`a cycle: ${[...path.slice(path.indexOf(file)), file].join(' → ')}`);
      if (finished.has(file)) return;
      for (const next of importsOf(file)) visit(next, [...path, file]);
      finished.add(file);
    };
    for (const file of files) visit(file, []);
    expect(finished.size).toBe(files.length);
  });

  it('read the environment, and write to the console, only where a program starts', () => {
    const careless = [...sources].filter(([file, source]) => !file.endsWith('main.ts') && /\bprocess\.env\b|\bconsole\./.test(source)).map(([file]) => file);
    expect(careless).toEqual([]);
  });

  it('have no file that tells more than one story', () => {
    const long = [...sources].filter(([, source]) => source.split('\n').length > 300).map(([file]) => file);
    expect(long).toEqual([]);
  });
});
