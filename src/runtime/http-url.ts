/** The URL of an HTTP server of ours, as others can use it. */
import type { AddressInfo } from 'node:net';

const everywhere: ReadonlySet<string> = new Set(['0.0.0.0', '::', '[::]']);

/** `host` as the setting has it, `address` as the server has it once it listens. Of "all addresses" a URL names this machine. */
export function httpUrlOf(host: string, address: AddressInfo | string | null): string {
  const port = typeof address === 'object' && address ? address.port : 0;
  const bracketed = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  return `http://${everywhere.has(host) ? 'localhost' : bracketed}:${port}`;
}
