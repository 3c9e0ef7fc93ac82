/**
 * Does it get slower with more owners? `modelMedia` of one owner, drawn by Zipf's law from 1,000 to 1,000,000 whose media are all in Redis.
 * Only caches by owner can be filled with a million in reasonable time, and the question is ours: with and without the in-process tier.
 */
import { modelMediaQuery, usersQuery, type Query } from '../data.js';
import { zipf } from '../random.js';
import { everyone, type Question } from './question.js';

const listSize = 100;
/**
 * So many are asked for again before anything is measured, the most popular last: as after a day, and not as in the first minute. Of requests for a
 * million, 6.0 % are for others: as many as were for answers that were not kept, of twelve million drawn by the same law, by a gateway that had filled
 * its memory for them; with the in-process tier off they were 3.5 %.
 */
const [settledOwners, together, times] = [420_000, 1_000, 2];

/** Fills the same entries as `modelMedia` would, 100 at a time. */
function* allOwners(count: number): Generator<Query> {
  for (let first = 0; first < count; first += listSize) yield usersQuery(Array.from({ length: Math.min(listSize, count - first) }, (_, index) => String(first + index)));
}

/** Owners next to each other in rank are not next to each other in any store. */
function idOf(rank: number, count: number): string {
  return String((rank * 7_919) % count);
}

const filled = new Set<number>();

function* settled(count: number): Generator<Query> {
  yield* fillOnce(count);
  for (let last = Math.min(count, settledOwners); last > 0; last -= together) {
    const queries = Array.from({ length: Math.min(last, together) }, (_, index) => modelMediaQuery(idOf(last - 1 - index, count)));
    for (let time = 0; time < times; time += 1) yield* queries;
  }
}

function fillOnce(count: number): Iterable<Query> {
  if (filled.has(count)) return [];
  filled.add(count);
  return allOwners(count);
}

export const owners: readonly Question[] = [1_000, 10_000, 100_000, 1_000_000].map((count) => ({
  name: 'owners',
  title: `one of ${count.toLocaleString('en')} owners, by Zipf's law`,
  quick: false,
  stays: `${count} owners`,
  suits: (contender) => everyone(contender) && contender.kind === 'ours' && contender.caches,
  begin: ({ random }) => {
    const rank = zipf(count, random);
    return { fill: settled(count), next: () => modelMediaQuery(idOf(rank(), count)) };
  },
}));
