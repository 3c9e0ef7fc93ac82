/** The settings: what each accepts and refuses, by whom it is read, and what the programs say to an operator. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { formatHostPort, hostPort, type Program } from '../../src/runtime/setting-types.js';
import { readSettings, settingsEntries, SettingsError, usable, type SettingName, type Settings } from '../../src/runtime/settings.js';
import { startProcess, type RunningProcess } from '../support/processes.js';
import { tempDir, type TempDir } from '../support/wait.js';

const everyProgram: readonly Program[] = ['gateway', 'media', 'users'];
const read = (env: Record<string, string>, programs = everyProgram): Settings => readSettings(env, programs);

/** What the operator is told about a value. */
function refusal(env: Record<string, string>): string {
  try {
    read(env);
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
  return 'accepted';
}

const notWholeNumbers = ['-1', '+5', '5.0', '1e3', '0x10', ' 5', '5 ', '5,000', 'many', '٣', 'NaN', 'Infinity'];
const wholeNumbers = (min: number, max: number): string[] => [
  String(min - 1),
  String(max + 1),
  '9'.repeat(40),
  ...notWholeNumbers,
];
const notHostPort = ['localhost', ':80', 'h:', 'h:65536', 'h:-1', 'h:80/', 'h:80:80', '::1:80', '[::1]', '[x]:80', 'u@h:80', 'http://h:80', 'a b:80', 'h: 80'];
const notHttp = ['h', 'h:80', '//h', 'ftp://h', 'http://', 'http//h', 'http://h:99999', 'http://h/?x=1', 'http://h/#x'];
const secret = 'hunter2hunter2hunter2';

/** Values that no start may go on with. Empty: any text will do. */
const unusable: Record<SettingName, readonly string[]> = {
  HOST: [],
  PORT: wholeNumbers(0, 65_535),
  WORKERS: wholeNumbers(1, 64),
  LOG_LEVEL: ['loud', 'INFO', ' info', 'info,warn'],
  DATA_DIR: [],
  REDIS_ADDR: ['localhost', `http://:${secret}@h:6379`, 'h:99999', ':6379', 'h:port'],
  REDIS_COMMAND_TIMEOUT_MS: wholeNumbers(1, 60_000),
  RABBITMQ_ADDR: ['localhost:5672', 'amqp:rabbitmq', 'amqp://', `http://u:${secret}@h`, 'amqp', '//h'],
  MEDIA_EVENTS_EXCHANGE: ['x'.repeat(256)],
  EVENTS_QUEUE_PREFIX: ['x'.repeat(201)],
  MEDIA_SERVICE_ADDR: [...notHostPort, 'h:0'],
  USER_SERVICE_ADDR: [...notHostPort, 'h:0'],
  MEDIA_GRPC_ADDR: notHostPort,
  USER_GRPC_ADDR: notHostPort,
  MEDIA_HTTP_ADDR: notHostPort,
  MEDIA_PUBLIC_URL: notHttp,
  MEDIA_URL_KEYS: [secret, `:${secret}`, 'k1:', `k1:${secret},`, `k1:${secret},k2`, `k1:${secret},,k2:${secret}`, `k1:${secret},k1:other-${secret}`, `k 1:${secret}`, `${'k'.repeat(33)}:${secret}`],
  MEDIA_DATABASE_URL: ['media.db', `mysql://u:${secret}@h/media`, '/var/media.db', 'postgres:media', 'file:', 'file:///'],
  MEDIA_STORAGE_URL: ['bucket', `https://u:${secret}@h/bucket`, './blobs', 's3:bucket', 's3:///prefix', 'file://'],
  S3_ENDPOINT: notHttp,
  AWS_REGION: [],
  AWS_ACCESS_KEY_ID: [],
  AWS_SECRET_ACCESS_KEY: [],
  UPLOAD_MAX_BYTES: wholeNumbers(1, 2_147_483_647),
  MEDIA_COLLECTIONS: ['x'.repeat(4_097)],
  MEDIA_ADMIN_TOKEN: ['x'.repeat(4_097)],
  MEDIA_CLEANUP_AT: ['3', '3:5', '24:00', '03:60', '3.00', '03:00:00', '3am', ' 03:00', '-1:00', '030:00'],
  MEDIA_ORPHAN_GRACE_SECONDS: wholeNumbers(60, 31_536_000),
  MEDIA_CACHE_DAYS: wholeNumbers(0, 3_650),
  MEDIA_SCRUB_DAYS: wholeNumbers(0, 3_650),
  MEDIA_IMPORT_ALLOWED_HOSTS: [',', 'a,', 'a,,b', 'a b', 'https://h', 'h/path', 'h:', 'h:port', 'h:123456', 'u@h', '::1', '[::1', '[x]'],
  MEDIA_IMPORT_CONCURRENCY: wholeNumbers(1, 1_000),
  MEDIA_EXPIRATION_HOURS: wholeNumbers(1, 87_600),
  BASE_BACKOFF_SECONDS: wholeNumbers(0, 3_600),
  FAILED_MEDIA_TTL: wholeNumbers(0, 31_536_000),
  FAILED_MEDIA_TRANSIENT_TTL: wholeNumbers(0, 86_400),
  META_ACCESS_TOKEN: [],
  WA_APP_SECRET: [],
  WA_VERIFY_TOKEN: [],
  GRAPH_BASE_URL: notHttp,
  GRAPH_API_VERSION: ['23', 'v23', '23.0', 'v23.0/x', 'latest'],
  WA_MEDIA_HOSTS: ['https://h', 'h/path', 'a b'],
  META_PHONE_NUMBER_ID: [],
  WA_MEDIA_REFRESH_CODES: ['all', '131053;131005', '-1', '1,,2', '1.5'],
  WA_MEDIA_REFRESH_PATTERNS: ['(', '[a', '*'],
  MESSAGE_TEMPLATES: ['x'.repeat(4_097)],
  CACHE_TTL_SECONDS: wholeNumbers(1, 31_536_000),
  CACHE_NEGATIVE_TTL_SECONDS: wholeNumbers(1, 31_536_000),
  CACHE_STALE_IF_ERROR_SECONDS: wholeNumbers(0, 31_536_000),
  CACHE_L1: ['yes', 'ON', 'true'],
  CACHE_L1_MAX_MB: wholeNumbers(2, 65_536),
  CACHE_L1_LEASE_MS: wholeNumbers(10, 60_000),
  CACHE_LEASE_MS: wholeNumbers(10, 600_000),
  CACHE_UNSYNCED_MAX_AGE_SECONDS: wholeNumbers(0, 31_536_000),
  CACHE_KEY_PREFIX: ['a b', '{mg}', 'x'.repeat(65), ' ', 'mg\n'],
  ORIGIN_MAX_CONCURRENCY: wholeNumbers(1, 100_000),
  EXPLAIN_TOKEN: [],
  USER_CACHE_TTL_SECONDS: wholeNumbers(0, 86_400),
  GRPC_TLS_CA: ['/nowhere/ca.pem', '/', 'package.json'],
  GRPC_TLS_CERT: ['/nowhere/cert.pem', '/', 'package.json'],
  GRPC_TLS_KEY: ['/nowhere/key.pem', '/', 'package.json'],
};

const refused = Object.entries(unusable).flatMap(([name, values]) => values.map((value): [string, string] => [name, value]));

/** Values at the edges of what is allowed, and what they mean. */
const understood: [SettingName, string, unknown][] = [
  ['HOST', '::1', '::1'],
  ['PORT', '0', 0],
  ['PORT', '65535', 65_535],
  ['PORT', '008080', 8080],
  ['LOG_LEVEL', 'silent', 'silent'],
  ['REDIS_ADDR', 'localhost:6379', { kind: 'single', host: 'localhost', port: 6379, username: undefined, password: undefined, db: 0, tls: false }],
  ['REDIS_ADDR', `rediss://u:${secret}@h:6380/2`, { kind: 'single', host: 'h', port: 6380, username: 'u', password: secret, db: 2, tls: true }],
  ['REDIS_COMMAND_TIMEOUT_MS', '1', 1],
  ['REDIS_COMMAND_TIMEOUT_MS', '60000', 60_000],
  ['RABBITMQ_ADDR', 'amqp://guest:guest@localhost:5672/', 'amqp://guest:guest@localhost:5672/'],
  ['RABBITMQ_ADDR', 'amqps://h', 'amqps://h'],
  ['MEDIA_EVENTS_EXCHANGE', 'x'.repeat(255), 'x'.repeat(255)],
  ['EVENTS_QUEUE_PREFIX', 'x'.repeat(200), 'x'.repeat(200)],
  ['MEDIA_SERVICE_ADDR', 'media.internal:50056', { host: 'media.internal', port: 50_056 }],
  ['MEDIA_GRPC_ADDR', '[::]:0', { host: '[::]', port: 0 }],
  ['USER_GRPC_ADDR', '0.0.0.0:65535', { host: '0.0.0.0', port: 65_535 }],
  ['MEDIA_PUBLIC_URL', 'https://files.example.org/media//', 'https://files.example.org/media'],
  ['MEDIA_URL_KEYS', `new-1:${secret}, old_1:with:colons:${secret}`, [{ id: 'new-1', secret }, { id: 'old_1', secret: `with:colons:${secret}` }]],
  ['MEDIA_URL_KEYS', `${'k'.repeat(32)}:s`, [{ id: 'k'.repeat(32), secret: 's' }]],
  ['MEDIA_DATABASE_URL', 'file:./media.db', 'file:./media.db'],
  ['MEDIA_DATABASE_URL', 'postgresql://u@h/media', 'postgresql://u@h/media'],
  ['MEDIA_STORAGE_URL', 's3://bucket/some/prefix', 's3://bucket/some/prefix'],
  ['MEDIA_STORAGE_URL', 'file:///var/lib/media', 'file:///var/lib/media'],
  ['S3_ENDPOINT', 'http://minio:9000/', 'http://minio:9000'],
  ['UPLOAD_MAX_BYTES', '2147483647', 2_147_483_647],
  ['MEDIA_CLEANUP_AT', '3:05', { hour: 3, minute: 5 }],
  ['MEDIA_CLEANUP_AT', '23:59', { hour: 23, minute: 59 }],
  ['MEDIA_CLEANUP_AT', '00:00', { hour: 0, minute: 0 }],
  ['MEDIA_CACHE_DAYS', '0', 0],
  ['MEDIA_SCRUB_DAYS', '0', 0],
  ['MEDIA_IMPORT_ALLOWED_HOSTS', 'Files.Example.org, 127.0.0.1:8080,[::1]:9000', ['files.example.org', '127.0.0.1:8080', '[::1]:9000']],
  ['CACHE_LEASE_MS', '10', 10],
  ['CACHE_KEY_PREFIX', 'x'.repeat(64), 'x'.repeat(64)],
  ['USER_CACHE_TTL_SECONDS', '0', 0],
];

describe('readSettings', () => {
  it('gives every setting its documented default, also for an empty variable', () => {
    const defaults = read({});
    expect(read(Object.fromEntries(settingsEntries().map(([name]) => [name, ''])))).toEqual(defaults);
    for (const [name, entry] of settingsEntries()) {
      const value: unknown = Reflect.get(defaults, name);
      expect({ name, set: value !== undefined }).toEqual({ name, set: entry.default !== undefined });
      if (entry.default !== undefined) expect(value).toEqual(entry.type.parse(entry.shownDefault));
    }
    expect(defaults).toMatchObject({ HOST: '127.0.0.1', PORT: 8080, LOG_LEVEL: 'info', CACHE_TTL_SECONDS: 3600, UPLOAD_MAX_BYTES: 536_870_912 });
    expect(defaults).toMatchObject({ MEDIA_SERVICE_ADDR: { host: 'localhost', port: 50_056 }, USER_SERVICE_ADDR: { host: 'localhost', port: 50_051 } });
    expect(Object.isFrozen(defaults)).toBe(true);
  });

  it.each(understood)('understands %s=%s', (name, text, value) => {
    expect(read({ [name]: text })[name]).toEqual(value);
  });

  it('understands the other names of an address, the documented one first', () => {
    const addresses = { REDIS_URL: 'redis://third', REDIS_URI: 'redis://second', REDIS_ADDR: 'redis://first' };
    expect(read(addresses).REDIS_ADDR).toMatchObject({ host: 'first' });
    expect(read({ ...addresses, REDIS_ADDR: '' }).REDIS_ADDR).toMatchObject({ host: 'second' });
    expect(read({ REDIS_URL: 'h:1' }).REDIS_ADDR).toMatchObject({ host: 'h', port: 1 });
    expect(refusal({ REDIS_URI: 'nonsense' })).toMatch(/^REDIS_URI must /);
  });

  it.each(refused)('refuses %s=%s in one sentence that names the setting and not the value', (name, value) => {
    const message = refusal({ [name]: value });
    expect(message).toMatch(new RegExp(`^${name} [^\\n]+[^.]\\.$`));
    expect(message).not.toContain(secret);
    if (value.length > 8) expect(message).not.toContain(value);
  });

  it('refuses half of a pair', async () => {
    const directory = await tempDir('settings');
    const file = join(directory.path, 'half.pem');
    await writeFile(file, '-----BEGIN CERTIFICATE-----\n');
    for (const name of ['GRPC_TLS_CERT', 'GRPC_TLS_KEY']) expect(refusal({ [name]: file })).toBe('GRPC_TLS_CERT and GRPC_TLS_KEY must be set together.');
    expect(read({ GRPC_TLS_CERT: file, GRPC_TLS_KEY: file })).toMatchObject({ GRPC_TLS_CERT: file, GRPC_TLS_KEY: file });
    await directory.remove();
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) {
      expect(refusal({ [name]: secret })).toBe('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set together.');
    }
    expect(read({ AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: secret })).toMatchObject({ AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: secret });
  });

  it('leaves the settings of other programs at their defaults, whatever the environment says', () => {
    const defaults = read({});
    for (const program of everyProgram) {
      const foreign = refused.filter(([name]) => !settingsEntries().some(([setting, { programs }]) => setting === name && programs.includes(program)));
      expect(foreign.length).toBeGreaterThan(20);
      expect(read(Object.fromEntries(foreign), [program])).toEqual(defaults);
    }
  });

  it('reads back every address that it writes', () => {
    const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6().map((address) => `[${address}]`));
    fc.assert(
      fc.property(host, fc.nat(65_535), (name, port) => {
        expect(hostPort.parse(formatHostPort({ host: name, port }))).toEqual({ host: name, port });
      }),
    );
  });

  it('meets no text that it neither understands nor refuses', () => {
    fc.assert(
      fc.property(fc.constantFrom(...settingsEntries().map(([name]) => name)), fc.string({ unit: 'binary', maxLength: 60 }), (name, text) => {
        expect(typeof refusal({ [name]: text })).toBe('string');
      }),
      { numRuns: 2_000 },
    );
  });

  it('says what is allowed of a name that is too long', () => {
    expect(refusal({ MEDIA_EVENTS_EXCHANGE: 'x'.repeat(256) })).toMatch(/^MEDIA_EVENTS_EXCHANGE must /);
  });
});

