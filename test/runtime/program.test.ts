/** The life of a process: signals, exit codes, failures. In processes of their own, as exits and signals are what is promised. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { startProcess, type RunningProcess } from '../support/processes.js';
import { waitFor } from '../support/wait.js';

const runtime = (file: string): string => JSON.stringify(new URL(`../../dist/runtime/${file}.js`, import.meta.url).href);

/** A program whose start is the body of `start`, an async function of `settings` and `log`; `say` writes a line. */
const scriptOf = (start: string, before = ''): string => `
  ${before}
  const { runProgram } = await import(${runtime('program')});
  const { SettingsError } = await import(${runtime('settings')});
  const say = (line) => process.stdout.write(line + '\\n');
  const forEver = () => new Promise(() => setInterval(() => undefined, 1_000));
  const start = async (settings, log) => { ${start} };
  await runProgram({ name: 'tried', programs: ['users'], start }, process);
`;

describe('runProgram', () => {
  let program: RunningProcess | undefined;
  afterEach(async () => {
    await program?.stop(0);
    program = undefined;
  });

  const run = async (start: string, { before = '', args = [] }: { before?: string; args?: readonly string[] } = {}): Promise<RunningProcess> => {
    program = await startProcess({ command: process.execPath, args: ['--input-type=module', '-e', scriptOf(start, before), '--', ...args] });
    return program;
  };
  /** The lines that the program itself says. */
  const saidBy = (running: RunningProcess): string[] => running.logs().split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  const loggedBy = (running: RunningProcess): unknown[] => running.logs().split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));

  it('runs until a signal, then stops and exits 0; more signals change nothing', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const running = await run(`
        const timer = setInterval(() => undefined, 1_000);
        setImmediate(say, 'running');
        return { stop: async () => { say('stopping'); await new Promise((resolve) => setTimeout(resolve, 50)); clearInterval(timer); say('has stopped'); } };
      `);
      await running.waitForLine(/^running/);
      for (const again of [signal, 'SIGTERM', 'SIGINT'] as const) running.signal(again);
      expect(await running.exited).toEqual({ code: 0, signal: null });
      expect(saidBy(running)).toEqual(['running', 'stopping', 'has stopped']);
    }
  });

  it('stops in the middle of a start, once that is through', async () => {
    const running = await run(`
      const timer = setInterval(() => undefined, 1_000);
      setImmediate(say, 'starting');
      await new Promise((resolve) => process.once('SIGTERM', () => setTimeout(resolve, 20)));
      clearInterval(timer);
      say('started');
      return { stop: async () => say('has stopped') };
    `);
    await running.waitForLine(/^starting/);
    running.signal('SIGTERM');
    expect(await running.exited).toEqual({ code: 0, signal: null });
    expect(saidBy(running)).toEqual(['starting', 'started', 'has stopped']);
  });

  it.each([
    ['a start that hangs', `setImmediate(say, 'ready'); await forEver();`],
    ['a stop that hangs', `setImmediate(say, 'ready'); return { stop: forEver };`],
  ])('ends by itself in less than ten seconds with %s, with exit code 1', async (_name, start) => {
    // Time runs a hundred times as fast for the program, which says how long it would have waited.
    const before = `
      const realTimeout = setTimeout;
      globalThis.setTimeout = (task, ms, ...rest) => { if (ms > 1_000) process.stdout.write('waits ' + ms + '\\n'); return realTimeout(task, ms / 100, ...rest); };
    `;
    const running = await run(start, { before: `${before} setInterval(() => undefined, 1_000);` });
    await running.waitForLine(/^ready/);
    running.signal('SIGTERM');
    const waits = Number(/\d+/.exec(await running.waitForLine(/^waits/))?.[0]);
    expect(waits).toBeGreaterThan(8_500);
    expect(waits).toBeLessThan(10_000);
    expect(await running.exited).toEqual({ code: 1, signal: null });
  });

  it.each([
    ['an exception that no one catches', `setImmediate(() => { throw new Error('unforeseen'); });`],
    ['a rejection that no one handles', `void Promise.reject(new Error('unforeseen'));`],
  ])('stops and exits 1 on %s, and logs it with its stack', async (_name, fault) => {
    const running = await run(`${fault} const timer = setInterval(() => undefined, 1_000); return { stop: async () => { clearInterval(timer); say('has stopped'); } };`);
    expect(await running.exited).toEqual({ code: 1, signal: null });
    expect(saidBy(running)).toEqual(['has stopped']);
    const fatal = { level: 'fatal', msg: 'unforeseen error, stopping', err: { message: 'unforeseen', stack: expect.stringContaining('at ') } };
    expect(loggedBy(running)).toContainEqual(expect.objectContaining({ ...fatal, err: expect.objectContaining(fatal.err) }));
  });

  it('exits 1 when the start fails, and says why', async () => {
    const running = await run(`throw Object.assign(new Error('port is taken'), { code: 'EADDRINUSE' });`);
    expect(await running.exited).toEqual({ code: 1, signal: null });
    const err = { name: 'Error', message: 'port is taken', code: 'EADDRINUSE' };
    expect(loggedBy(running)).toContainEqual(expect.objectContaining({ level: 'fatal', msg: 'cannot start', err }));
  });

  it('tells an operator in a sentence of a setting that is found unusable during the start', async () => {
    const running = await run(`throw new SettingsError('USER_GRPC_ADDR must be free.');`);
    expect(await running.exited).toEqual({ code: 1, signal: null });
    expect(saidBy(running)).toEqual(['USER_GRPC_ADDR must be free.']);
    expect(running.logs()).not.toContain('fatal');
  });

  it('explains itself with --help, exits 0, and starts nothing', async () => {
    const running = await run(`say('started'); return { stop: async () => undefined };`, { args: ['--help'] });
    expect(await running.exited).toEqual({ code: 0, signal: null });
    expect(running.logs()).toMatch(/^tried: settings are environment variables/);
    expect(running.logs()).not.toContain('started');
  });

  it('ends on a signal also when no one reads its log any more', async () => {
    const script = scriptOf(`const timer = setInterval(() => undefined, 1_000); log.info('running'); return { stop: async () => clearInterval(timer) };`);
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      await once(child.stdout, 'data');
      child.stdout.destroy();
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      expect(await waitFor(() => exited, { what: 'the exit', timeoutMs: 2_000 })).toEqual([0, null]);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
