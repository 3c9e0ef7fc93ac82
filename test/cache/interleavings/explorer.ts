/**
 * Runs a small concurrent scenario in every order that its steps can take.
 *
 * The code under test is the real one. All that it waits for (store, origin, timers, events) are *operations* of a schedule: each is
 * pending until the schedule picks it, takes effect at once, and its answer is delivered by a later pick. After each pick all promises
 * that can go on do so; then the next pick is made. A run is the list of its picks. The explorer replays the scenario with one list
 * after the other, depth first, until all have been seen (stateless model checking, as in Godefroid's VeriSoft, 1997).
 */
import { nextTick } from 'node:process';
import { setImmediate } from 'node:timers';

interface Operation {
  readonly label: string;
  readonly run: () => void;
  readonly enabled: (() => boolean) | undefined;
}

/** One pick of a run: the labels of what could go on, oldest first, and which of them did. Holds no operation, or each run would keep the one before. */
interface Picked {
  readonly from: readonly string[];
  readonly choice: number;
}

/** The picks that a run begins with. */
type Plan = readonly Picked[];

/** Says which of `from` pick number `index` takes, from 0. @throws Error when the scenario does not replay. */
type Choose = (index: number, from: readonly string[]) => number;

/** No scenario needs as many: a run that comes here goes round in circles. */
const maxPicks = 1_000;

export class Schedule {
  static #settles = 0;
  /** The labels of what was picked, for conditions and for the report of a violation. */
  readonly trace: string[] = [];
  readonly picks: Picked[] = [];
  readonly #choose: Choose;
  #pending: Operation[] = [];
  /** Actors that have not come to their end. */
  #unfinished = 0;
  #failure: { error: unknown } | undefined;
  #relief: { label: string; effect: () => void; enabled: () => boolean } | undefined;

  constructor(choose: Choose) {
    this.#choose = choose;
  }

