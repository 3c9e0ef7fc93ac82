import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { Lifecycle, startWith } from '../../src/runtime/lifecycle.js';
import type { Logger } from '../../src/runtime/logger.js';

/** What is logged, as `step: message`. */
function recordingLog(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const write = (line: string): void => {
    const { step, msg }: Record<string, unknown> = JSON.parse(line);
    lines.push(`${String(step)}: ${String(msg)}`);
  };
  return { log: pino({ level: 'warn' }, { write }), lines };
}

const never = (): Promise<void> => new Promise(() => undefined);

describe('Lifecycle', () => {
  it('ends each step once, in reverse order, each after the one before it, however often it is told to', async () => {
    const { log, lines } = recordingLog();
    const lifecycle = new Lifecycle(log);
    const ended: string[] = [];
    for (const name of ['first', 'second', 'third']) {
      lifecycle.own(name, async () => {
        ended.push(`${name} begins`);
        await new Promise(setImmediate);
        ended.push(`${name} has ended`);
      });
    }
    await Promise.all([lifecycle.stop(), lifecycle.stop()]);
    await lifecycle.stop();
    expect(ended).toEqual(['third', 'second', 'first'].flatMap((name) => [`${name} begins`, `${name} has ended`]));
    expect(lines).toEqual([]);
  });

  it('goes on after a step that throws or rejects, and says which', async () => {
    const { log, lines } = recordingLog();
    const lifecycle = new Lifecycle(log);
    const ended: string[] = [];
    lifecycle.own('last', () => void ended.push('last'));
    lifecycle.own('rejecting', () => Promise.reject(new Error('as told')));
    lifecycle.own('throwing', () => {
      throw new Error('as told');
    });
    await lifecycle.stop();
    expect(ended).toEqual(['last']);
    expect(lines).toEqual(['throwing: stopping failed, going on', 'rejecting: stopping failed, going on']);
  });

  it('goes on after a step that takes longer than its deadline, and says which; its later failure harms no one', async () => {
    const { log, lines } = recordingLog();
    const lifecycle = new Lifecycle(log);
    const ended: string[] = [];
    let failLate = (): void => undefined;
    lifecycle.own('last', () => void ended.push('last'));
    lifecycle.own('hanging', never, 5);
    lifecycle.own('late', () => new Promise((_, reject) => (failLate = () => reject(new Error('too late')))), 5);
    await lifecycle.stop();
    expect(ended).toEqual(['last']);
    expect(lines).toEqual(['late: stopping takes too long, going on', 'hanging: stopping takes too long, going on']);
    failLate();
    await new Promise(setImmediate);
  });

  it('leaves no timer behind', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const lifecycle = new Lifecycle(recordingLog().log);
    const before = timers();
    lifecycle.own('quick', () => undefined, 60_000);
    lifecycle.own('failing', () => Promise.reject(new Error('as told')), 60_000);
    await lifecycle.stop();
    expect(timers()).toBe(before);
  });
});

describe('startWith', () => {
  it('gives what was built, whose lifecycle still runs', async () => {
    const ended: string[] = [];
    const lifecycle = await startWith(recordingLog().log, (own) => {
      own.own('part', () => void ended.push('part'));
      return Promise.resolve(own);
    });
    expect(ended).toEqual([]);
    await lifecycle.stop();
    expect(ended).toEqual(['part']);
  });

  it('ends what was started when the start fails half-way, before it passes the error on', async () => {
    const ended: string[] = [];
    const failure = new Error('no database');
    const starting = startWith(recordingLog().log, async (lifecycle) => {
      lifecycle.own('first', () => void ended.push('first'));
      lifecycle.own('second', () => Promise.reject(new Error('cannot even stop')));
      await Promise.reject(failure);
    });
    await expect(starting).rejects.toBe(failure);
    expect(ended).toEqual(['first']);
  });
});