describe('usable', () => {
  it('gives what the work gives, and blames its failure on the setting', async () => {
    expect(await usable('PORT', Promise.resolve('listening'))).toBe('listening');
    const cause = new Error('listen EADDRINUSE');
    await expect(usable('PORT', Promise.reject(cause))).rejects.toThrow(new SettingsError('PORT cannot be used: listen EADDRINUSE.', { cause }));
    const own = new SettingsError('MEDIA_GRPC_ADDR cannot be used.');
    await expect(usable('PORT', Promise.reject(own))).rejects.toBe(own);
  });
});

const root = fileURLToPath(new URL('../../', import.meta.url));
const mains: [string, readonly Program[]][] = [
  ['main.js', everyProgram],
  ['gateway/main.js', ['gateway']],
  ['media/main.js', ['media']],
  ['users/main.js', ['users']],
];
const run = (script: string, env: Record<string, string>, args: readonly string[] = []): Promise<RunningProcess> =>
  startProcess({ command: process.execPath, args: [join(root, 'dist', script), ...args], env });

describe.each(mains)('the program %s', (script, programs) => {
  it('lists with --help exactly the settings that it reads, with their defaults, and exits 0 whatever they are', async () => {
    const program = await run(script, { LOG_LEVEL: 'unusable' }, ['--help']);
    expect(await program.exited).toEqual({ code: 0, signal: null });
    const listed = [...program.logs().matchAll(/^ {2}(?<name>[A-Z]\w*) +(?<rest>.+)$/gm)].map(({ groups }) => [groups?.['name'], groups?.['rest']]);
    const own = settingsEntries().filter(([, entry]) => entry.programs.some((reader) => programs.includes(reader)));
    expect(listed).toEqual(
      own.map(([name, { shownDefault, meaning }]) => [name, expect.stringMatching(new RegExp(`^${[shownDefault, meaning].filter(Boolean).map(escape).join(' +')}`))]),
    );
  });

  it('exits 1 with exactly one line and no stack on an unusable value', async () => {
    const program = await run(script, { LOG_LEVEL: `loud ${secret}` });
    expect(await program.exited).toEqual({ code: 1, signal: null });
    expect(program.logs()).toBe('LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent.');
  });
});

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}

