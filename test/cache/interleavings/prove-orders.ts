/** The proof as a command, for more orders than a test has time for: `npm run prove:orders -- --limit 1000000 --seed 2`. Exits with 1 when a promise is broken. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { describe, Proof, summarise } from './proof.js';

const { values } = parseArgs({ options: { limit: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } } });
const search = z.object({ limit: z.coerce.number().int().positive(), seed: z.coerce.number().int() }).parse(values);

const proof = await Proof.begin(availableParallelism());
try {
  let total = 0;
  for (const [scenario, exploring] of await proof.explore(search)) {
    // oxlint-disable-next-line no-await-in-loop -- printed in their order
    const result = await exploring;
    total += result.interleavings;
    print(`${summarise(result)} ${scenario}`);
    if (result.violation) fail(describe(scenario, result.violation));
  }
  print(`${String(total).padStart(8)} in all`);
  for (const [mutant, accusing] of proof.accuse()) {
    // oxlint-disable-next-line no-await-in-loop
    await accusing.then((found) => print(`found out: ${mutant}: ${found}`), (error: unknown) => fail(`not found out: ${mutant}: ${String(error)}`));
  }
} finally {
  await proof.end();
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function fail(complaint: string): void {
  print(complaint);
  process.exitCode = 1;
}
