/**
 * What do misses cost? Lists of 50 in which 5 users, or all, have never been asked for before; and a single miss of `modelMedia` on one
 * connection, to be compared with the least that it can cost (bare-miss).
 */
import { modelMediaQuery, usersQuery, type Query } from '../data.js';
import { differentBelow, type Random } from '../random.js';
import { everyoneWhoMisses, type Question } from './question.js';

const [warmUsers, size] = [1_000, 50];

/** Ids that nobody has asked for. */
function newIds(): () => string {
  let next = 1_000_000;
  return () => String((next += 1));
}

function lists(misses: number, random: Random): () => Query {
  const newId = newIds();
  return () => usersQuery([...differentBelow(warmUsers, size - misses, random).map(String), ...Array.from({ length: misses }, newId)]);
}

export const someMisses: Question = {
  name: 'some-misses',
  title: 'list of 50, 10 % misses',
  quick: false,
  suits: everyoneWhoMisses,
  begin: ({ random }) => ({ fill: Array.from({ length: 100 }, lists(0, random)), next: lists(size / 10, random) }),
};

export const allMisses: Question = {
  name: 'all-misses',
  title: 'list of 50, all misses',
  quick: false,
  suits: everyoneWhoMisses,
  begin: ({ random }) => ({ next: lists(size, random) }),
};

export const oneMiss: Question = {
  name: 'one-miss',
  title: 'one miss at a time, 1 connection',
  quick: false,
  connections: 1,
  // A few hundred a second: for seconds V8 is still at work for the code of everyone.
  warming: { first: 10, again: 1 },
  suits: (contender) => everyoneWhoMisses(contender) || contender.kind === 'bare',
  begin: () => {
    const newId = newIds();
    return { next: () => modelMediaQuery(newId()) };
  },
};
