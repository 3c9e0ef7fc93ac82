/** `npm run prove:crash -- [--kills N] [--database sqlite|postgres|both] [--seed S] [--out DIR] [--patch NAME]`: kills the media service, and ends with 1 when something was lost. */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPostgres } from '../support/servers/postgres.js';
import { startRabbitMQ } from '../support/servers/rabbitmq.js';
import { failpointPatches, moments } from './failpoints.js';
import { mutants } from './mutants.js';
import { buildWith } from './patched-build.js';
import { linesOf, summarize, type Report } from './report.js';
import { runCrashes, type Outcome } from './run.js';

const usage = `npm run prove:crash -- [--kills N] [--database sqlite|postgres|both] [--seed S] [--out DIR] [--patch NAME]

--kills     Default 200. Of each database.
--database  Default both.
--seed      Default random. Decides what the clients do, and when and where the kills fall.
--out       Default none. A directory for crash.txt and crash.json.
--patch     Default none. Runs a media service without one of its guarantees, which must be found out: ${mutants.map(({ name }) => name).join(', ')}.
`;

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    database: { type: 'string', default: 'both' },
    seed: { type: 'string', default: randomBytes(4).toString('hex') },
    out: { type: 'string' },
    patch: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

/** What a proof of so many kills has to have looked at; a shorter one is a try. */
const fullProof = { kills: 200, perMoment: 10, hitAnUpload: 0.6 };
/** Two in each moment. */
const fewestKills = 2 * moments.length;
/** A third of the kills, shared by the four moments. */
const perMomentOf = (kills: number): number => Math.max(2, Math.round(kills / 12));

async function prove(): Promise<number> {
  const kills = Number(values.kills);
  const mutant = mutants.find(({ name }) => name === values.patch);
  const isWrong = !(kills >= fewestKills) || !['sqlite', 'postgres', 'both'].includes(values.database) || (values.patch !== undefined && !mutant);
  if (values.help || isWrong) {
    process.stdout.write(usage);
    return isWrong ? 2 : 0;
  }
  const build = await buildWith([...failpointPatches(), ...(mutant?.patches ?? [])]);
  try {
    const reports: Report[] = [];
    for (const kind of ['sqlite', 'postgres'] as const) {
      if (values.database !== kind && values.database !== 'both') continue;
      // oxlint-disable-next-line no-await-in-loop -- one proof after the other
      const report = summarize(await proveOn(kind, kills, join(build.dist, 'media/main.js')));
      process.stdout.write(`${linesOf(report).join('\n')}\n\n`);
      reports.push(report);
    }
    if (values.out !== undefined) await writeFiles(values.out, reports);
    return reports.every((report) => report.violations.length === 0 && hasLooked(report)) ? 0 : 1;
  } finally {
    await build.remove();
  }
}

async function proveOn(kind: 'sqlite' | 'postgres', kills: number, script: string): Promise<Outcome> {
  const broker = await startRabbitMQ();
  const postgres = kind === 'postgres' ? await startPostgres() : undefined;
  try {
    const progress = (line: string): void => void process.stderr.write(`${line}\n`);
    return await runCrashes({ kills, perMoment: perMomentOf(kills), seed: values.seed, script, postgresUrl: postgres?.url, brokerUrl: broker.url, progress });
  } finally {
    await Promise.all([broker.stop(), postgres?.stop()]);
  }
}

function hasLooked({ kills }: Report): boolean {
  if (kills.total < fullProof.kills) return true;
  return kills.hitAnUpload >= fullProof.hitAnUpload && moments.every((moment) => kills.atMoments[moment] >= fullProof.perMoment);
}

async function writeFiles(directory: string, reports: readonly Report[]): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'crash.txt'), `${reports.map((report) => linesOf(report).join('\n')).join('\n\n')}\n`);
  await writeFile(join(directory, 'crash.json'), `${JSON.stringify(reports, undefined, 2)}\n`);
}

process.exitCode = await prove();
