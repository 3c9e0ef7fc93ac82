/** The programs of the product as child processes, built beforehand by `npm test`, on free ports and with settings of the test only. */
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { startProcess, type RunningProcess } from './processes.js';
import { waitFor } from './wait.js';

export interface Program {
  /** HTTP, without a trailing slash; empty for a program without. */
  readonly url: string;
  /** `host:port`; empty for a program without. */
  readonly grpcAddress: string;
  readonly process: RunningProcess;
  stop(): Promise<void>;
}

export type Env = Readonly<Record<string, string>>;

const root = fileURLToPath(new URL('../../', import.meta.url));

const readyLine = z.object({
  graphql: z.string().default(''),
  http: z.string().default(''),
  grpc: z.object({ host: z.string(), port: z.number() }).optional(),
});

async function start(script: string, ready: RegExp, env: Env): Promise<Program> {
  const running = await startProcess({ command: process.execPath, args: [`${root}dist/${script}`], env, readyWhen: ready });
  const { graphql, http, grpc } = readyLine.parse(JSON.parse(await running.waitForLine(ready)));
  return {
    url: graphql.replace(/\/graphql$/, '') || http,
    grpcAddress: grpc ? `${grpc.host}:${grpc.port}` : '',
    process: running,
    stop: async () => void (await running.stop()),
  };
}

/** Ready to answer, and, unless `alone`, connected to the Redis and the broker that `env` names: those may come later than readiness. */
export async function startGateway(env: Env, { alone = false } = {}): Promise<Program> {
  const gateway = await start('gateway/main.js', /gateway is ready/, { PORT: '0', LOG_LEVEL: 'debug', ...env });
  if (alone) return gateway;
  await waitFor(
    async () => {
      const { cache, broker } = await partsOf(gateway.url);
      return cache !== 'unavailable' && broker !== 'connecting';
    },
    { what: 'the gateway to be connected' },
  );
  return gateway;
}

const readiness = z.object({ parts: z.record(z.string(), z.string()) });

/** What `/readyz` says of each part. */
export async function partsOf(url: string): Promise<Record<string, string>> {
  const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) });
  return readiness.parse(await response.json()).parts;
}

export function startMediaService(env: Env): Promise<Program> {
  return start('media/main.js', /media service is ready/, { MEDIA_GRPC_ADDR: '127.0.0.1:0', MEDIA_HTTP_ADDR: '127.0.0.1:0', ...env });
}

export function startUserService(env: Env = {}): Promise<Program> {
  return start('users/main.js', /user service is ready/, { USER_GRPC_ADDR: '127.0.0.1:0', ...env });
}

/** `npm start`, without npm between the test and the process. */
export function startEverything(env: Env): Promise<Program> {
  return start('main.js', /gateway is ready/, { PORT: '0', ...env });
}
