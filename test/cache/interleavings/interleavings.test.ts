/** The read-through core in every order that small scenarios can take: no read is older than what was applied before it. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MemoryStore } from '../../../src/cache/memory-store.js';
import { ReadThrough } from '../../../src/cache/read-through.js';
import { explore, type Verdict } from './explorer.js';
import { loadMutant, mutants, removeMutants } from './mutants.js';
import { scenarios } from './scenarios.js';
import { World, type Subject } from './world.js';

/** Of one scenario; those with more are sampled. */
const limit = 8_000;

function exploreScenario(build: (world: World) => void, subject: Subject): Promise<Verdict> {
  return explore((schedule) => build(new World(schedule, subject)), limit);
}

describe('in every order', () => {
  let total = 0;
  afterAll(() => void process.stderr.write(`${total} interleavings in ${Object.keys(scenarios).length} scenarios\n`));

  it.each(Object.entries(scenarios))('%s', async (name, build) => {
    const { violation, interleavings, complete } = await exploreScenario(build, { ReadThrough, MemoryStore });
    process.stderr.write(`${String(interleavings).padStart(7)} ${complete ? 'all    ' : 'sampled'} ${name}\n`);
    total += interleavings;
    expect(violation).toBeUndefined();
  });
});

describe('the scenarios find out', () => {
  beforeAll(removeMutants);
  afterAll(removeMutants);

  it.each(mutants.map((mutant) => [mutant.name, mutant] as const))('when %s', async (_name, mutant) => {
    const subject = await loadMutant(mutant);
    const verdicts: Verdict[] = [];
    for (const build of Object.values(scenarios)) {
      const verdict = await exploreScenario(build, subject);
      verdicts.push(verdict);
      if (verdict.violation) break;
    }
    expect(String(verdicts.at(-1)?.violation?.error)).toMatch(/read version/);
  });
});
