/** The command line of `npm run bench`. */
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { contenders, type Contender } from './contenders.js';
import { questions } from './questions.js';
import type { Question } from './questions/question.js';

export interface Options {
  readonly contenders: readonly Contender[];
  readonly questions: readonly Question[];
  readonly rounds: number;
  readonly seconds: number;
  /** Per measurement. */
  readonly tries: number;
  /** A directory; undefined: nothing is written. */
  readonly out: string | undefined;
  /** A directory; undefined: the gateways run without a profiler. */
  readonly profile: string | undefined;
}

const usage = `npm run bench -- [--quick] [--contender NAME]… [--question NAME]… [--rounds N] [--seconds N] [--tries N] [--out DIR] [--profile DIR]

--quick      One round of one second, of the first two questions, without those that need no Redis: a look within two minutes.
--contender  Default all. ${contenders.map(({ name }) => name).join(', ')}.
--question   Default all. ${[...new Set(questions.map(({ name }) => name))].join(', ')}.
--rounds     Default 5. Of each question; in each all contenders have their turn.
--seconds    Default 3. Of each measurement; before the first of a gateway half as long, and at least two seconds, is for warming up.
--tries      Default 1. How often something is measured at most while others take more than a tenth of the gateway's core; the quietest counts.
--out        Default docs/bench for a run of everything, else none. A directory for results.json, results.txt and results.svg.
--profile    Default none. A directory for V8 profiles of the gateways (node --cpu-prof); "npm run profile" in bench/ sums them up.
`;

const numbers = z.object({ rounds: z.coerce.number().int().positive().optional(), seconds: z.coerce.number().positive().optional(), tries: z.coerce.number().int().positive().default(1) });

/** Undefined when only the usage was asked for; it has been written. @throws Error with a sentence for the user. */
export function readOptions(args: readonly string[], defaultOut: string): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      contender: { type: 'string', multiple: true, default: [] },
      question: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      tries: { type: 'string' },
      out: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return undefined;
  }
  const { rounds = values.quick ? 1 : 5, seconds = values.quick ? 1 : 3, tries } = numbers.parse(values);
  const isWhole = !values.quick && values.contender.length === 0 && values.question.length === 0;
  return {
    contenders: named('contender', contenders, values.contender).filter(({ quick = true }) => quick || !values.quick || values.contender.length > 0),
    questions: named('question', questions, values.question).filter(({ quick }) => quick || !values.quick || values.question.length > 0),
    rounds,
    seconds,
    tries,
    out: values.out ?? (isWhole ? defaultOut : undefined),
    profile: values.profile,
  };
}

function named<T extends { readonly name: string }>(what: string, all: readonly T[], wanted: readonly string[]): readonly T[] {
  const unknown = wanted.find((name) => !all.some((candidate) => candidate.name === name));
  if (unknown !== undefined) throw new Error(`there is no ${what} ${unknown}; --help names them`);
  return wanted.length === 0 ? all : all.filter(({ name }) => wanted.includes(name));
}
