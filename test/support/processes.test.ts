import { describe, it, expect } from '@jest/globals';
import { startProcess } from './processes.js';
import { waitFor } from './wait.js';

const node = (script: string) => ({ command: process.execPath, args: ['-e', script] });
const staying = (script: string) => node(`${script}; setInterval(() => {}, 1_000)`);

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('startProcess', () => {
  it('resolves when the awaited line is there, and keeps what was written', async () => {
    const running = await startProcess({ ...staying(`console.log('one'); console.error('ready')`), readyWhen: /ready/ });
    expect(await running.waitForLine(/one/)).toBe('one');
    expect(running.logs().split('\n').toSorted()).toEqual(['one', 'ready']);
    expect(running.peakRssBytes()).toBeGreaterThanOrEqual(running.rssBytes());
    expect(running.rssBytes()).toBeGreaterThan(2 ** 20);
    expect(await running.stop()).toEqual({ code: null, signal: 'SIGTERM' });
    expect(() => running.rssBytes()).toThrow(/ended|ENOENT/);
    expect(running.signal('SIGTERM')).toBe(false);
  });

  it('reports the exit code, and hands down no environment but what is named', async () => {
    const script = `process.exit(process.env.GIVEN === '1' && !('JEST_WORKER_ID' in process.env) ? 7 : 1)`;
    const running = await startProcess({ ...node(script), env: { GIVEN: '1' } });
    expect(await running.exited).toEqual({ code: 7, signal: null });
  });

  it('fails with the output of a program that ends before it is ready', async () => {
    const start = startProcess({ ...node(`console.log('no licence'); process.exit(3)`), readyWhen: () => false });
    await expect(start).rejects.toThrow(/it ended with code 3\nno licence/);
  });

  it('fails when there is no such program', async () => {
    await expect(startProcess({ command: '/nowhere/program', readyWhen: /ready/ })).rejects.toThrow('/nowhere/program');
  });

  it('ends a program that ignores SIGTERM, and one that is frozen', async () => {
    const stubborn = await startProcess({ ...staying(`process.on('SIGTERM', () => {}); console.log('up')`), readyWhen: /up/ });
    expect(await stubborn.stop(100)).toEqual({ code: null, signal: 'SIGKILL' });
    const frozen = await startProcess({ ...staying(`console.log('up')`), readyWhen: /up/ });
    frozen.signal('SIGSTOP');
    expect(await frozen.stop()).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('leaves no grandchild behind, however the program ends', async () => {
    const parent = await startProcess({ command: 'sh', args: ['-c', 'sleep 1000 & echo child $!; wait'], readyWhen: /child/ });
    const child = Number((await parent.waitForLine(/child \d+/)).split(' ')[1]);
    expect(isAlive(child)).toBe(true);
    parent.signal('SIGKILL');
    await parent.exited;
    expect(await waitFor(() => !isAlive(child), { what: 'the grandchild to be gone' })).toBe(true);
  });
});