describe('a start that cannot go on', () => {
  let directory: TempDir;
  beforeAll(async () => {
    directory = await tempDir('settings');
  });
  afterAll(() => directory.remove());

  /** What it says on standard error, having ended with exit code 1. */
  const complaintOf = async (script: string, env: Record<string, string>): Promise<string> => {
    const shell = `exec "$@" >${join(directory.path, 'stdout')}`;
    const program = await startProcess({ command: '/bin/sh', args: ['-c', shell, 'sh', process.execPath, join(root, 'dist', script)], env });
    expect(await program.exited).toEqual({ code: 1, signal: null });
    return program.logs();
  };

  it('says why on standard error, in one line', async () => {
    expect(await complaintOf('gateway/main.js', { PORT: '-1' })).toBe('PORT must be a whole number from 0 to 65535.');
  });

  it('names the setting whose address is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    try {
      const env = { USER_GRPC_ADDR: `127.0.0.1:${port}`, PORT: String(port) };
      expect(await complaintOf('gateway/main.js', env)).toMatch(/^HOST and PORT cannot be used: [^\n]+\.$/);
      expect(await complaintOf('users/main.js', env)).toMatch(/(^|\n)USER_GRPC_ADDR cannot be used: [^\n]+\.$/);
    } finally {
      taken.close();
    }
  });
});
