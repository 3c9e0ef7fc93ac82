/** The kinds of values that a setting can have: text in, checked value out, with the sentence that says what is allowed. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

export type Program = 'gateway' | 'media' | 'users';

export interface Setting<T> {
  /** The programs that read it. */
  programs: readonly Program[];
  type: z.ZodType<T, string>;
  /** Parsed like a given value; undefined: the setting stays unset. */
  default: string | undefined;
  /** What the documentation shows as the default. */
  shownDefault: string;
  meaning: string;
  /** Other names that are understood too, in order. */
  aliases: readonly string[];
}

export function setting<T>(programs: readonly Program[], type: z.ZodType<T, string>, value: string, meaning: string): Setting<T> {
  return { programs, type, default: value, shownDefault: value, meaning, aliases: [] };
}

export function optionalSetting<T>(
  programs: readonly Program[],
  type: z.ZodType<T, string>,
  shownDefault: string,
  meaning: string,
  aliases: readonly string[] = [],
): Setting<T | undefined> {
  return { programs, type, default: undefined, shownDefault, meaning, aliases };
}

export const shortText = (maxLength: number): z.ZodType<string, string> => z.string().max(maxLength, `must have at most ${maxLength} characters`);

export const integer = (min: number, max: number): z.ZodType<number, string> =>
  z
    .string()
    .refine((text) => /^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max, `must be a whole number from ${min} to ${max}`)
    .transform(Number);

export const oneOf = <const T extends readonly [string, ...string[]]>(values: T): z.ZodType<T[number], string> =>
  z.string().pipe(z.enum(values, `must be one of ${values.join(', ')}`));

export interface HostPort {
  host: string;
  port: number;
}

/** `host:port`, the host of an IPv6 address in brackets. */
export const hostPort: z.ZodType<HostPort, string> = z.string().transform((text, context) => {
  const match = /^(?<host>\[[0-9a-fA-F:.]+\]|[^\s:/@[\]]+):(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.port);
  if (!match?.groups?.host || port > 65_535) {
    context.addIssue('must be host:port');
    return z.NEVER;
  }
  return { host: match.groups.host, port };
});

export function formatHostPort({ host, port }: HostPort): string {
  return `${host}:${port}`;
}

/** A `host:port` to connect to: unlike one to listen on, its port cannot be 0. */
export const target: z.ZodType<HostPort, string> = hostPort.refine(({ port }) => port > 0, 'must be host:port, with a port from 1 to 65535');

const schemesOf = (protocols: readonly string[]): string => protocols.map((protocol) => `${protocol}//`).join(' or ');

/** A URL of one of `protocols` (each with its colon) that names a host, kept as it was written. */
export const urlOf = (...protocols: string[]): z.ZodType<string, string> =>
  z.string().refine((text) => hasHost(text, protocols), `must be a URL that begins with ${schemesOf(protocols)} and names a host`);

function hasHost(text: string, protocols: readonly string[]): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocols.includes(protocol) && hostname !== '';
}

/** `file:relative` or `file:///absolute`: a place, but not the root of everything. */
const fileUrl = z.string().refine((text) => /^file:(\/\/)?[^/]|^file:(\/\/)?\/+[^/]/.test(text), 'must name a file or directory, as file:path or file:///path');

/** A file URL, or a URL of one of `protocols` that names a host. */
export const fileOr = (...protocols: string[]): z.ZodType<string, string> =>
  z.string().refine(
    (text) => fileUrl.safeParse(text).success || hasHost(text, protocols),
    `must be file:path, file:///path or a URL that begins with ${schemesOf(protocols)} and names a host or bucket`,
  );

/** Without a trailing slash, so that paths are appended to it. */
export const httpUrl: z.ZodType<string, string> = urlOf('http:', 'https:')
  .refine((text) => !/[?#]/.test(text), 'must be a URL without query and fragment')
  .transform((text) => text.replace(/\/+$/, ''));

export interface SigningKey {
  id: string;
  secret: string;
}

export const signingKeys: z.ZodType<SigningKey[], string> = z.string().transform((text, context) => {
  const keys = text.split(',').map((part) => /^(?<id>[\w-]{1,32}):(?<secret>.+)$/.exec(part.trim())?.groups);
  const complete = keys.flatMap((key) => (key?.id && key.secret ? [{ id: key.id, secret: key.secret }] : []));
  if (complete.length === keys.length && new Set(complete.map(({ id }) => id)).size === keys.length) return complete;
  context.addIssue('must be kid:secret, or several of them with different kids, separated by commas');
  return z.NEVER;
});

export const pemFile: z.ZodType<string, string> = z.string().refine((path) => {
  try {
    return readFileSync(path, 'latin1').includes('-----BEGIN ');
  } catch {
    return false;
  }
}, 'must name a PEM file that can be read');

/** `03:00`, local time. */
export const clockTime: z.ZodType<{ hour: number; minute: number }, string> = z.string().transform((text, context) => {
  const { hour, minute } = /^(?<hour>[01]?\d|2[0-3]):(?<minute>[0-5]\d)$/.exec(text)?.groups ?? {};
  if (hour !== undefined && minute !== undefined) return { hour: Number(hour), minute: Number(minute) };
  context.addIssue('must be a time of day, as 03:00');
  return z.NEVER;
});

/** `host,host:port`, in lower case; empty: none. */
export const hostList: z.ZodType<readonly string[], string> = z.string().transform((text, context) => {
  const hosts = text.split(',').map((host) => host.trim().toLowerCase());
  if (text.trim() === '') return [];
  if (hosts.every((host) => /^(\[[0-9a-f:.]+\]|[^\s:/@[\]]+)(:\d{1,5})?$/.test(host))) return hosts;
  context.addIssue('must be host or host:port, or several of them separated by commas');
  return z.NEVER;
});

/** `1,2,3`; empty: none. */
export const numberList: z.ZodType<readonly number[], string> = z
  .string()
  .regex(/^\s*(\d{1,9}\s*(,\s*\d{1,9}\s*)*)?$/, 'must be whole numbers separated by commas')
  .transform((text) => text.split(',').flatMap((part) => (part.trim() === '' ? [] : Number(part))));

/** A regular expression that ignores case; empty: one that finds nothing. */
export const pattern: z.ZodType<RegExp, string> = z.string().transform((text, context) => {
  try {
    return new RegExp(text || '(?!)', 'i');
  } catch {
    context.addIssue('must be a regular expression');
    return z.NEVER;
  }
});
