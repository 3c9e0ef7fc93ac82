/**
 * All scenarios on the product, and each mutant on the scenarios until one finds it out: what the test asserts, and the command prints.
 * The threads and the folder of a proof are ended by `end`.
 */
import type { Search } from './explorer.js';
import { mutants, type Mutant } from './mutants.js';
import { scenarios } from './scenarios.js';
import { Searchers } from './searchers.js';
import type { Result } from './search-worker.js';
import { Subjects } from './subjects.js';

/** Runs of each scenario, for a mutant: at first few, for most are found out soon; one that is not with many counts as not found out. */
const mutantLimits = [1_000, 20_000];
/** Of the events of an order. */
const maxShown = 100;
/** What breaks a promise says one of these; everything else is a mistake of the scenario, or a crash. */
const promiseBroken = /read version \d+ after version|\d+ origin calls/;

export class Proof {
  readonly #subjects: Subjects;
  readonly #searchers: Searchers;

  private constructor(subjects: Subjects, threads: number) {
    this.#subjects = subjects;
    this.#searchers = new Searchers(subjects.worker, threads);
  }

  static async begin(threads: number): Promise<Proof> {
    return new Proof(await Subjects.create(), threads);
  }

  /** Begins all scenarios at once; each resolves when it has been explored. */
  async explore(search: Search): Promise<ReadonlyMap<string, Promise<Result>>> {
    const subject = await this.#subjects.make('as it is', []);
    return new Map(Object.keys(scenarios).map((scenario) => [scenario, handled(this.#searchers.search({ subject, scenario, ...search }))]));
  }

  /** Begins all mutants at once; each resolves with how it was found out. Rejects when it was not, or by something else than a broken promise. */
  accuse(): ReadonlyMap<string, Promise<string>> {
    return new Map(mutants.map((mutant) => [mutant.name, handled(this.#accuse(mutant))]));
  }

  /** Idempotent. */
  async end(): Promise<void> {
    await this.#searchers.stop();
    await this.#subjects.remove();
  }

  async #accuse({ name, patches, witness }: Mutant): Promise<string> {
    const subject = await this.#subjects.make(name, patches);
    for (const limit of mutantLimits) {
      for (const scenario of new Set([witness, ...Object.keys(scenarios)])) {
        // oxlint-disable-next-line no-await-in-loop -- the first that finds it out is enough
        const { violation, interleavings } = await this.#searchers.search({ subject, scenario, limit });
        if (!violation) continue;
        if (!promiseBroken.test(violation.error)) throw new Error(describe(scenario, violation));
        return `${firstLine(violation.error)}, in order ${interleavings} of "${scenario}"`;
      }
    }
    throw new Error('no scenario finds it out');
  }
}

/** Of a broken promise: which, and the order of events in which it is broken. */
export function describe(scenario: string, { error, trace }: NonNullable<Result['violation']>): string {
  const shown = trace.length > maxShown ? [...trace.slice(0, maxShown), `and ${trace.length - maxShown} more`] : trace;
  return [`${scenario}: ${error}`, 'when', ...shown].join('\n    ');
}

/** For a table: how many orders, and of how many. */
export function summarise({ interleavings, complete, estimated }: Result): string {
  const share = complete ? 'all' : `of about ${estimated?.toPrecision(2) ?? '?'}`;
  return `${String(interleavings).padStart(8)} ${share.padEnd(16)}`;
}

/** Who awaits one after the other does not leave a rejection unhandled meanwhile. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
