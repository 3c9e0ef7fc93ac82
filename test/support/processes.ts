/**
 * Child processes of the tests: any program, started until ready, watched, and ended.
 * Invariant: no process of a group outlives the test process, however that one ends. Each group holds a small watchdog
 * shell on the other end of a pipe; the kernel closes the pipe when the test process is gone, also after SIGKILL.
 */
import { spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { ChildProcess } from 'node:child_process';
import { waitFor } from './wait.js';

export interface ProcessOptions {
  command: string;
  args?: readonly string[];
  /** Added to PATH, HOME and TMPDIR, which are all that is inherited: a developer's settings stay out of the tests. */
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  /** Runs the program as another user; needs root. */
  user?: { uid: number; gid: number };
  /** Resolves `startProcess`: a line that matches, or a probe that answers truthy. Without it, at once. */
  readyWhen?: RegExp | (() => unknown);
  /** Default 30000. Milliseconds until the program must be ready. */
  readyTimeoutMs?: number;
  /** A directory to remove when the test process dies without having ended this process. */
  scratch?: string;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface RunningProcess {
  readonly pid: number;
  /** Resolves once the process has ended and its output is read. Never rejects; waiting for it keeps no event loop alive. */
  readonly exited: Promise<Exit>;
  /** The last lines of stdout and stderr, in order of arrival. */
  logs(): string;
  /** The first line, past or future, that matches; rejects when the process ends or `timeoutMs` (15000) pass. */
  waitForLine(pattern: RegExp, timeoutMs?: number): Promise<string>;
  /** Sends a signal; false when the process has ended already. */
  signal(name: NodeJS.Signals): boolean;
  /** Resident memory now, in bytes (Linux). */
  rssBytes(): number;
  /** Highest resident memory since the start, in bytes (Linux). */
  peakRssBytes(): number;
  /** SIGTERM, then SIGKILL after `graceMs` (10000); the whole group is gone afterwards. Idempotent. */
  stop(graceMs?: number): Promise<Exit>;
}

const KEPT_LINES = 2_000;
const KEPT_LINE_LENGTH = 8_192;

/**
 * `exec` keeps the pid, so that pid, signals and exit code are those of the program itself. In the subshell `$$` is still
 * that pid. A line on descriptor 3 means "the program has ended", end of file means "the test process has died": then
 * the program gets five seconds to end by itself, which spares what SIGKILL leaves behind (shared memory, port programs).
 */
const WATCHDOG = `
scratch=$1; shift
(
  if ! read -r _; then
    kill -TERM $$; kill -CONT $$
    for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 $$ || break; sleep 0.5; done
    kill -KILL $$
    [ -z "$scratch" ] || rm -rf -- "$scratch"
  fi
  kill -KILL 0
) <&3 >/dev/null 2>&1 &
exec "$@" 3<&-`;

/**
 * Starts a program in a process group of its own and waits until it is ready.
 *
 * @throws Error with the program's last lines when it cannot be started, ends before it is ready, or takes too long.
 */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const { command, readyWhen, readyTimeoutMs = 30_000 } = options;
  const running = launch(options);
  try {
    if (readyWhen instanceof RegExp) await running.waitForLine(readyWhen, readyTimeoutMs);
    else if (readyWhen) await waitFor(readyWhen, { what: 'its probe', timeoutMs: readyTimeoutMs, signal: running.ended });
    return running;
  } catch (error) {
    await running.stop(1_000);
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${command} did not get ready: ${reason}\n${running.logs()}`, { cause: error });
  }
}

function launch({ command, args = [], env = {}, cwd, user, scratch = '' }: ProcessOptions) {
  const child = spawn('/bin/sh', ['-c', WATCHDOG, 'sh', scratch, command, ...args], {
    ...(cwd === undefined ? {} : { cwd }),
    ...user,
    env: { ...inherited(), ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  child.on('error', () => {});
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start a shell for ${command}: is ${cwd ?? 'the working directory'} there?`);
  letGo(child);
  const output = new Output(child);
  const exited = exitOf(child);
  const ended = new AbortController();
  void exited.then(({ code, signal }) => ended.abort(new Error(`it ended with ${signal ?? `code ${code}`}`)));
  let stopping: Promise<Exit> | undefined;
  return {
    pid,
    exited,
    ended: ended.signal,
    logs: () => output.lines.join('\n'),
    waitForLine: (pattern: RegExp, timeoutMs?: number) => output.find(pattern, { timeoutMs, signal: ended.signal }),
    signal: (name: NodeJS.Signals) => child.kill(name),
    rssBytes: () => memory(pid, 'VmRSS'),
    peakRssBytes: () => memory(pid, 'VmHWM'),
    stop: (graceMs = 10_000) => (stopping ??= stop(child, exited, graceMs)),
  } satisfies RunningProcess & { ended: AbortSignal };
}

/** The handles must not keep a test run alive that forgot to stop a process; the watchdog ends it then. */
function letGo(child: ChildProcess): void {
  child.unref();
  for (const stream of child.stdio) if (stream instanceof Socket) stream.unref();
}

async function stop(child: ChildProcess, exited: Promise<Exit>, graceMs: number): Promise<Exit> {
  child.kill('SIGTERM');
  child.kill('SIGCONT');
  const timer = setInterval(() => child.kill('SIGKILL'), graceMs);
  try {
    return await exited;
  } finally {
    clearInterval(timer);
  }
}

/** Ends the rest of the group when the program has ended. "close" comes after that: the watchdog holds a pipe. */
function exitOf(child: ChildProcess): Promise<Exit> {
  const lifeline = child.stdio[3];
  if (!(lifeline instanceof Socket)) throw new TypeError('descriptor 3 is not a pipe');
  lifeline.on('error', () => {});
  child.once('exit', () => {
    lifeline.end('\n');
    const escaped = setTimeout(() => child.stdio.forEach((stream) => stream?.destroy()), 2_000);
    child.once('close', () => clearTimeout(escaped));
  });
  return new Promise((resolve) => {
    child.once('close', (code: number | null, signal: NodeJS.Signals | null) => resolve({ code, signal }));
  });
}

/** The last lines of both streams, and those who wait for a line. */
class Output {
  readonly lines: string[] = [];
  readonly #arrived = new EventEmitter().setMaxListeners(0);

  constructor(child: ChildProcess) {
    for (const input of [child.stdout, child.stderr]) if (input) createInterface({ input }).on('line', (line) => this.#add(line));
  }

  async find(pattern: RegExp, { timeoutMs = 15_000, signal }: { timeoutMs?: number | undefined; signal: AbortSignal }): Promise<string> {
    let found = this.lines.find((line) => pattern.test(line));
    const look = (line: string) => {
      if (pattern.test(line)) found ??= line;
    };
    this.#arrived.on('line', look);
    try {
      return await waitFor(() => found, { what: `a line like ${pattern}`, timeoutMs, signal });
    } finally {
      this.#arrived.off('line', look);
    }
  }

  #add(line: string): void {
    const kept = line.slice(0, KEPT_LINE_LENGTH);
    this.lines.push(kept);
    if (this.lines.length > KEPT_LINES) this.lines.shift();
    this.#arrived.emit('line', kept);
  }
}

function memory(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} has ended: it has no ${field}`);
  return Number(kilobytes) * 1024;
}

function inherited(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR'] as const;
  return Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}
