/**
 * Who may use the operator's routes: whoever has the token; without one, programs on this machine that speak to this process directly.
 * Invariant: no request that a proxy passed on, or that a page in a browser made across sites, counts as from this machine.
 */
import type { FastifyRequest } from 'fastify';
import { BlockList, isIP } from 'node:net';
import { AppError } from '../../contract/errors.js';
import { isSameSecret } from '../../runtime/same-secret.js';

/** `token`: MEDIA_ADMIN_TOKEN. @throws AppError UNAUTHENTICATED, FORBIDDEN */
export function checkAccess(request: FastifyRequest, token: string | undefined): void {
  if (token === undefined) {
    const reason = reasonAgainst(request);
    if (reason !== undefined) {
      throw new AppError('FORBIDDEN', `Only this machine is answered here, and ${reason}. Set MEDIA_ADMIN_TOKEN to let in whoever sends it as a bearer token.`);
    }
    return;
  }
  const { given } = /^bearer +(?<given>.+)$/i.exec(request.headers.authorization ?? '')?.groups ?? {};
  if (given === undefined || !isSameSecret(given, token)) throw new AppError('UNAUTHENTICATED', 'Send MEDIA_ADMIN_TOKEN as a bearer token.');
}

/** Undefined: nothing speaks against a request being from this machine. */
function reasonAgainst({ raw: { httpVersion }, headers, socket }: FastifyRequest): string | undefined {
  if (!isLoopback(socket.remoteAddress ?? '')) return 'the request came from another one';
  const forwarded = Object.keys(headers).find((name) => forwarding.test(name));
  if (forwarded !== undefined) return `the request was passed on by a proxy (${forwarded})`;
  // nginx speaks it to what is behind it, and adds no header by itself. Nothing else does any more.
  if (httpVersion === '1.0') return 'the request was passed on by a proxy (HTTP/1.0)';
  // A name that somebody else lets point to this machine makes their page one of "this site" (DNS rebinding).
  if (!isLoopback(hostOf(headers.host ?? ''))) return 'its Host header names another one';
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return 'the request was made by a page of another site';
  const { origin } = headers;
  if (origin !== undefined && origin !== `http://${headers.host}`) return 'the request was made by a page of another site';
  return undefined;
}

const forwarding = /^(forwarded|via|cdn-loop|x-forwarded\b.*|x-original-.*|x-envoy-.*|x-amzn-trace-id|x-real-ip|.*client-ip|.*connecting-ip)$/;

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** IPv4 in IPv6 counts as what it is. */
function isLoopback(host: string): boolean {
  const version = isIP(host);
  if (version === 0) return host === 'localhost';
  return loopback.check(host, version === 6 ? 'ipv6' : 'ipv4');
}

/** Without its port, and without the brackets of IPv6; empty when it is no host. */
function hostOf(header: string): string {
  const url = `http://${header}`;
  return URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : '';
}
