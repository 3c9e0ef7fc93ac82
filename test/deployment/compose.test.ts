/**
 * docker-compose.yml says what the code says: scripts, settings, addresses, ports, routes, and what must agree between services.
 * Needs no container engine; that the image's files are enough is image.test.ts.
 */
import { describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Program } from '../../src/runtime/setting-types.js';
import { readSettings, settingsEntries, type Settings } from '../../src/runtime/settings.js';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

const strings = z.array(z.string()).default([]);

/** Strict, so that a misspelt key is found. */
const serviceSchema = z.strictObject({
  image: z.string(),
  build: z.literal('.').optional(),
  entrypoint: strings,
  command: strings,
  hostname: z.string().optional(),
  environment: z.record(z.string(), z.string()).default({}),
  ports: strings,
  volumes: strings,
  tmpfs: strings,
  depends_on: z.record(z.string(), z.strictObject({ condition: z.enum(['service_healthy', 'service_completed_successfully']) })).default({}),
  healthcheck: z.strictObject({ test: strings, interval: z.string(), timeout: z.string(), start_period: z.string().optional() }).optional(),
  restart: z.enum(['unless-stopped', 'on-failure']),
  mem_limit: z.string(),
  init: z.boolean().default(false),
  stop_grace_period: z.string().default('10s'),
  read_only: z.boolean().default(false),
  cap_drop: strings,
  security_opt: strings,
  logging: z.strictObject({ driver: z.literal('local') }).optional(),
});
type Service = z.infer<typeof serviceSchema>;
const composeSchema = z.object({ services: z.record(z.string(), serviceSchema), volumes: z.record(z.string(), z.null()) });

/** `${NAME:-default}` as compose replaces it. @throws Error where a variable has no default. */
function interpolate(text: string, valueOf: (fallback: string) => string): string {
  return text.replace(/\$(?:\$|\{\w+:-(?<fallback>[^}]*)\})?/g, (whole, fallback: string | undefined) => {
    if (whole === '$$') return '$';
    if (fallback === undefined) throw new Error('a variable without a default');
    return valueOf(fallback);
  });
}

const compose = (valueOf: (fallback: string) => string): z.infer<typeof composeSchema> =>
  composeSchema.parse(parse(interpolate(read('docker-compose.yml'), valueOf), { merge: true }));

const { services, volumes } = compose((fallback) => fallback);

const service = (name: string): Service => {
  const found = services[name];
  if (!found) throw new Error(`there is no service ${name}`);
  return found;
};

const programs: Record<string, Program> = { 'dist/gateway/main.js': 'gateway', 'dist/media/main.js': 'media', 'dist/users/main.js': 'users' };

interface Ours extends Service {
  name: string;
  script: string;
  program: Program;
  settings: Settings;
}

/** The services that run a program of this package. */
const ours = Object.entries(services).flatMap(([name, entry]): Ours[] => {
  const [, script = ''] = entry.command;
  const program = programs[script];
  return entry.build && program ? [{ ...entry, name, script, program, settings: readSettings(entry.environment, [program]) }] : [];
});

const portsOfServers: Record<string, readonly number[]> = { redis: [6379], rabbitmq: [5672, 15672], postgres: [5432], minio: [9000, 9001] };

/** The ports that a service listens on, inside its container. */
function listening(name: string): readonly number[] {
  const entry = ours.find((one) => one.name === name);
  if (!entry) return portsOfServers[name] ?? [];
  const { PORT, MEDIA_GRPC_ADDR, MEDIA_HTTP_ADDR, USER_GRPC_ADDR } = entry.settings;
  return { gateway: [PORT], media: [MEDIA_GRPC_ADDR.port, MEDIA_HTTP_ADDR.port], users: [USER_GRPC_ADDR.port] }[entry.program];
}

const published = Object.entries(services).flatMap(([name, { ports }]) =>
  ports.map((text) => {
    const { address, outside, inside } = /^(?<address>[\d.]+):(?<outside>\d+):(?<inside>\d+)$/.exec(text)?.groups ?? {};
    return { name, address, outside: Number(outside), inside: Number(inside) };
  }),
);

const seconds = (text: string): number => Number(/^(\d+)s$/.exec(text)?.[1]);
const megabytes = (text = ''): number => Number(/^(\d+)mb?$/.exec(text)?.[1]);

