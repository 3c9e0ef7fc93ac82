/** The explorer itself, on scenarios small enough to count their orders by hand: a proof is worth what its search is. */
import { describe, expect, it } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import { explore, type Scenario, type Schedule, type Search } from './explorer.js';

const all: Search = { limit: 10_000 };

/** Takes `steps` moments, one after the other. */
async function walk(schedule: Schedule, name: string, steps: number): Promise<void> {
  for (let step = 1; step <= steps; step += 1) await schedule.moment(`${name}${step}`, () => undefined);
}

/** Actors that have nothing to do with each other, named by letters, with so many steps each. */
function walkers(...steps: readonly number[]): Scenario {
  return (schedule) => {
    for (const [index, count] of steps.entries()) schedule.start(() => walk(schedule, String.fromCodePoint(97 + index), count));
  };
}

/** The verdict, and the orders that were run. */
async function exploreOrders(scenario: Scenario, search: Search): Promise<{ verdict: Awaited<ReturnType<typeof explore>>; orders: string[] }> {
  const schedules: Schedule[] = [];
  const verdict = await explore((schedule) => {
    schedules.push(schedule);
    scenario(schedule);
  }, search);
  return { verdict, orders: schedules.map(({ trace }) => trace.join(' ')) };
}

describe('every order is run once', () => {
  it.each([
    { steps: [1], count: 1 },
    { steps: [1, 1], count: 2 },
    { steps: [3, 4], count: 35 },
    { steps: [6, 6], count: 924 },
    { steps: [2, 2, 2], count: 90 },
    { steps: [1, 1, 1, 1, 1], count: 120 },
  ])('of actors with $steps steps: $count', async ({ steps, count }) => {
    const { verdict, orders } = await exploreOrders(walkers(...steps), all);
    expect(verdict).toEqual({ interleavings: count, complete: true, estimated: count, violation: undefined });
    expect(new Set(orders).size).toBe(count);
    expect(orders).toHaveLength(count);
  });

  it('of calls, which happen and are answered at picks of their own', async () => {
    const { verdict, orders } = await exploreOrders((schedule) => {
      schedule.start(() => schedule.call('x', () => undefined));
      schedule.start(() => schedule.moment('y', () => undefined));
    }, all);
    expect(verdict.complete).toBe(true);
    expect(orders.toSorted()).toEqual(['x happens x is answered y', 'x happens y x is answered', 'y x happens x is answered']);
  });

  it('of a call that fails: its error is on its way as an answer is', async () => {
    const caught: string[] = [];
    const { orders } = await exploreOrders((schedule) => {
      schedule.start(async () => {
        const failing = schedule.call('x', () => Promise.reject(new Error('refused')));
        await failing.catch((error: unknown) => caught.push(`${String(error)} after ${schedule.trace.join(' ')}`));
      });
    }, all);
    expect(orders).toEqual(['x happens x is answered']);
    expect(caught).toEqual(['Error: refused after x happens x is answered']);
  });

  it('and none in which a moment comes before it is enabled', async () => {
    const { orders } = await exploreOrders((schedule) => {
      schedule.start(() => walk(schedule, 'a', 2));
      schedule.start(() => schedule.moment('b', () => undefined, () => schedule.trace.includes('a1')));
    }, all);
    expect(orders.toSorted()).toEqual(['a1 a2 b', 'a1 b a2']);
  });
});

describe('what happens when nothing else can', () => {
  function waiter(enabled: boolean): Scenario {
    return (schedule) => {
      const state = { idle: false };
      schedule.onIdle('time passes', () => (state.idle = true), () => enabled && !state.idle);
      schedule.start(() => schedule.moment('a', () => undefined, () => state.idle));
      schedule.start(() => schedule.moment('b', () => undefined));
    };
  }

  it('does so after everything else, and ends waits', async () => {
    const { verdict, orders } = await exploreOrders(waiter(true), all);
    expect(orders).toEqual(['b time passes a']);
    expect(verdict).toMatchObject({ complete: true, violation: undefined });
  });

  it('does not happen unless it may', async () => {
    const { violation } = await explore(waiter(false), all);
    expect(violation?.error).toEqual(new Error('nothing can end the wait for: a'));
  });
});

describe('before each pick, everything that can go on has gone on', () => {
  /** `a` needs a long chain of promises before each of its two steps. */
  function longChains(awaits: number): Scenario {
    return (schedule) => {
      schedule.start(async () => {
        for (let step = 1; step <= 2; step += 1) {
          for (let turn = 0; turn < awaits; turn += 1) await Promise.resolve();
          await schedule.moment(`a${step}`, () => undefined);
        }
      });
      schedule.start(() => walk(schedule, 'b', 2));
    };
  }

  it.each([1, 200, 20_000])('a chain of %i awaits', async (awaits) => {
    expect(await explore(longChains(awaits), all)).toMatchObject({ interleavings: 6, complete: true, violation: undefined });
  });

  it('when the search is begun by the event loop, and not by a promise', async () => {
    const verdict = await new Promise((resolve) => {
      setTimeout(() => resolve(explore(longChains(200), all)), 0);
    });
    expect(verdict).toMatchObject({ interleavings: 6, complete: true, violation: undefined });
  });

  it('and the event loop still turns', async () => {
    const search = { over: false };
    const searching = explore(walkers(6, 6), all).finally(() => (search.over = true));
    let turns = 0;
    while (!search.over) {
      turns += 1;
      await setImmediate();
    }
    await searching;
    expect(turns).toBeGreaterThan(2);
  });
});

