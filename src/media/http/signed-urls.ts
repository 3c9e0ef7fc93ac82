/**
 * Signed URLs: who has one may read one file, or one conversion of it, until it expires.
 * Invariant: the signature covers id, file name, conversion, expiry, disposition and key id, and is compared in constant time; it is the last
 * query parameter.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { AppError } from '../../contract/errors.js';
import type { SigningKey } from '../../runtime/setting-types.js';

const defaultExpirySeconds = 900;
const maxExpirySeconds = 604_800;

/** `inline`: types that are safe to show are shown; `attachment`: always a download. */
export type Disposition = 'inline' | 'attachment';

export interface SignedUrl {
  url: string;
  /** RFC 3339, in whole seconds. */
  expiresAt: string;
}

/** What the path of a URL says. */
interface NamedFile {
  id: string;
  fileName: string;
}

/** What a URL allows. */
export interface Grant {
  /** Empty: the file itself. */
  conversion: string;
  /** Seconds since 1970. */
  expires: number;
  disposition: Disposition;
}

interface Claims extends NamedFile, Grant {
  kid: string;
}

export class UrlSigner {
  readonly #current: SigningKey;
  readonly #keys: ReadonlyMap<string, string>;

  /** The first key signs, all verify: a key is rotated by putting a new one before it, and dropped when its last URL has expired. */
  constructor(keys: readonly SigningKey[]) {
    const [current] = keys;
    if (!current) throw new TypeError('a URL signer needs a key');
    this.#current = current;
    this.#keys = new Map(keys.map(({ id, secret }) => [id, secret]));
  }

  /**
   * A URL below `base`, of a file or, with a `conversion` that is not empty, of that. `expirySeconds` 0: fifteen minutes.
   * @throws AppError BAD_USER_INPUT when the expiry is outside of 1 second to 7 days.
   */
  sign(base: string, file: NamedFile & Pick<Grant, 'conversion'>, expirySeconds: number, disposition: Disposition = 'inline'): SignedUrl {
    const seconds = checkedExpiry(expirySeconds);
    const expires = Math.floor(Date.now() / 1000) + seconds;
    const { id: kid, secret } = this.#current;
    const signature = hmac(secret, { ...file, expires, disposition, kid }).toString('hex');
    const kind = disposition === 'inline' ? '' : `&disposition=${disposition}`;
    const part = file.conversion === '' ? '' : `&conversion=${file.conversion}`;
    const path = `/files/${file.id}/${encodeURIComponent(file.fileName)}`;
    return {
      url: `${base}${path}?expires=${expires}${kind}${part}&kid=${kid}&signature=${signature}`,
      expiresAt: new Date(expires * 1000).toISOString(),
    };
  }

  /**
   * What a URL allows, from its decoded path and its query.
   * @throws AppError FORBIDDEN when it was not signed by one of the keys, was changed since, or has expired.
   */
  verify(file: NamedFile, query: unknown): Grant {
    const claims = parseQuery(query);
    const secret = claims && this.#keys.get(claims.kid);
    if (!secret || !sameBytes(hmac(secret, { ...file, ...claims }), claims.signature)) {
      throw new AppError('FORBIDDEN', 'This link is not valid.');
    }
    if (claims.expires * 1000 <= Date.now()) throw new AppError('FORBIDDEN', 'This link has expired.');
    return claims;
  }
}

/** 0 means the default. @throws AppError BAD_USER_INPUT */
function checkedExpiry(seconds: number): number {
  if (seconds === 0) return defaultExpirySeconds;
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= maxExpirySeconds) return seconds;
  throw new AppError('BAD_USER_INPUT', `A link can be valid for 1 to ${maxExpirySeconds} seconds, not for ${seconds}.`);
}

function hmac(secret: string, { id, fileName, conversion, expires, disposition, kid }: Claims): Buffer {
  // Dispositions are a closed list, so this is never read as another; a line of its own could be the begin of a file name.
  const kind = conversion === '' ? disposition : `${disposition} ${conversion}`;
  // No part but the last can hold a line break.
  return createHmac('sha256', secret).update([id, expires, kind, kid, fileName].join('\n')).digest();
}

function sameBytes(expected: Buffer, given: Buffer): boolean {
  return expected.length === given.length && timingSafeEqual(expected, given);
}

function parseQuery(query: unknown): (Grant & { kid: string; signature: Buffer }) | undefined {
  if (typeof query !== 'object' || query === null) return undefined;
  const { expires, disposition = 'inline', conversion, kid, signature }: Record<string, unknown> = { ...query };
  if (typeof expires !== 'string' || !/^\d{1,12}$/.test(expires)) return undefined;
  if (disposition !== 'inline' && disposition !== 'attachment') return undefined;
  // An empty one is refused: the file itself has one form of its URL.
  if (conversion !== undefined && (typeof conversion !== 'string' || !/^[\w-]+$/.test(conversion))) return undefined;
  if (typeof kid !== 'string' || typeof signature !== 'string' || !/^[0-9a-f]{64}$/.test(signature)) return undefined;
  return { expires: Number(expires), disposition, conversion: conversion ?? '', kid, signature: Buffer.from(signature, 'hex') };
}
