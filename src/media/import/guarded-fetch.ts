/**
 * Calls of URLs that others name. Hosts of the allow-list are trusted; of all others only https, and only at addresses of the public internet.
 * Invariant: the address that is connected to is the one that was checked; headers that hold a secret never leave the origin they were meant for.
 */
import { lookup, type LookupAddress } from 'node:dns';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP, type LookupFunction } from 'node:net';
import { callbackify, promisify } from 'node:util';
import type { Settings } from '../../runtime/settings.js';
import { isPublicAddress } from './addresses.js';
import { Exchange, type ExchangeLimits } from './exchange.js';
import { HostSet } from './host-set.js';
import { ImportFailure } from './import-failure.js';
import type { PostBody } from './provider-call.js';

export interface GuardedFetchOptions {
  /** May be called by plain HTTP and at private addresses too. `host` or `host:port`. */
  allowedHosts: readonly string[];
  /** Default the machine's resolver. All addresses of a host. */
  resolve?: (hostname: string) => Promise<LookupAddress[]>;
  /** Default those of Node. PEM: the authorities that vouch for a server. */
  ca?: string;
}

export interface FetchRequest extends ExchangeLimits {
  url: string;
  /** Sent to this URL's origin only. */
  headers: Readonly<Record<string, string>>;
  signal: AbortSignal;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  /** Read once, to its end or to an early one. */
  body: AsyncIterable<Buffer>;
}

const maxRedirects = 3;
const maxUrlBytes = 2_048;
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

const standardHeaders = {
  // Some hosts turn away what does not look like a browser.
  'user-agent': 'Mozilla/5.0 (compatible; graphql-media-gateway)',
  accept: '*/*',
  'accept-encoding': 'identity',
};

const machineLookup = promisify(lookup);

/** A URL that may be called, and whether its host is on the allow-list. */
interface Target {
  url: URL;
  trusted: boolean;
}

/** A fetch that may call `namedHosts` by plain HTTP and at private addresses, besides those that the operator allows to all. */
export function fetchFor(
  { MEDIA_IMPORT_ALLOWED_HOSTS: allowedToAll }: Pick<Settings, 'MEDIA_IMPORT_ALLOWED_HOSTS'>,
  namedHosts: readonly string[],
  network: Omit<GuardedFetchOptions, 'allowedHosts'> = {},
): GuardedFetch {
  return new GuardedFetch({ allowedHosts: [...allowedToAll, ...namedHosts], ...network });
}

export class GuardedFetch {
  readonly #trusted: HostSet;
  readonly #resolve: (hostname: string) => Promise<LookupAddress[]>;
  readonly #ca: { ca: string } | undefined;

  constructor({ allowedHosts, resolve = (hostname) => machineLookup(hostname, { all: true }), ca }: GuardedFetchOptions) {
    this.#trusted = new HostSet(allowedHosts);
    this.#resolve = resolve;
    this.#ca = ca === undefined ? undefined : { ca };
  }

  /** @throws ImportFailure `refused` for a URL that is not called. */
  check(url: string): void {
    this.#target(url);
  }

  /**
   * What `read` makes of the answer, whatever its status; at most three redirects are followed. The connection is closed when `read` has ended.
   * @throws ImportFailure, and what `read` throws.
   */
  async get<T>({ url, headers, signal, ...limits }: FetchRequest, read: (answer: Answer) => Promise<T>): Promise<T> {
    let target = this.#target(url);
    let secrets = headers;
    const exchange = new Exchange(limits, signal);
    try {
      for (let hop = 0; ; hop += 1) {
        // oxlint-disable-next-line no-await-in-loop -- an answer says where the next one is
        const response = await exchange.send(target.url, this.#options(target, secrets));
        const { statusCode: status = 0, headers: received } = response;
        // oxlint-disable-next-line no-await-in-loop
        if (!redirects.has(status) || received.location === undefined) return await read({ status, headers: received, body: exchange.body(response) });
        if (hop === maxRedirects) throw new ImportFailure('gone', `The source redirects more than ${maxRedirects} times.`);
        const next = this.#target(received.location, target.url);
        if (next.url.origin !== target.url.origin) secrets = {};
        target = next;
      }
    } finally {
      exchange.end();
    }
  }

  /** What `read` makes of the answer to a POST, whatever its status; a redirect is an answer too. @throws as `get`. */
  async post<T>({ url, headers, signal, ...limits }: FetchRequest, { contentType, length, bytes }: PostBody, read: (answer: Answer) => Promise<T>): Promise<T> {
    const target = this.#target(url);
    const exchange = new Exchange(limits, signal);
    try {
      const options = this.#options(target, { ...headers, 'content-type': contentType, 'content-length': String(length) });
      const response = await exchange.send(target.url, options, bytes);
      return await read({ status: response.statusCode ?? 0, headers: response.headers, body: exchange.body(response) });
    } finally {
      exchange.end();
    }
  }

  #target(text: string, base?: URL): Target {
    if (!URL.canParse(text, base?.href)) throw refused('The URL cannot be read.');
    const url = new URL(text, base?.href);
    if (Buffer.byteLength(url.href) > maxUrlBytes) throw refused(`The URL is too long: at most ${maxUrlBytes} bytes are allowed.`);
    if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refused('Only https URLs can be imported.');
    if (url.username !== '' || url.password !== '') throw refused('A URL with a user or a password in it cannot be imported.');
    const trusted = this.#trusted.has(url);
    if (trusted) return { url, trusted };
    if (url.protocol !== 'https:') throw refused('Only https URLs can be imported; this host may not be called by plain HTTP.');
    // An address is connected to without a lookup. However it was written, the URL has it in its one form.
    const address = url.hostname.replace(/^\[|\]$/g, '');
    if (isIP(address) !== 0 && !isPublicAddress(address)) throw notPublic();
    return { url, trusted };
  }

  #options({ trusted }: Target, secrets: Readonly<Record<string, string>>) {
    return { headers: { ...standardHeaders, ...secrets }, lookup: this.#lookup(trusted), ...this.#ca };
  }

  /** The one look for addresses that a connection makes: what it gives is what is connected to. */
  #lookup(trusted: boolean): LookupFunction {
    const find = callbackify((hostname: string) => this.#addresses(hostname, trusted));
    return (hostname, options, callback) => {
      find(hostname, (error, addresses) => {
        const [first] = addresses ?? [];
        if (error || !first) callback(error ?? new Error('the host has no address'), '');
        else if (options.all) callback(null, addresses);
        else callback(null, first.address, first.family);
      });
    };
  }

  async #addresses(hostname: string, trusted: boolean): Promise<LookupAddress[]> {
    const addresses = await this.#resolve(hostname);
    // One that is not public among others is an attempt to get in.
    if (trusted || addresses.every(({ address }) => isPublicAddress(address))) return addresses;
    throw notPublic();
  }
}

function refused(message: string): ImportFailure {
  return new ImportFailure('refused', message);
}

function notPublic(): ImportFailure {
  return refused('Only files at public addresses can be imported; this host is not at one.');
}
