import { describe, expect, it } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import { Coalescer, type CoalescerOptions } from '../../src/runtime/coalescer.js';
import { waitFor } from '../support/wait.js';

class TooMuch extends Error {}

/** A service whose calls end when the test says so. */
class Service {
  readonly calls: { things: readonly number[]; end: (failure?: Error) => void }[] = [];
  readonly coalescer: Coalescer<number, string>;

  constructor(options: Partial<CoalescerOptions<number, string>> = {}) {
    this.coalescer = new Coalescer({
      call: (things) =>
        new Promise((resolve, reject) => {
          this.calls.push({ things, end: (failure) => (failure ? reject(failure) : resolve(things.map((thing) => `answer ${thing}`))) });
        }),
      maxCalls: 2,
      minThings: 1,
      maxThings: 5,
      maxWaitMs: 60_000,
      mayBeOfOne: (error) => error instanceof TooMuch,
      ...options,
    });
  }

  /** What the calls were about. */
  things(): (readonly number[])[] {
    return this.calls.map(({ things }) => things);
  }
}

describe('Coalescer', () => {
  it('calls at once while there is room, and then for all who wait together', async () => {
    const service = new Service();
    const asked = [[1], [2, 3], [4], [5, 6], [7, 8], [9]].map((things) => service.coalescer.ask(things));
    expect(service.things()).toEqual([[1], [2, 3]]);
    service.calls[0]?.end();
    await asked[0];
    await setImmediate();
    expect(service.things()).toEqual([[1], [2, 3], [4, 5, 6, 7, 8]]);
    service.calls[1]?.end();
    await asked[1];
    await setImmediate();
    expect(service.things()[3]).toEqual([9]);
    for (const { end } of service.calls) end();
    expect(await Promise.all(asked)).toEqual([['answer 1'], ['answer 2', 'answer 3'], ['answer 4'], ['answer 5', 'answer 6'], ['answer 7', 'answer 8'], ['answer 9']]);
    void service.coalescer.ask([10]);
    expect(service.things()[4]).toEqual([10]);
  });

  it('tells all who were asked for together why it failed, and goes on', async () => {
    const service = new Service({ maxCalls: 1 });
    const first = service.coalescer.ask([1]);
    const waiting = [service.coalescer.ask([2]), service.coalescer.ask([3])];
    service.calls[0]?.end();
    await first;
    await setImmediate();
    service.calls[1]?.end(new Error('out of order'));
    for (const each of waiting) await expect(each).rejects.toThrow('out of order');
    const next = service.coalescer.ask([4]);
    service.calls[2]?.end();
    expect(await next).toEqual(['answer 4']);
  });

  it('asks for each alone when together they were too much', async () => {
    const service = new Service({ maxCalls: 1 });
    const first = service.coalescer.ask([1]);
    const [small, huge] = [service.coalescer.ask([2]), service.coalescer.ask([3])];
    service.calls[0]?.end();
    await first;
    await setImmediate();
    service.calls[1]?.end(new TooMuch());
    await setImmediate();
    expect(service.things().slice(2)).toEqual([[2], [3]]);
    service.calls[2]?.end();
    service.calls[3]?.end(new TooMuch('alone, too'));
    expect(await small).toEqual(['answer 2']);
    await expect(huge).rejects.toThrow('alone, too');
  });

  it('lets nobody wait longer than a moment', async () => {
    const service = new Service({ maxCalls: 1, maxWaitMs: 20 });
    const asked = [[1], [2, 3], [4]].map((things) => service.coalescer.ask(things));
    expect(service.things()).toEqual([[1]]);
    await waitFor(() => service.calls.length === 2, { what: 'a call for those who wait' });
    expect(service.things()).toEqual([[1], [2, 3, 4]]);
    for (const { end } of service.calls) end();
    expect(await Promise.all(asked)).toHaveLength(3);
  });

  it('does not let those wait who ask for little', async () => {
    const service = new Service({ maxCalls: 1, minThings: 2 });
    const asked = [[1, 2], [3, 4], [5]].map((things) => service.coalescer.ask(things));
    expect(service.things()).toEqual([[1, 2], [5]]);
    service.calls[0]?.end();
    await asked[0];
    await setImmediate();
    for (const { end } of service.calls) end();
    expect(await Promise.all(asked)).toHaveLength(3);
  });

  it('asks for what is more than a call may have, all the same', async () => {
    const service = new Service();
    const asked = service.coalescer.ask([1, 2, 3, 4, 5, 6, 7]);
    service.calls[0]?.end();
    expect(await asked).toHaveLength(7);
  });
});
