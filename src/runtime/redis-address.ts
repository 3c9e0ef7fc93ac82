/**
 * The forms of a Redis address: one server, a master that sentinels name, or a cluster; text in, checked parts out.
 * Invariant: a text is understood whole or refused; the refusal shows the form that is allowed and never the value, which
 * may hold a password. Connecting, and the authorities that TLS trusts (NODE_EXTRA_CA_CERTS), are left to others.
 */
import { z } from 'zod';
import { integer, target, type HostPort } from './setting-types.js';

export interface RedisAccess {
  /** With TLS to the servers, and to the sentinels. */
  tls: boolean;
  /** Undefined: the default user. */
  username: string | undefined;
  password: string | undefined;
  /** Always 0 on a cluster, which has no other. */
  db: number;
}

export interface SingleAddress extends RedisAccess, HostPort {
  kind: 'single';
}

export interface SentinelAddress extends RedisAccess {
  kind: 'sentinel';
  sentinels: HostPort[];
  /** The name under which the sentinels watch the master. */
  master: string;
  /** For the sentinels themselves, which ask for a login of their own or for none. */
  sentinelUsername: string | undefined;
  sentinelPassword: string | undefined;
}

export interface ClusterAddress extends RedisAccess {
  kind: 'cluster';
  /** Some of its nodes; one that answers is enough to find the others. */
  seeds: HostPort[];
}

/** Hosts are as a socket takes them: an IPv6 address without its brackets. */
export type RedisAddress = SingleAddress | SentinelAddress | ClusterAddress;

const decoded = z
  .string()
  .default('')
  .transform((text, context) => {
    try {
      return decodeURIComponent(text) || undefined;
    } catch {
      context.addIssue('must be percent-encoded');
      return z.NEVER;
    }
  });

const server = (defaultPort: number): z.ZodType<HostPort, string> =>
  z
    .string()
    .transform((text) => (/^[^:]+$|\]$/.test(text) ? `${text}:${defaultPort}` : text))
    .pipe(target)
    .transform(({ host, port }) => ({ host: host.replace(/^\[|\]$/g, ''), port }));

const servers = (defaultPort: number): z.ZodType<HostPort[], string> =>
  z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(server(defaultPort)));

const db = z
  .string()
  .default('')
  .transform((text) => text || '0')
  .pipe(integer(0, 2_147_483_647));

/** Each parameter at most once. A plus is a plus, as it is before the host. */
const sentinelLogin = z
  .string()
  .transform((text) => text.split('&').map((pair) => /^(?<name>[^=]*)=?(?<value>.*)$/s.exec(pair)?.groups ?? {}))
  .refine((pairs) => new Set(pairs.map(({ name }) => name)).size === pairs.length)
  .transform((pairs) => Object.fromEntries(pairs.map(({ name = '', value }) => [name, value])))
  .pipe(z.strictObject({ 'sentinel-username': decoded, 'sentinel-password': decoded }))
  .optional();

const access = { tls: z.string().transform((letter) => letter !== ''), username: decoded, password: decoded };
const accessPart = String.raw`(?:(?<username>[^:/?#]*)(?::(?<password>[^/?#]*))?@)?`;

interface Form {
  scheme: RegExp;
  /** As the refusal shows it. */
  shape: string;
  pattern: RegExp;
  /** What the named groups of the pattern must be. */
  parts: z.ZodType<RedisAddress>;
}

const single: Form = {
  scheme: /^rediss?:\/\//i,
  shape: 'redis[s]://[user[:password]@]host[:port][/db]',
  pattern: new RegExp(String.raw`^redis(?<tls>s?)://${accessPart}(?<hostPort>[^@,/?#]+)(?:/(?<db>\d*))?$`, 'i'),
  parts: z.object({ ...access, hostPort: server(6_379), db }).transform(({ hostPort, ...rest }) => ({ kind: 'single', ...hostPort, ...rest })),
};

const sentinel: Form = {
  scheme: /^rediss?\+sentinel:\/\//i,
  shape: 'redis[s]+sentinel://[user[:password]@]host[:port],…/master-name[/db][?sentinel-username=…&sentinel-password=…]',
  pattern: new RegExp(
    String.raw`^redis(?<tls>s?)\+sentinel://${accessPart}(?<sentinels>[^@/?#]+)/(?<master>[\w.-]+)(?:/(?<db>\d*))?(?:\?(?<login>[^#]+))?$`,
    'i',
  ),
  parts: z.object({ ...access, sentinels: servers(26_379), master: z.string(), db, login: sentinelLogin }).transform(({ login, ...rest }) => ({
    kind: 'sentinel',
    ...rest,
    sentinelUsername: login?.['sentinel-username'],
    sentinelPassword: login?.['sentinel-password'],
  })),
};

const cluster: Form = {
  scheme: /^rediss?\+cluster:\/\//i,
  shape: 'redis[s]+cluster://[user[:password]@]host[:port],…',
  pattern: new RegExp(String.raw`^redis(?<tls>s?)\+cluster://${accessPart}(?<seeds>[^@/?#]+)/?$`, 'i'),
  parts: z.object({ ...access, seeds: servers(6_379) }).transform((rest) => ({ kind: 'cluster', ...rest, db: 0 })),
};

const details = 'with ports from 1 to 65535 and the special characters of users and passwords percent-encoded';
const unknownForm = 'must be host:port or a URL that begins with redis[s]://, redis[s]+sentinel:// or redis[s]+cluster://';

/**
 * `host:port`, or a URL whose scheme names the form. User and password are split as the URL standard does it: what stands
 * before the `@` without a colon is the user. Ports default to 6379, those of sentinels to 26379.
 */
export const redisAddress: z.ZodType<RedisAddress, string> = z.string().transform((text, context) => {
  const url = target.safeParse(text).success ? `redis://${text}` : text;
  const form = [single, sentinel, cluster].find(({ scheme }) => scheme.test(url));
  const parsed = form?.parts.safeParse(form.pattern.exec(url)?.groups);
  if (parsed?.success) return parsed.data;
  context.addIssue(form ? `must be ${form.shape}, ${details}` : unknownForm);
  return z.NEVER;
});
