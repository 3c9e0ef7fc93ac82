/** What every store of counters promises. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { counterNames, type CounterName, type Counters } from '../../src/media/rows/counters.js';

export interface TestCounters {
  /** Two instances on one database that nothing was counted in. */
  instances: [Counters, Counters];
  close(): Promise<void>;
}

export function describeCounters(name: string, open: () => Promise<TestCounters>): void {
  describe(`${name} as counters`, () => {
    let test: TestCounters;
    let one: Counters;
    let other: Counters;

    beforeAll(async () => {
      test = await open();
      [one, other] = test.instances;
    });
    afterAll(() => test.close());

    /** What `work` added to each counter that it changed. */
    const changesBy = async (work: () => Promise<unknown>): Promise<Partial<Record<CounterName, number>>> => {
      const before = await one.read();
      await work();
      const after = await one.read();
      return Object.fromEntries(counterNames.filter((counter) => after[counter] !== before[counter]).map((counter) => [counter, after[counter] - before[counter]]));
    };

    it('has every counter, at 0 before anything counted', async () => {
      expect(await one.read()).toEqual(Object.fromEntries(counterNames.map((counter) => [counter, 0])));
    });

    it('adds to those that are named and to no others', async () => {
      expect(await changesBy(() => one.add({ uploads: 2, api_calls: 3 }))).toEqual({ uploads: 2, api_calls: 3 });
      expect(await changesBy(() => one.add({ uploads: 1 }))).toEqual({ uploads: 1 });
    });

    it('takes nothing for nothing', async () => {
      expect(await changesBy(() => Promise.all([one.add({}), one.add({ uploads: 0, deletions: 0 })]))).toEqual({});
    });

    it('loses no count of two instances that add at the same time, in whatever order they name the counters', async () => {
      const forth = Object.fromEntries(counterNames.map((counter, index) => [counter, index + 1]));
      const back = Object.fromEntries(Object.entries(forth).toReversed());
      const adds = (counters: Counters, amounts: Partial<Record<CounterName, number>>): Promise<void>[] => Array.from({ length: 200 }, () => counters.add(amounts));
      const changes = await changesBy(() => Promise.all([...adds(one, forth), ...adds(other, back)]));
      expect(changes).toEqual(Object.fromEntries(Object.entries(forth).map(([counter, amount]) => [counter, 400 * amount])));
      expect(await other.read()).toEqual(await one.read());
    });

    it('counts beyond 32 bits', async () => {
      expect(await changesBy(() => one.add({ removed_bytes: 5_000_000_000_000 }))).toEqual({ removed_bytes: 5_000_000_000_000 });
    });
  });
}