describe('the verdict names', () => {
  it('the first order that breaks a promise', async () => {
    const verdict = await explore((schedule) => {
      let published = false;
      schedule.start(async () => void (await schedule.moment('publish', () => (published = true))));
      schedule.start(async () => {
        await walk(schedule, 'read', 2);
        if (!published) throw new Error('read too early');
      });
    }, all);
    expect(verdict).toEqual({
      interleavings: 3,
      complete: false,
      estimated: undefined,
      violation: { error: new Error('read too early'), trace: ['read1', 'read2'] },
    });
  });

  it('an order that only a random draw came upon', async () => {
    const { verdict, orders } = await exploreOrders(
      (schedule) => {
        walkers(8, 8)(schedule);
        schedule.start(() =>
          schedule.moment('check', () => {
            if (schedule.trace[0] === 'b1') throw new Error('b was first');
          }),
        );
      },
      { limit: 1_000 },
    );
    expect(verdict.violation).toEqual({ error: new Error('b was first'), trace: orders.at(-1)?.split(' ') });
    expect(verdict.interleavings).toBeGreaterThan(500);
  });

  it('what nothing can end the wait for', async () => {
    const { violation } = await explore((schedule) => schedule.start(() => schedule.moment('poll', () => undefined, () => false)), all);
    expect(violation?.error).toEqual(new Error('nothing can end the wait for: poll'));
  });

  it('a run that goes round in circles', async () => {
    const { violation } = await explore((schedule) => {
      schedule.start(async () => {
        for (;;) await schedule.moment('again', () => undefined);
      });
    }, all);
    expect(String(violation?.error)).toMatch(/after 1000 picks there is no end in sight: again, again/);
  });

  it('an actor that waits for something outside of the schedule', async () => {
    const { violation } = await explore((schedule) => schedule.start(() => setImmediate()), all);
    expect(String(violation?.error)).toMatch(/outside of the schedule/);
  });

  it.each([
    ['other steps', 'b c', 'b d'],
    ['more choices', 'b c', 'b c d'],
    ['fewer choices', 'b c d', 'b c'],
    ['an earlier end', 'b c', ''],
  ])('a scenario that has %s in another run', async (_name, first, second) => {
    let runs = 0;
    const { violation } = await explore((schedule) => {
      runs += 1;
      const labels = (runs === 1 ? first : second).split(' ').filter(Boolean);
      schedule.start(async () => {
        await walk(schedule, 'a', 1);
        for (const label of labels) schedule.start(() => schedule.moment(label, () => undefined));
      });
    }, all);
    expect(String(violation?.error)).toMatch(/does not replay/);
    expect(runs).toBe(2);
  });
});

describe('of a scenario with more orders than it may run', () => {
  const many = walkers(7, 7);
  const orderCount = 3_432;

  it('half are run depth first, the others drawn, and none is counted twice', async () => {
    const { verdict, orders } = await exploreOrders(many, { limit: 2_000 });
    const corner = orders.slice(0, 1_000);
    const drawn = orders.slice(1_000);
    expect(orders).toHaveLength(2_000);
    expect(new Set(corner).size).toBe(1_000);
    expect(drawn.filter((order) => corner.includes(order))).toEqual([]);
    expect(verdict).toMatchObject({ interleavings: new Set(orders).size, complete: false, violation: undefined });
  });

  it('the same seed draws the same orders, another seed others', async () => {
    const draw = async (search: Search): Promise<readonly string[]> => (await exploreOrders(many, search)).orders.slice(search.limit / 2);
    const first = await draw({ limit: 100, seed: 1 });
    expect(await draw({ limit: 100, seed: 1 })).toEqual(first);
    expect(await draw({ limit: 100 })).toEqual(first);
    expect(await draw({ limit: 100, seed: 2 })).not.toEqual(first);
  });

  it('how many there are is estimated', async () => {
    const estimates = await Promise.all([1, 2, 3, 4, 5].map(async (seed) => (await explore(many, { limit: 1_000, seed })).estimated ?? 0));
    for (const estimate of estimates) expect(Math.abs(estimate / orderCount - 1)).toBeLessThan(0.15);
  });

  it('a limit of one order is kept', async () => {
    expect(await explore(many, { limit: 1 })).toEqual({ interleavings: 1, complete: false, estimated: undefined, violation: undefined });
  });
});
