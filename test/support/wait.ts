/**
 * Waiting for conditions, and the two things a test borrows from the machine: a port and a directory.
 * Invariant: every wait ends, with a sentence that says what it waited for and what it saw last.
 */
import { randomInt } from 'node:crypto';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

type Falsy = false | 0 | 0n | '' | null | undefined;

export interface WaitOptions {
  /** What is awaited, as it should read after "waited for". */
  what: string;
  /** Default 15000. How long to wait in all, in milliseconds; a call that hangs counts as well. */
  timeoutMs?: number;
  /** Ends the wait early, with its reason as the error. */
  signal?: AbortSignal;
}

/**
 * Calls `condition` until its (awaited) value is truthy, and returns that value. An error thrown by it counts as
 * "not yet". The pause between calls grows from 5 to 100 ms.
 *
 * @throws Error naming `what` and the last value or error, after `timeoutMs`; the reason of `signal` when that aborts.
 */
export async function waitFor<T>(condition: () => T | Promise<T>, options: WaitOptions): Promise<Exclude<T, Falsy>> {
  const { what, timeoutMs = 15_000, signal } = options;
  let last = 'no answer to the first call';
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(new Error(`waited ${timeoutMs} ms for ${what}: ${last}`)), timeoutMs);
  const end = signal === undefined ? deadline.signal : AbortSignal.any([signal, deadline.signal]);
  const ended = new Promise<undefined>((resolve) => {
    end.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  try {
    for (let pauseMs = 5; !end.aborted; pauseMs = Math.min(pauseMs * 1.5, 100)) {
      try {
        const value = await Promise.race([condition(), ended]);
        if (isTruthy(value)) return value;
        if (!end.aborted) last = `last value ${inspect(value)}`;
      } catch (error) {
        last = `last error ${error instanceof Error ? error.message : inspect(error)}`;
      }
      await Promise.race([sleep(pauseMs), ended]);
    }
    throw end.reason;
  } finally {
    clearTimeout(timer);
  }
}

function isTruthy<T>(value: T): value is Exclude<T, Falsy> {
  return Boolean(value);
}

/**
 * A TCP port of 127.0.0.1 that nothing listens on. It lies below the range from which the kernel takes the ports of
 * outgoing connections (32768 and up on Linux): a server that is down for a while must find its port free again,
 * and a client that keeps dialling a dead port inside that range can end up connected to itself.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = randomInt(12_000, 32_000);
    if (await canListen(port)) return port;
  }
  throw new Error('found no free port between 12000 and 32000');
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

export interface TempDir {
  path: string;
  /** Removes the directory with everything in it. Idempotent. */
  remove(): Promise<void>;
}

/** Makes a fresh directory that only this user can read. The caller removes it. */
export async function tempDir(name = 'test'): Promise<TempDir> {
  const path = await mkdtemp(join(await realpath(tmpdir()), `gw-${name}-`));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }) };
}
