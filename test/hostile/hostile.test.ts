/**
 * Each hostile input gets the answer of the table, within a bounded time; what was refused is not stored, nothing stays open,
 * and the next who asks is answered.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../support/wait.js';
import type { HostileInput, Reply, Section } from './hostile-input.js';
import { addresses, lies, redirects } from './imports.js';
import { inProcess } from './in-process.js';
import type { Kept } from './kept.js';
import { ranges, signatures } from './links.js';
import { fileNames, ownersAndIds } from './names.js';
import { grpcUploads, multipart, properties } from './requests.js';
import { slowClients, SlowClients } from './slow-clients.js';
import { render } from './table.js';
import { bombs, brokenImages, polyglots, typesAndNames } from './uploads.js';
import { World } from './world.js';

let world: World;
let slow: SlowClients;
/** After the row before. */
let kept: Kept;

const uploads = [typesAndNames, polyglots, bombs, brokenImages, fileNames, ownersAndIds, properties, multipart, grpcUploads];
const sections = [...uploads, signatures, ranges, addresses, redirects, lies, inProcess, slowClients(() => slow)];

const notCovered = [
  'An image that is cut off behind its first 256 KB, unless it announces its length (WebP, and a PNG whose last chunk begins in them): it is stored, and its conversions fail.',
  'The pixels: that an image decodes is found out by its conversions only.',
  'How many frames an animation has: it is stored and shown as it is; conversions take the first frame.',
  'What is in archives and office documents, and whether a virus is in a file.',
];

const page = fileURLToPath(new URL('../../docs/hostile-inputs.md', import.meta.url));
const outcomes = new Map<HostileInput, Reply>();

beforeAll(async () => {
  [world, slow] = await Promise.all([World.start(), SlowClients.start()]);
  kept = await world.settled();
});
afterAll(async () => {
  await Promise.all([world.stop(), slow.stop()]);
});

async function replyTo({ input, send }: HostileInput): Promise<Reply> {
  let reply: Reply | undefined;
  let failure: unknown;
  send(world).then((given) => (reply = given), (error: unknown) => (failure = error));
  await waitFor(() => reply !== undefined || failure !== undefined, { what: `an answer to ${input}`, timeoutMs: 45_000 });
  if (!reply) throw failure;
  return reply;
}

describe.each(sections.map(({ title, inputs }): [string, Section['inputs']] => [title, inputs]))('%s', (_title, inputs) => {
  it.each(inputs.map((row): [string, HostileInput] => [row.input, row]))('%s', async (_input, row) => {
    const before = kept;
    const reply = await replyTo(row);
    outcomes.set(row, reply);
    [kept] = await Promise.all([world.settled(), world.expectWell()]);
    expect(reply).toMatchObject({ answer: row.answer });
    if (row.stored) expect(kept.media).toBe(before.media + 1);
    else expect(kept).toEqual(before);
  });
});

it('nothing is kept of those who waited', async () => {
  const { before, after } = await slow.kept();
  expect(after).toMatchObject({ media: before.media + 1, files: before.files + 1, temporary: 0, open: 0 });
});

it('no answer said more than a sentence, and the log knows no failure of our own', () => {
  for (const { says } of outcomes.values()) expect(says).not.toMatch(/\bat .*\.[jt]s:\d+|node_modules|ENOENT|SQLITE/);
  const failures = world.program.process.logs().split('\n').filter((line) => /"level":"(error|fatal)"|unhandled|uncaught|Warning:/i.test(line));
  // What was tried in vain as often as it may be is an error to the operator.
  expect(failures.filter((line) => !line.includes('Max retries'))).toEqual([]);
});

it('the page in docs has the answers that were given', async () => {
  const written = render(sections, outcomes, notCovered);
  if (process.env.UPDATE_DOCS) await writeFile(page, written);
  expect(await readFile(page, 'utf8')).toBe(written);
});
