/**
 * gRPC plumbing that knows no service: credentials, channel options, a promise per unary call, a server's life.
 * Invariant: every call has a deadline; every server that is started is ended by its owner.
 */
import {
  credentials,
  logVerbosity,
  ServerCredentials,
  setLogVerbosity,
  type Server,
  type ChannelCredentials,
  type ChannelOptions,
  type Client,
} from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/proto-loader';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { formatHostPort, type HostPort } from './setting-types.js';
import { usable } from './settings.js';

// grpc-js writes lines of its own to standard error; all that they say reaches our log as an error.
setLogVerbosity(logVerbosity.NONE);

/** The TLS settings, as `Settings` has them. */
export interface TlsFiles {
  readonly GRPC_TLS_CA: string | undefined;
  readonly GRPC_TLS_CERT: string | undefined;
  readonly GRPC_TLS_KEY: string | undefined;
}

/** TLS once an authority is named, with our certificate where there is one; else plaintext. */
export async function clientCredentials(files: TlsFiles): Promise<ChannelCredentials> {
  const { ca, cert, key } = await readTlsFiles(files);
  return ca ? credentials.createSsl(ca, key, cert) : credentials.createInsecure();
}

/** TLS once a certificate is named, asking for a client's where there is an authority; else plaintext. */
export async function serverCredentials(files: TlsFiles): Promise<ServerCredentials> {
  const { ca, cert, key } = await readTlsFiles(files);
  return cert && key
    ? ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], ca !== null)
    : ServerCredentials.createInsecure();
}

async function readTlsFiles(files: TlsFiles): Promise<{ ca: Buffer | null; cert: Buffer | null; key: Buffer | null }> {
  const paths = [files.GRPC_TLS_CA, files.GRPC_TLS_CERT, files.GRPC_TLS_KEY];
  const [ca = null, cert = null, key = null] = await Promise.all(paths.map((path) => (path ? readFile(path) : Promise.resolve(null))));
  await usable('GRPC_TLS_CA, GRPC_TLS_CERT or GRPC_TLS_KEY', checkTogether({ ca, cert, key }));
  return { ca, cert, key };
}

/** grpc-js looks into them only with the first connection. @throws Error when TLS cannot be had with these. */
async function checkTogether({ ca, cert, key }: { ca: Buffer | null; cert: Buffer | null; key: Buffer | null }): Promise<void> {
  createSecureContext({ ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) });
}

const fiveMinutesMs = 300_000;

/**
 * For every client of ours. `retried` are the methods, each as `package.Service/Method`, that may run twice:
 * reads and idempotent deletes, and on UNAVAILABLE only, when the server most likely did not see the call.
 */
export function channelOptions(retried: readonly string[]): ChannelOptions {
  const name = retried.map((path) => ({ service: path.split('/')[0] ?? '', method: path.split('/')[1] ?? '' }));
  const retryPolicy = {
    maxAttempts: 3,
    initialBackoff: '0.05s',
    maxBackoff: '0.5s',
    backoffMultiplier: 2,
    retryableStatusCodes: ['UNAVAILABLE'],
  };
  return {
    'grpc.service_config': JSON.stringify({ methodConfig: [{ name, retryPolicy }] }),
    // Without a bound on reconnects a service that returns after minutes would be found after two more.
    'grpc.initial_reconnect_backoff_ms': 200,
    'grpc.max_reconnect_backoff_ms': 2_000,
    // Servers that do not allow frequent pings answer them with too_many_pings and hang up.
    'grpc.keepalive_time_ms': fiveMinutesMs,
    'grpc.keepalive_timeout_ms': 10_000,
    // A batch of 500 owners with long lists exceeds the default of 4 MB.
    'grpc.max_receive_message_length': 64 * 1024 * 1024,
  };
}

/** One unary call as a promise. Rejects with grpc's ServiceError, at the latest `deadlineMs` from now. */
export function unary<Request, RequestOut, Response, ResponseIn>(
  client: Client,
  { path, requestSerialize, responseDeserialize }: MethodDefinition<Request, ResponseIn, RequestOut, Response>,
  request: Request,
  deadlineMs: number,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, { deadline: Date.now() + deadlineMs }, (error, response) => {
      if (error || response === undefined) reject(error ?? new Error('gRPC answered nothing'));
      else resolve(response);
    });
  });
}

/**
 * What was answered, taken out of the answer: grpc-js keeps that with the call. The call is old for the garbage collector by then, and what something old
 * holds is kept until the next full collection, also when nobody needs either.
 */
export function taken<T>(list: T[]): T[] {
  return list.splice(0);
}

export interface GrpcServerHandle {
  /** Where it listens; the port is the real one also when 0 was asked for. */
  address: HostPort;
  /** Takes no new call, lets those in flight finish for at most `drainMs`, then cuts them off. */
  stop: (drainMs: number) => Promise<void>;
}

/** Binds `server` and returns once calls are answered. @throws Error when the address cannot be bound. */
export function listenGrpc(server: Server, { host, port }: HostPort, serverCreds: ServerCredentials): Promise<GrpcServerHandle> {
  return new Promise((resolve, reject) => {
    server.bindAsync(formatHostPort({ host, port }), serverCreds, (error, boundPort) => {
      if (error) reject(error);
      else resolve({ address: { host, port: boundPort }, stop: (drainMs) => stopServer(server, drainMs) });
    });
  });
}

function stopServer(server: Server, drainMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.forceShutdown(), drainMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
