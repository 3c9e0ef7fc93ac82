/** A few kills, of what `npm run prove:crash` does for longer; that its checks can fail; and that its changes to the source fit. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { report } from '../support/latency.js';
import { sharedPostgres, sharedRabbitMQ } from '../support/servers/shared.js';
import { failpointPatches, moments } from './failpoints.js';
import { mutants } from './mutants.js';
import { buildWith, patchSources, type PatchedBuild } from './patched-build.js';
import { linesOf, summarize } from './report.js';
import { runCrashes, type Outcome } from './run.js';

let build: PatchedBuild;

beforeAll(async () => {
  build = await buildWith(failpointPatches());
}, 120_000);
afterAll(() => build.remove());

describe.each(['sqlite', 'postgres'] as const)('the media service on %s, killed again and again', (kind) => {
  let outcome: Outcome;

  beforeAll(async () => {
    const [broker, postgres] = await Promise.all([sharedRabbitMQ(), kind === 'postgres' ? sharedPostgres() : undefined]);
    const servers = { brokerUrl: broker.url, postgresUrl: postgres?.url };
    outcome = await runCrashes({ ...servers, kills: 12, perMoment: 2, seed: 'test', script: `${build.dist}/media/main.js` });
    report(linesOf(summarize(outcome)).join('\n'));
    await Promise.all([broker.stop(), postgres?.stop()]);
  }, 240_000);

  it('loses nothing, and leaves nothing behind', () => {
    expect(outcome.checks.filter(({ violations }) => violations.length > 0)).toEqual([]);
  });

  it('was killed at every place that matters, and in the middle of uploads', () => {
    const { kills } = summarize(outcome);
    for (const moment of moments) expect(kills.atMoments[moment]).toBeGreaterThan(0);
    expect(kills.hitAnUpload).toBeGreaterThan(0.5);
  });

  it('had something to lose', () => {
    const { uploads, deletions, events, rows } = summarize(outcome);
    for (const figure of [uploads.acknowledged, uploads.sentAgain, deletions.acknowledged, events.repeated, rows]) expect(figure).toBeGreaterThan(0);
  });
});

describe('the media services that the proof must find out', () => {
  it.each(mutants)('fit the source: $name', async ({ patches }) => {
    expect((await patchSources([...failpointPatches(), ...patches])).size).toBeGreaterThan(0);
  });
});