  /** `effect` happens at one pick; its result, or its error, arrives at a later one, as over a network. */
  call<T>(label: string, effect: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve) => {
      this.#add(`${label} happens`, () => {
        const outcome = attempt(effect);
        const answer = (): void => this.#add(`${label} is answered`, () => resolve(outcome));
        void outcome.then(answer, answer);
      });
    });
  }

  /** Happens, and is known, at one pick; not before `enabled`. */
  moment<T>(label: string, effect: () => T | Promise<T>, enabled?: () => boolean): Promise<T> {
    return new Promise((resolve) => this.#add(label, () => resolve(attempt(effect)), enabled));
  }

  /** Part of the scenario; what it throws is the verdict of the run. */
  start(actor: () => Promise<void>): void {
    this.#unfinished += 1;
    void actor().then(
      () => (this.#unfinished -= 1),
      (error: unknown) => (this.#failure ??= { error }),
    );
  }

  /** `effect` happens whenever nothing else can, and it is enabled: as time that passes. */
  onIdle(label: string, effect: () => void, enabled: () => boolean): void {
    this.#relief = { label, effect, enabled };
  }

  /**
   * Picks until nothing is pending. @throws what an actor threw; Error when only polls are left that nothing can end, when there is no end
   * to the picks, or when an actor waits for something that is no operation, so that this was not every order.
   */
  async run(): Promise<void> {
    // Into a microtask, from wherever this was called: what `#settled` promises holds only there.
    await Promise.resolve();
    for (;;) {
      await Schedule.#settled();
      if (this.#failure) throw this.#failure.error;
      if (this.picks.length >= maxPicks) throw new Error(`after ${maxPicks} picks there is no end in sight: ${this.trace.slice(-10).join(', ')}`);
      const enabled = this.#enabled();
      if (enabled.length > 0) this.#pick(enabled);
      else if (this.#pending.length === 0 || !this.#relieve()) break;
    }
    if (this.#pending.length > 0) throw new Error(`nothing can end the wait for: ${this.#pending.map(({ label }) => label).join(', ')}`);
    if (this.#unfinished > 0) throw new Error('an actor waits for something outside of the schedule');
  }

  /** No choice, and so no pick. False when it does not help. */
  #relieve(): boolean {
    if (!this.#relief?.enabled()) return false;
    this.trace.push(this.#relief.label);
    this.#relief.effect();
    return this.#enabled().length > 0;
  }

  #enabled(): Operation[] {
    return this.#pending.filter((operation) => operation.enabled === undefined || operation.enabled());
  }

  #pick(enabled: readonly Operation[]): void {
    const from = enabled.map(({ label }) => label);
    const choice = this.#choose(this.picks.length, from);
    const picked = enabled[choice];
    if (!picked) throw new RangeError(`${choice} is none of ${from.length} choices`);
    this.picks.push({ from, choice });
    this.trace.push(picked.label);
    this.#pending = this.#pending.filter((operation) => operation !== picked);
    picked.run();
  }

  #add(label: string, run: () => void, enabled?: () => boolean): void {
    this.#pending.push({ label, run, enabled });
  }

  /**
   * All promises that can go on have gone on, however long their chains: Node calls back from `nextTick` when its queue of microtasks is
   * empty. Once in a while a whole turn of the event loop, so that deadlines of the test fire
   * and rejections without a handler are reported; a prime, so that it is not always the same pick of each run.
   */
  static #settled(): Promise<void> {
    Schedule.#settles += 1;
    const turn = Schedule.#settles % 997 === 0;
    return new Promise((resolve) => void (turn ? setImmediate(resolve) : nextTick(resolve)));
  }
}

/** A promise even of what is thrown at once. */
function attempt<T>(effect: () => T | Promise<T>): Promise<T> {
  return new Promise((resolve) => resolve(effect()));
}

export type Scenario = (schedule: Schedule) => void;

export interface Verdict {
  /** Different orders that were run. */
  interleavings: number;
  /** True when these were all that there are; else some of them were drawn at random. */
  complete: boolean;
  /** How many orders there are: counted when complete, else Knuth's estimate from the random draws (1975); undefined when a violation came before the first. */
  estimated: number | undefined;
  /** The first order that broke a promise. */
  violation: { error: unknown; trace: readonly string[] } | undefined;
}

export interface Search {
  /** Runs at most. */
  limit: number;
  /** Default 1. Another seed draws other orders, the same seed the same. */
  seed?: number;
}

/**
 * Runs `scenario` in every order, or until one breaks a promise. Of a scenario with more orders than half of `limit`, that many are run
 * depth first, and as many again drawn at random from the rest: a search that is cut off has seen one corner only.
 */
export async function explore(scenario: Scenario, { limit, seed = 1 }: Search): Promise<Verdict> {
  let interleavings = 0;
  for (let plan: Plan | undefined = []; plan; interleavings += 1) {
    if (interleavings >= limit / 2) return sample(scenario, { plan, before: interleavings, draws: limit - interleavings, random: seeded(seed) });
    const { picks, violation } = await runOnce(scenario, plan, following(plan));
    if (violation) return { interleavings: interleavings + 1, complete: false, estimated: undefined, violation };
    plan = nextPlan(picks);
  }
  return { interleavings, complete: true, estimated: interleavings, violation: undefined };
}

/** Where a depth-first search was cut off. */
interface Rest {
  /** The first order that it did not run. */
  plan: Plan;
  /** How many it did run. */
  before: number;
  draws: number;
  random: () => number;
}

/** Draws from the orders of the rest: at each pick, each choice that leads there is as likely as any other. */
async function sample(scenario: Scenario, { plan, before, draws, random }: Rest): Promise<Verdict> {
  const follow = following(plan);
  const drawn = new Set<string>();
  let weights = 0;
  let runs = 0;
  let violation: Verdict['violation'];
  for (; runs < draws && !violation; runs += 1) {
    let onPlan = true;
    let weight = 1;
    const run = await runOnce(scenario, [], (index, from) => {
      const least = onPlan ? follow(index, from) : 0;
      const choice = least + Math.floor(random() * (from.length - least));
      onPlan &&= choice === least;
      weight *= from.length - least;
      return choice;
    });
    drawn.add(run.picks.map(({ choice }) => choice).join());
    weights += weight;
    violation = run.violation;
  }
  return { interleavings: before + drawn.size, complete: false, estimated: runs > 0 ? before + Math.round(weights / runs) : undefined, violation };
}

/** A run that ends before its plan does, does not replay either. */
async function runOnce(scenario: Scenario, plan: Plan, choose: Choose): Promise<{ picks: Plan; violation: Verdict['violation'] }> {
  const schedule = new Schedule(choose);
  const { picks, trace } = schedule;
  try {
    scenario(schedule);
    await schedule.run();
    if (picks.length < plan.length) throw new Error(noReplay);
    return { picks, violation: undefined };
  } catch (error) {
    return { picks, violation: { error, trace } };
  }
}

const noReplay = 'the scenario does not replay: it depends on something outside of the schedule';

/** Chooses what the plan says, then always the oldest. @throws Error at the first pick that is not made from the same operations as the planned one. */
function following(plan: Plan): Choose {
  return (index, from) => {
    const planned = plan[index];
    if (!planned) return 0;
    if (planned.from.length === from.length && planned.from.every((label, at) => label === from[at])) return planned.choice;
    throw new Error(noReplay);
  };
}

/** The next plan in depth-first order; undefined after the last. */
function nextPlan(picks: Plan): Plan | undefined {
  const index = picks.findLastIndex(({ choice, from }) => choice + 1 < from.length);
  const last = picks[index];
  return last && [...picks.slice(0, index), { from: last.from, choice: last.choice + 1 }];
}

/** The same numbers from 0 to 1 for the same seed: mulberry32, by Tommy Ettinger, in the public domain. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
