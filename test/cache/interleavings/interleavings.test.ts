/** The read-through core in every order that small scenarios can take: no read is older than what was applied before it. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { availableParallelism } from 'node:os';
import { mutants } from './mutants.js';
import { describe as describeViolation, Proof, summarise } from './proof.js';
import { scenarios } from './scenarios.js';
import type { Result } from './search-worker.js';

/** Of one scenario; those with more are sampled. `npm run prove:orders` takes the time for more. */
const limit = 9_500;
/** For all scenarios, beside others on a busy machine. */
const timeoutMs = 900_000;

let proof: Proof;
let results: ReadonlyMap<string, Promise<Result>>;
let accusations: ReadonlyMap<string, Promise<string>>;

beforeAll(async () => {
  // The other tests need a core, too: some of them have faults that end in time only where there is one.
  proof = await Proof.begin(Math.max(1, availableParallelism() - 1));
  accusations = proof.accuse();
  results = await proof.explore({ limit });
}, timeoutMs);

afterAll(() => proof.end());

describe('the scenarios find out', () => {
  it.each(mutants.map(({ name }) => name))(
    'when %s',
    async (name) => {
      expect(await accusations.get(name)).toMatch(/order \d+ of/);
    },
    timeoutMs,
  );
});

describe('in every order', () => {
  it.each(Object.keys(scenarios))(
    '%s',
    async (name) => {
      const result = await results.get(name);
      if (!result) throw new Error('it was not explored');
      process.stderr.write(`${summarise(result)} ${name}\n`);
      expect(result.violation && describeViolation(name, result.violation)).toBeUndefined();
    },
    timeoutMs,
  );

  it('half a million different orders in all', async () => {
    const explored = await Promise.all(results.values());
    const total = explored.reduce((sum, { interleavings }) => sum + interleavings, 0);
    process.stderr.write(`${String(total).padStart(8)} in all\n`);
    expect(total).toBeGreaterThanOrEqual(500_000);
  });
});
