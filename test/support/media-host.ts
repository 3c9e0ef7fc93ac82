/**
 * A host of files that a test scripts: per path what each next request meets, from a plain answer to every way of failing half-way.
 * Invariant: every request is recorded with its headers before it is answered; a path that nothing was planned for is a 404.
 */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { closeServer } from './close-server.js';

/** What one request meets. Resolves when there is nothing left to do; `gone` aborts when the client has left. */
export type Play = (response: ServerResponse, gone: AbortSignal, request: IncomingMessage) => Promise<void> | void;

export interface Call {
  path: string;
  headers: IncomingHttpHeaders;
}

export interface MediaHost {
  /** `127.0.0.1:port`, as MEDIA_IMPORT_ALLOWED_HOSTS has it. */
  readonly host: string;
  readonly port: number;
  /** Every request so far, in order. */
  readonly calls: readonly Call[];
  /** The most requests that were under way at once. */
  readonly maxInFlight: number;
  url(path: string): string;
  /** What the next requests for `path` meet, one each; the last is met by all that follow. Replaces an earlier plan. */
  plan(path: string, ...plays: [Play, ...Play[]]): void;
  callsTo(path: string): number;
  openSockets(): number;
  /** Connections so far. */
  connections(): number;
  stop(): Promise<void>;
}

export interface MediaHostOptions {
  /** Default plain HTTP. PEM. */
  tls?: { key: string; cert: string };
}

export async function startMediaHost({ tls }: MediaHostOptions = {}): Promise<MediaHost> {
  const calls: Call[] = [];
  const plans = new Map<string, Play[]>();
  const sockets = new Set<Socket>();
  const counts = { connections: 0, inFlight: 0, maxInFlight: 0 };

  const serve: RequestListener = (request, response) => {
    const path = request.url ?? '/';
    calls.push({ path, headers: request.headers });
    counts.inFlight += 1;
    counts.maxInFlight = Math.max(counts.maxInFlight, counts.inFlight);
    const gone = new AbortController();
    response.once('close', () => {
      counts.inFlight -= 1;
      gone.abort();
    });
    response.on('error', () => undefined);
    const plays = plans.get(path) ?? [status(404)];
    const play = (plays.length > 1 ? plays.shift() : plays[0]) ?? status(404);
    Promise.resolve(play(response, gone.signal, request)).catch(() => response.destroy());
  };
  const server = tls ? createTlsServer(tls, serve) : createServer(serve);
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket: Socket) => {
    counts.connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('the media host has no port');
  const { port } = address;

  return {
    host: `127.0.0.1:${port}`,
    port,
    calls,
    get maxInFlight() {
      return counts.maxInFlight;
    },
    url: (path) => `${tls ? 'https' : 'http'}://127.0.0.1:${port}${path}`,
    plan: (path, ...plays) => void plans.set(path, plays),
    callsTo: (path) => calls.filter((call) => call.path === path).length,
    openSockets: () => sockets.size,
    connections: () => counts.connections,
    stop: () => closeServer(server, () => sockets.forEach((socket) => socket.destroy())),
  };
}

/** The bytes, with their length unless `headers` have another. */
export function ok(bytes: Buffer | string, headers: Record<string, string> = {}): Play {
  return (response) => void response.writeHead(200, { 'content-length': Buffer.byteLength(bytes), ...headers }).end(bytes);
}

export function status(code: number, headers: Record<string, string> = {}, body = ''): Play {
  return (response) => void response.writeHead(code, headers).end(body);
}

export function redirect(to: string, code = 302): Play {
  return status(code, { location: to });
}

/** `retryAfter`: the header; undefined: none. */
export function throttled(retryAfter?: string): Play {
  return status(429, retryAfter === undefined ? {} : { 'retry-after': retryAfter });
}

/** Takes the request and never answers. */
export const hang: Play = () => undefined;

/** Sends the head and `bytes` of a larger file, and then nothing. */
export function hangAfter(bytes: Buffer): Play {
  return (response) => {
    response.writeHead(200, { 'content-length': bytes.length + 1_000 }).flushHeaders();
    if (bytes.length > 0) response.write(bytes);
  };
}

/** Sends `bytes` of a larger file, then resets the connection. `length` undefined: in chunks, without a length. */
export function cutAfter(bytes: Buffer, length: number | undefined = bytes.length + 1_000): Play {
  return (response) => {
    response.writeHead(200, length === undefined ? {} : { 'content-length': length });
    response.write(bytes, () => response.socket?.resetAndDestroy());
  };
}

/** Resets the connection before any answer. */
export const reset: Play = (response) => void response.socket?.resetAndDestroy();

/** Says another length than it sends, and ends properly. */
export function claims(length: number, bytes: Buffer): Play {
  return raw(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`), bytes]));
}

/** These bytes for an answer, then the end of the connection. */
export function raw(bytes: Buffer | string): Play {
  return (response) => void response.socket?.end(bytes);
}

export function gzipped(bytes: Buffer): Play {
  const body = gzipSync(bytes);
  return ok(body, { 'content-encoding': 'gzip' });
}

/** One byte every `everyMs`, without an end. */
export function trickle(everyMs: number): Play {
  return async (response, gone) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    while (!gone.aborted) {
      response.write('x');
      // oxlint-disable-next-line no-await-in-loop
      await sleep(everyMs, undefined, { signal: gone }).catch(() => undefined);
    }
  };
}

/** `size` bytes, as fast as they are taken. With `length` false their number is not said before. */
export function stream(size: number, { length = true } = {}): Play {
  return async (response, gone) => {
    const chunk = Buffer.alloc(65_536, 7);
    response.writeHead(200, length ? { 'content-length': size } : {});
    for (let sent = 0; sent < size && !gone.aborted; sent += chunk.length) {
      // oxlint-disable-next-line no-await-in-loop
      if (!response.write(chunk.subarray(0, size - sent))) await once(response, 'drain', { signal: gone }).catch(() => undefined);
    }
    response.end();
  };
}

/** Sends `head`, and the rest once `until` has resolved. With `length` false their number is not said before. */
export function inParts(head: Buffer, until: Promise<unknown>, rest: Buffer, { length = true } = {}): Play {
  return async (response) => {
    response.writeHead(200, length ? { 'content-length': head.length + rest.length } : {});
    response.write(head);
    await until;
    response.end(rest);
  };
}

/** Answers with `play` once `until` has resolved. */
export function when(until: Promise<unknown>, play: Play): Play {
  return async (response, gone, request) => {
    await until;
    await play(response, gone, request);
  };
}
