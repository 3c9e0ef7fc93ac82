import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Limiter, Overloaded } from '../../src/runtime/limiter.js';

/** A task that runs until it is told to end. */
class Task {
  started = false;
  finish: () => void = () => undefined;
  fail: (error: Error) => void = () => undefined;
  readonly #ended = new Promise<void>((resolve, reject) => {
    this.finish = resolve;
    this.fail = reject;
  });
  readonly run = (): Promise<void> => {
    this.started = true;
    return this.#ended;
  };
}

const tasks = (count: number): Task[] => Array.from({ length: count }, () => new Task());
/** Lets everything go on that can go on without time passing. */
const settle = (): Promise<void> => new Promise(setImmediate);
const startedOf = (all: readonly Task[]): boolean[] => all.map(({ started }) => started);

describe('Limiter', () => {
  it('starts as many tasks as there is room for, and the others in order as room is made', async () => {
    const limiter = new Limiter({ max: 2 });
    const all = tasks(4);
    const running = all.map(({ run }) => limiter.run(run));
    await settle();
    expect(startedOf(all)).toEqual([true, true, false, false]);
    expect(limiter.running).toBe(2);
    all[1]?.finish();
    await settle();
    expect(startedOf(all)).toEqual([true, true, true, false]);
    expect(limiter.running).toBe(2);
    for (const task of all) task.finish();
    await Promise.all(running);
    expect(limiter.running).toBe(0);
  });

  it('gives what the task gives, passes its failure on, and has room again after both', async () => {
    const limiter = new Limiter({ max: 1, maxQueued: 0 });
    expect(await limiter.run(() => Promise.resolve('result'))).toBe('result');
    const failure = new Error('as told');
    await expect(limiter.run(() => Promise.reject(failure))).rejects.toBe(failure);
    const throwing = (): Promise<never> => {
      throw failure;
    };
    await expect(limiter.run(throwing)).rejects.toBe(failure);
    expect(limiter.running).toBe(0);
    expect(await limiter.run(() => Promise.resolve('again'))).toBe('again');
  });

  it('hands the place of a failed task to the one that waits', async () => {
    const limiter = new Limiter({ max: 1 });
    const [first = new Task(), second = new Task()] = tasks(2);
    const outcomes = Promise.allSettled([limiter.run(first.run), limiter.run(second.run)]);
    await settle();
    first.fail(new Error('as told'));
    await settle();
    expect(second.started).toBe(true);
    second.finish();
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  });

  it('refuses a task at once when too many wait, and does not start it', async () => {
    const limiter = new Limiter({ max: 1, maxQueued: 2 });
    const all = tasks(4);
    const running = all.map(({ run }) => limiter.run(run));
    await expect(running[3]).rejects.toBeInstanceOf(Overloaded);
    for (const task of all) task.finish();
    await Promise.all(running.slice(0, 3));
    expect(startedOf(all)).toEqual([true, true, true, false]);
  });

  it('refuses a task that has waited for too long, does not start it later, and keeps no place for it', async () => {
    const limiter = new Limiter({ max: 1, maxQueued: 1, maxWaitMs: 5 });
    const [holder = new Task(), impatient = new Task(), next = new Task()] = tasks(3);
    const holding = limiter.run(holder.run);
    await expect(limiter.run(impatient.run)).rejects.toThrow(new Overloaded('no room within 5 ms'));
    const following = limiter.run(next.run);
    holder.finish();
    await holding;
    next.finish();
    await following;
    expect(impatient.started).toBe(false);
    expect(limiter.running).toBe(0);
  });

  it('never exceeds its bound, and runs every task, whatever the order of starts and ends', async () => {
    const plan = fc.array(fc.record({ turns: fc.nat(5), fails: fc.boolean() }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), plan, async (max, planned) => {
        const limiter = new Limiter({ max });
        let inFlight = 0;
        let most = 0;
        const results = await Promise.allSettled(
          planned.map(({ turns, fails }) =>
            limiter.run(async () => {
              inFlight += 1;
              most = Math.max(most, inFlight);
              for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
              inFlight -= 1;
              if (fails) throw new Error('as told');
            }),
          ),
        );
        expect(most).toBeLessThanOrEqual(max);
        expect(results.map(({ status }) => status === 'rejected')).toEqual(planned.map(({ fails }) => fails));
        expect(limiter.running).toBe(0);
      }),
    );
  });
});
