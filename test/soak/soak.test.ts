/** A short soak with every kind of fault, of what `npm run prove` does for longer; and its schedule. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { report } from '../support/latency.js';
import { patches } from './patches.js';
import { drawPicture } from './picture.js';
import { randomOf } from './random.js';
import { describeViolation, linesOf, summarize } from './report.js';
import { faultKinds, plannedFaults, type PlannedFault } from './schedule.js';
import { runSoak, type Outcome } from './soak.js';

const script = fileURLToPath(new URL('../../dist/gateway/main.js', import.meta.url));

describe('a soak of three gateways', () => {
  let outcome: Outcome;

  beforeAll(async () => {
    // The time is a bound for a machine that is busy with other things; a round is over in about a minute.
    outcome = await runSoak({ minutes: 4, rounds: 1, seed: 'test', script });
    report(linesOf(summarize(outcome)).join('\n'));
  }, 420_000);

  it('sees nothing older than promised, through faults of every kind and at rest', () => {
    const { violations, faults, readsAtRest, world } = outcome;
    expect(violations.map((violation) => describeViolation(violation, { startedAt: world.meter.startedAt, faults }).join('\n'))).toEqual([]);
    expect(faults.map(({ kind }) => kind).toSorted()).toEqual(faultKinds.toSorted());
    expect(readsAtRest).toBeGreaterThan(0);
  });

  it('has looked where it could have gone wrong', () => {
    const figures = summarize(outcome);
    for (const tier of ['in-process', 'redis', 'media-service'] as const) expect(figures.shares.total[tier]).toBeGreaterThan(0);
    expect(figures.shares.total.unknown).toBe(0);
    for (const figure of [figures.eventsApplied, figures.refusedFills, figures.nearEvents, figures.origin.calls, figures.bound]) expect(figure).toBeGreaterThan(0);
  });

  it('draws what happened', () => {
    const picture = drawPicture(outcome.world.meter.seconds, outcome.faults);
    for (const kind of faultKinds) expect(picture).toContain(`<title>${kind}, `);
    expect(picture).not.toMatch(/NaN|undefined|Infinity/);
  });
});

describe('the schedule of faults', () => {
  const plan = (seed: string): PlannedFault[] => [...plannedFaults({ random: randomOf(seed), rounds: 20 })];

  it('has each kind once in each round, in an order and at times that the seed alone decides', () => {
    for (const kind of faultKinds) expect(plan('a').filter((fault) => fault.kind === kind)).toHaveLength(20);
    expect(plan('a')).toEqual(plan('a'));
    expect(plan('a')).not.toEqual(plan('b'));
    expect(plan('a').slice(0, faultKinds.length)).not.toEqual(plan('a').slice(faultKinds.length, 2 * faultKinds.length));
  });
});

describe('the patches that a soak must find out', () => {
  it.each(patches)('fit the source: $name', ({ file, original }) => {
    const source = readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8');
    expect(source.split(original)).toHaveLength(2);
  });
});
