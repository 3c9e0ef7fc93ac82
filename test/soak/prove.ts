/** `npm run prove -- --minutes N [--seed S] [--out DIR] [--patch NAME] [--split-brain]`: runs the soak, and ends with 1 when it has found a violation. */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { drawPicture } from './picture.js';
import { buildPatched, patches } from './patches.js';
import { describeViolation, linesOf, summarize, type Report } from './report.js';
import { faultKinds, splitBrain, type FaultKind } from './schedule.js';
import { runSoak, type Outcome } from './soak.js';

const usage = `npm run prove -- --minutes N [--seed S] [--out DIR] [--patch NAME] [--split-brain]

--minutes  Default 20. Of load and faults.
--seed     Default random. Decides the faults, their order and their times.
--out      Default none. A directory for report.json, report.svg and the last lines of each process.
--patch    Default none. Runs gateways without one of their guarantees, which the soak must find out: ${patches.map(({ name }) => name).join(', ')}.
--split-brain  Also makes two masters at once; a gateway that does not repeat what the losing one has confirmed is found out.
`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    seed: { type: 'string', default: randomBytes(4).toString('hex') },
    out: { type: 'string' },
    patch: { type: 'string' },
    'split-brain': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function prove(): Promise<number> {
  const minutes = Number(values.minutes);
  const patch = patches.find(({ name }) => name === values.patch);
  const isWrong = !(minutes > 0) || (values.patch !== undefined && !patch);
  if (values.help || isWrong) {
    say(usage);
    return isWrong ? 2 : 0;
  }
  const script = patch ? await buildPatched(patch) : resolve('dist/gateway/main.js');
  const kinds: readonly FaultKind[] = values['split-brain'] ? [...faultKinds, splitBrain] : faultKinds;
  const outcome = await runSoak({ minutes, seed: values.seed, script, kinds, progress: say });
  const report = summarize(outcome);
  const { startedAt } = outcome.world.meter;
  for (const violation of outcome.violations) for (const line of describeViolation(violation, { startedAt, faults: outcome.faults })) say(line);
  for (const line of linesOf(report)) say(line);
  if (values.out !== undefined) await writeFiles(values.out, report, outcome);
  return report.violations > 0 ? 1 : 0;
}

async function writeFiles(directory: string, report: Report, { world, faults, logs }: Outcome): Promise<void> {
  const files = {
    'report.json': JSON.stringify(report, undefined, 2),
    'report.svg': drawPicture(world.meter.seconds, faults),
    ...Object.fromEntries(Object.entries(logs).map(([name, log]) => [`${name}.log`, log])),
  };
  await mkdir(directory, { recursive: true });
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(directory, name), `${text.trimEnd()}\n`)));
}

process.exitCode = await prove();
