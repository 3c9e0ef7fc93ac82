/**
 * `npm run bench`: each question to each contender in turn, several rounds, told as a table, as JSON and as a picture. See README.md.
 * A contender that fails or answers differently is told, has no figure, and makes the command exit with 1; the others go on.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Contender } from './contenders.js';
import { Machine } from './machine.js';
import { isQuiet, type Measurement } from './measure.js';
import { readOptions, type Options } from './options.js';
import { root } from './places.js';
import type { Question } from './questions/question.js';
import { pictureOf } from './report/picture.js';
import { summarise } from './report/summary.js';
import { tableOf } from './report/table.js';
import { startServices, type Services } from './services.js';
import { Trials } from './trials.js';

const options = readOptions(process.argv.slice(2), join(root, 'docs/bench'));
if (options) await run(options);

async function run(chosen: Options): Promise<void> {
  const machine = Machine.prepare();
  const about = `${new Date().toISOString().slice(0, 10)}, medians of ${chosen.rounds} interleaved rounds of ${chosen.seconds} s, ${machine.describe()}`;
  say(about);
  const services = await startServices();
  process.once('SIGINT', () => void services.stop().finally(() => process.exit(130)));
  const measurements: Measurement[] = [];
  try {
    for (const variants of byName(chosen.questions)) {
      // One after the other: they share the cores.
      for (const contenders of together(variants, chosen.contenders)) {
        // oxlint-disable-next-line no-await-in-loop
        for await (const measured of ask(variants, { ...chosen, contenders }, services, machine)) {
          measurements.push(...measured);
          if (chosen.out !== undefined) await write(resolve(root, chosen.out), about, measurements);
        }
      }
      const titles = variants.map(({ title }) => title);
      for (const answer of summarise(measurements.filter(({ question }) => titles.includes(question)))) say(`\n${tableOf(answer)}\n`);
    }
  } finally {
    await services.stop();
  }
}

/** Variants of one question are asked in the same rounds: what is compared is measured within minutes of each other. */
function byName(questions: readonly Question[]): readonly (readonly Question[])[] {
  const names = [...new Set(questions.map(({ name }) => name))];
  return names.map((name) => questions.filter((question) => question.name === name));
}

/** Who have turns in the same rounds. */
function together(variants: readonly Question[], contenders: readonly Contender[]): readonly (readonly Contender[])[] {
  return variants.some(({ alone }) => alone) ? contenders.map((contender) => [contender]) : [contenders];
}

/** All rounds, each given as it ends. The order of the contenders is another in each round, so that no one always comes after the same. */
async function* ask(variants: readonly Question[], { contenders, rounds, seconds, tries, profile }: Options, services: Services, machine: Machine): AsyncGenerator<Measurement[]> {
  const nodeArgs = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(root, profile)}`];
  const trials = new Trials({ services, machine, nodeArgs });
  try {
    for (let round = 0; round < rounds; round += 1) {
      const measurements: Measurement[] = [];
      const turns = variants.flatMap((question) => rotated(contenders.filter((contender) => question.suits(contender)), round).map((contender) => ({ question, contender })));
      for (const [index, { question, contender }] of turns.entries()) {
        const turn = `${question.title}, ${round * turns.length + index + 1} of ${rounds * turns.length}`;
        try {
          // oxlint-disable-next-line no-await-in-loop
          const measurement = await quietest(tries, () => trials.measure(contender, question, { round, seconds }));
          measurements.push(measurement);
          say(`${turn}: ${progressOf(measurement)}`);
        } catch (error) {
          process.exitCode = 1;
          say(`${turn}: ${contender.name} FAILED: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
      yield measurements;
    }
  } finally {
    await trials.end();
  }
}

async function quietest(tries: number, measure: () => Promise<Measurement>): Promise<Measurement> {
  const measurement = await measure();
  if (isQuiet(measurement) || tries <= 1) return measurement;
  const again = await quietest(tries - 1, measure);
  return again.disturbed < measurement.disturbed ? again : measurement;
}

function rotated(contenders: readonly Contender[], round: number): Contender[] {
  const first = round % Math.max(1, contenders.length);
  return [...contenders.slice(first), ...contenders.slice(0, first)];
}

function progressOf({ contender, throughput, p50, cpuMicros, disturbed }: Measurement): string {
  const others = isQuiet({ disturbed }) ? '' : `, ${Math.round(disturbed * 100)} % of the core taken by others`;
  return `${contender} ${Math.round(throughput).toLocaleString('en')} req/s, p50 ${p50.toFixed(2)} ms, ${Math.round(cpuMicros)} µs of CPU${others}`;
}

async function write(directory: string, about: string, measurements: readonly Measurement[]): Promise<void> {
  const answers = summarise(measurements);
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'results.json'), `${JSON.stringify({ about, answers, measurements }, undefined, 1)}\n`);
  await writeFile(join(directory, 'results.txt'), `${about}\n\n${answers.map(tableOf).join('\n\n')}\n`);
  await writeFile(join(directory, 'results.svg'), pictureOf(answers, { title: 'Answers per second on one core', note: about }));
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