describe('docker-compose.yml', () => {
  it('runs two gateways, a media service and a user service, each by node and the file that npm runs', () => {
    expect(ours.map(({ program }) => program).toSorted()).toEqual(['gateway', 'gateway', 'media', 'users']);
    expect(ours).toHaveLength(Object.values(services).filter(({ build }) => build).length);
    const { scripts } = z.object({ scripts: z.record(z.string(), z.string()) }).parse(JSON.parse(read('package.json')));
    const starts = Object.entries(scripts).flatMap(([name, command]) => (name.startsWith('start:') ? [command] : []));
    expect(new Set(ours.map(({ command }) => command.join(' ')))).toEqual(new Set(starts));
    for (const { script } of ours) expect(existsSync(new URL(script.replace(/^dist(.*)\.js$/, 'src$1.ts'), root))).toBe(true);
  });

  it('sets nothing that the program does not read, and what several instances must share', () => {
    for (const { name, program, environment } of ours) {
      const known = settingsEntries().flatMap(([setting, { programs: readers }]) => (readers.includes(program) ? [setting] : []));
      expect({ name, unread: Object.keys(environment).filter((setting) => !known.includes(setting)) }).toEqual({ name, unread: [] });
    }
    const shared: Record<Program, string[]> = {
      gateway: ['REDIS_ADDR', 'RABBITMQ_ADDR'],
      media: ['RABBITMQ_ADDR', 'MEDIA_DATABASE_URL', 'MEDIA_STORAGE_URL', 'MEDIA_URL_KEYS', 'MEDIA_PUBLIC_URL'],
      users: [],
    };
    for (const { program, environment } of ours) expect(Object.keys(environment)).toEqual(expect.arrayContaining(shared[program]));
  });

  it('lets every program listen on all addresses of its container, and points every address at a service that listens there', () => {
    for (const { program, settings } of ours) {
      const hosts = { gateway: [settings.HOST], media: [settings.MEDIA_GRPC_ADDR.host, settings.MEDIA_HTTP_ADDR.host], users: [settings.USER_GRPC_ADDR.host] };
      expect(new Set(hosts[program])).toEqual(new Set(['0.0.0.0']));
    }
    const pointed = ours.flatMap(({ program, settings: { MEDIA_SERVICE_ADDR, USER_SERVICE_ADDR, ...settings } }) => {
      const urls = [settings.RABBITMQ_ADDR, settings.MEDIA_DATABASE_URL, settings.S3_ENDPOINT].flatMap((url) => url ?? []);
      const targets = urls.map((url) => ({ host: new URL(url).hostname, port: Number(new URL(url).port) }));
      const { REDIS_ADDR: redis } = settings;
      if (redis?.kind === 'single') targets.push({ host: redis.host, port: redis.port });
      return program === 'gateway' ? [...targets, MEDIA_SERVICE_ADDR, USER_SERVICE_ADDR] : targets;
    });
    expect(new Set(pointed.map(({ host }) => host))).toEqual(new Set(['redis', 'rabbitmq', 'postgres', 'minio', 'media', 'users']));
    for (const { host, port } of pointed) expect(listening(host)).toContain(port);
  });

  it('publishes ports that are listened on, each once, to this machine only', () => {
    for (const { name, inside } of published) expect(listening(name)).toContain(inside);
    expect(new Set(published.map(({ outside }) => outside)).size).toBe(published.length);
    expect(new Set(published.map(({ address }) => address))).toEqual(new Set(['127.0.0.1']));
    expect(service('rabbitmq').image).toContain('management');
    expect(service('minio').command).toEqual(expect.arrayContaining(['--console-address', ':9001']));
    for (const { name } of ours.filter(({ program }) => program === 'gateway')) expect(published.map((port) => port.name)).toContain(name);
  });

  it('opens no port of a server to other machines, whatever the variables say', () => {
    const servers = Object.entries(compose(() => '0.0.0.0').services).filter(([, { build }]) => !build);
    expect(servers.flatMap(([, { ports }]) => ports).length).toBeGreaterThan(0);
    for (const [, { ports }] of servers) for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('gives browsers URLs of bytes that lead to the media service', () => {
    for (const { name, settings } of ours.filter(({ program }) => program === 'media')) {
      const { hostname, port } = new URL(settings.MEDIA_PUBLIC_URL ?? '');
      expect(['localhost', '127.0.0.1']).toContain(hostname);
      expect(published).toContainEqual({ name, address: '127.0.0.1', outside: Number(port), inside: settings.MEDIA_HTTP_ADDR.port });
    }
  });

  it('checks the health of every service that stays, ours at a port and a route that they have', () => {
    for (const [name, { healthcheck, restart }] of Object.entries(services)) {
      expect({ name, checked: healthcheck !== undefined }).toEqual({ name, checked: restart === 'unless-stopped' });
    }
    for (const { name, program, healthcheck } of ours) {
      const { test: [kind, command, script = '', target = ''] = [], timeout = '' } = healthcheck ?? {};
      expect([kind, command, existsSync(new URL(script, root))]).toEqual(['CMD', 'node', true]);
      const { protocol, hostname, port, pathname } = new URL(target);
      expect([hostname, listening(name).includes(Number(port))]).toEqual(['127.0.0.1', true]);
      expect(seconds(timeout)).toBeGreaterThanOrEqual(3);
      if (protocol === 'grpc:') expect(program).toBe('users');
      else expect(routesOf(program)).toContain(pathname);
    }
  });

  it('waits only for what a start needs, and only for what can become ready', () => {
    const waits = Object.entries(services).flatMap(([name, { depends_on }]) => Object.entries(depends_on).map(([on, { condition }]) => ({ name, on, condition })));
    for (const { on, condition } of waits) expect(condition === 'service_healthy' && service(on).healthcheck).toBeTruthy();
    expect(waits.map(({ name, on }) => `${name} → ${on}`).toSorted()).toEqual(['media → postgres', 'minio-bucket → minio']);
  });

  it('bounds the memory of every service, and lets our programs end by themselves, without rights that they do not need', () => {
    for (const { mem_limit } of Object.values(services)) expect(megabytes(mem_limit)).toBeGreaterThan(0);
    for (const { init, stop_grace_period, read_only, cap_drop, security_opt } of ours) {
      expect({ init, read_only, cap_drop, security_opt }).toEqual({ init: true, read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
      expect(seconds(stop_grace_period)).toBeGreaterThan(10);
    }
  });

  it('keeps what must last in volumes, and the cache in bounded memory', () => {
    const mounted = Object.entries(services).flatMap(([name, entry]) => entry.volumes.map((volume) => ({ name, volume: volume.split(':')[0] ?? '' })));
    expect(mounted.map(({ name }) => name).toSorted()).toEqual(['minio', 'postgres', 'rabbitmq']);
    expect(mounted.map(({ volume }) => volume).toSorted()).toEqual(Object.keys(volumes).toSorted());
    expect(service('rabbitmq').hostname).toBe('rabbitmq');

    const { command, mem_limit } = service('redis');
    const option = (name: string): string | undefined => command[command.indexOf(`--${name}`) + 1];
    expect([option('maxmemory-policy'), option('save'), option('appendonly')]).toEqual(['allkeys-lru', '', 'no']);
    expect(megabytes(option('maxmemory'))).toBeLessThan(megabytes(mem_limit));
  });

  it('gives clients the names and passwords that the servers are given, and the bucket that is made', () => {
    const [media] = ours.filter(({ program }) => program === 'media');
    const { MEDIA_DATABASE_URL = '', MEDIA_STORAGE_URL = '', S3_ENDPOINT = '', AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = media?.environment ?? {};
    const database = new URL(MEDIA_DATABASE_URL);
    expect(service('postgres').environment).toEqual({ POSTGRES_USER: database.username, POSTGRES_PASSWORD: database.password, POSTGRES_DB: database.pathname.slice(1) });
    for (const { environment } of ours.filter(({ program }) => program !== 'users')) {
      const { username, password } = new URL(environment['RABBITMQ_ADDR'] ?? '');
      expect(service('rabbitmq').environment).toEqual({ RABBITMQ_DEFAULT_USER: username, RABBITMQ_DEFAULT_PASS: password });
    }
    expect(service('minio').environment).toEqual({ MINIO_ROOT_USER: AWS_ACCESS_KEY_ID, MINIO_ROOT_PASSWORD: AWS_SECRET_ACCESS_KEY });
    const { hostname: bucket, pathname: prefix } = new URL(MEDIA_STORAGE_URL);
    const { environment, command } = service('minio-bucket');
    const store = new URL(environment['MC_HOST_store'] ?? '');
    expect([store.username, store.password, store.origin]).toEqual([AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, S3_ENDPOINT]);
    const [script = ''] = command;
    expect(script).toContain(`mc mb --ignore-existing store/${bucket}\n`);
    const [, rules = '', ruled] = /echo '(.+)' \| mc ilm rule import store\/(\S+)\n/.exec(script) ?? [];
    expect(ruled).toBe(bucket);
    expect(JSON.parse(rules)).toMatchObject({ Rules: [{ Status: 'Enabled', Filter: { Prefix: `${prefix.slice(1)}/tmp/` }, Expiration: { Days: 1 } }] });
    expect(read('src/media/bytes/s3-blob-store.ts')).toMatch(/`tmp\/\$\{randomUUID/);
  });

  it('has no secret of its own: each is a variable, and its default says that it is for a demo', () => {
    const replaced = compose((fallback) => `replaced-${fallback.length}`).services;
    const secrets = Object.entries(services).flatMap(([name, { environment }]) =>
      Object.entries(environment).flatMap(([variable, value]) => {
        const secret = /PASS|SECRET|KEYS/.test(variable) ? value : /:\/\/[^/@]+:(?<password>[^/@]+)@/.exec(value)?.groups?.['password'];
        return secret === undefined ? [] : [{ secret, replacement: replaced[name]?.environment[variable] }];
      }),
    );
    expect(secrets.length).toBeGreaterThanOrEqual(8);
    for (const { secret, replacement } of secrets) {
      expect(secret).toContain('demo');
      expect(replacement).toContain('replaced-');
      expect(replacement).not.toContain('demo');
    }
  });
});

/** The routes in the files of a program's room, as Fastify is told them. */
function routesOf(program: Program): string[] {
  const files = readdirSync(new URL(`src/${program}`, root), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const sources = files.map((file) => read(`src/${program}/${file}`));
  return sources.flatMap((source) => [...source.matchAll(/\.get\('(?<path>\/[^']*)'/g)].flatMap(({ groups }) => groups?.['path'] ?? []));
}
