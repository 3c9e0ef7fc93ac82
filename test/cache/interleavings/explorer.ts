/**
 * Runs a small concurrent scenario in every order that its steps can take.
 *
 * The code under test is the real one. All that it waits for (store, origin, timers, events) are *operations* of a schedule: each is
 * pending until the schedule picks it, takes effect at once, and its answer is delivered by a later pick. After each pick the event loop
 * runs until nothing moves any more; then the next pick is made. A run is the list of its picks. The explorer replays the scenario with
 * one list after the other, depth first, until all have been seen (stateless model checking, as in Godefroid's VeriSoft, 1997).
 */

interface Operation {
  readonly label: string;
  readonly run: () => void;
  readonly enabled: () => boolean;
}

/** Which of `of` operations pick number `index` takes, from 0. */
type Choose = (index: number, of: number) => number;

export class Schedule {
  /** What was picked, for the report of a violation. */
  readonly trace: string[] = [];
  /** How many choices there were at each pick, and which was made. */
  readonly picks: { choice: number; of: number }[] = [];
  readonly #choose: Choose;
  #pending: Operation[] = [];
  #failure: unknown;

  constructor(choose: Choose) {
    this.#choose = choose;
  }

  /** `effect` happens at one pick; its result arrives at a later one, as over a network. */
  async call<T>(label: string, effect: () => T | Promise<T>): Promise<T> {
    const result = await this.moment(`${label} happens`, effect);
    await this.moment(`${label} is answered`, () => undefined);
    return result;
  }

  /** Happens, and is known, at one pick; not before `enabled`. */
  moment<T>(label: string, effect: () => T | Promise<T>, enabled: () => boolean = () => true): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = (): void => {
        try {
          resolve(effect());
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      this.#pending.push({ label, run, enabled });
    });
  }

  /** Part of the scenario; what it throws is the verdict of the run. */
  start(actor: () => Promise<void>): void {
    void actor().catch((error: unknown) => (this.#failure ??= error));
  }

  /** Picks until nothing is pending. @throws what an actor threw, or Error when only polls are left that nothing can end. */
  async run(): Promise<void> {
    for (;;) {
      await settled();
      if (this.#failure) throw this.#failure;
      const enabled = this.#pending.filter(({ enabled: isEnabled }) => isEnabled());
      if (enabled.length === 0) break;
      const choice = this.#choose(this.picks.length, enabled.length);
      const picked = enabled[choice];
      if (!picked) throw new Error('the scenario does not replay: it depends on something outside of the schedule');
      this.picks.push({ choice, of: enabled.length });
      this.trace.push(picked.label);
      this.#pending = this.#pending.filter((operation) => operation !== picked);
      picked.run();
    }
    if (this.#pending.length > 0) throw new Error(`nothing can end the wait for: ${this.#pending.map(({ label }) => label).join(', ')}`);
  }
}

/** All promises that can go on have gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

export type Scenario = (schedule: Schedule) => void;

export interface Verdict {
  /** Orders that were run. */
  interleavings: number;
  /** True when these were all that there are; else some of them were drawn at random. */
  complete: boolean;
  /** The first order that broke a promise. */
  violation: { error: unknown; trace: readonly string[] } | undefined;
}

/**
 * Runs `scenario` in every order, or until one breaks a promise. Of a scenario with more orders than `limit`, the first half of `limit` is
 * run depth first, and as many again drawn at random: a search that is cut off has seen one corner only.
 */
export async function explore(scenario: Scenario, limit: number): Promise<Verdict> {
  let interleavings = 0;
  for (let prefix: readonly number[] | undefined = []; prefix; interleavings += 1) {
    if (interleavings >= limit / 2) return sample(scenario, { from: interleavings, to: limit });
    const choices: readonly number[] = prefix;
    const { picks, violation } = await runOnce(scenario, (index) => choices[index] ?? 0);
    if (violation) return { interleavings: interleavings + 1, complete: false, violation };
    prefix = nextPrefix(picks);
  }
  return { interleavings, complete: true, violation: undefined };
}

async function sample(scenario: Scenario, { from, to }: { from: number; to: number }): Promise<Verdict> {
  const random = seeded(1);
  for (let interleavings = from; interleavings < to; interleavings += 1) {
    const { violation } = await runOnce(scenario, (_index, of) => Math.floor(random() * of));
    if (violation) return { interleavings: interleavings + 1, complete: false, violation };
  }
  return { interleavings: to, complete: false, violation: undefined };
}

async function runOnce(scenario: Scenario, choose: Choose): Promise<Pick<Schedule, 'picks'> & Pick<Verdict, 'violation'>> {
  const schedule = new Schedule(choose);
  scenario(schedule);
  try {
    await schedule.run();
    return { picks: schedule.picks, violation: undefined };
  } catch (error) {
    return { picks: schedule.picks, violation: { error, trace: schedule.trace } };
  }
}

/** The next list of choices in depth-first order; undefined after the last. */
function nextPrefix(picks: readonly { choice: number; of: number }[]): number[] | undefined {
  const last = picks.findLastIndex(({ choice, of }) => choice + 1 < of);
  if (last < 0) return undefined;
  return [...picks.slice(0, last).map(({ choice }) => choice), (picks[last]?.choice ?? 0) + 1];
}

/** The same numbers from 0 to 1 in every run: mulberry32, by Tommy Ettinger, in the public domain. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
