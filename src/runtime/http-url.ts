/** Between the host of a setting and an HTTP server: what Node listens on, and the URL that others can use. */
import type { AddressInfo } from 'node:net';

const everywhere: ReadonlySet<string> = new Set(['0.0.0.0', '::', '[::]']);

/** `host` as the setting has it, `address` as the server has it once it listens. Of "all addresses" a URL names this machine. */
export function httpUrlOf(host: string, address: AddressInfo | string | null): string {
  const port = typeof address === 'object' && address ? address.port : 0;
  const bracketed = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  return `http://${everywhere.has(host) ? 'localhost' : bracketed}:${port}`;
}

/** What Node listens on: an IPv6 address without the brackets that it has in a URL. */
export function listenHost(host: string): string {
  return host.replace(/^\[|\]$/g, '');
}
