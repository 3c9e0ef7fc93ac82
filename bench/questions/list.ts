/**
 * How fast is a warm query of 50 users with their avatars? The first of the two draws from 250 sets, which caches of whole answers can
 * hold; the second draws a new set from the same 1,000 users each time.
 */
import { usersQuery, type Query } from '../data.js';
import { differentBelow, oneOf, type Random } from '../random.js';
import { everyone, type Question, type Stage, type Workload } from './question.js';

const [users, sets, size] = [1_000, 250, 50];

function anySet(random: Random): Query {
  return usersQuery(differentBelow(users, size, random).map(String));
}

export const list: Question = {
  name: 'list',
  title: 'list of 50, out of 250 lists',
  quick: true,
  suits: everyone,
  begin: ({ random }) => {
    const queries = Array.from({ length: sets }, () => anySet(random));
    return { fill: queries, next: () => oneOf(queries, random) };
  },
};

/** On all cores, beside the load: the question that asks most of the gateway and least of the load. */
export const workers: Question = {
  name: 'workers',
  title: 'list of 50, each list new, on all cores',
  quick: false,
  suits: ({ onAllCores = false }) => onAllCores,
  begin: beginWithNewLists,
};

export const newLists: Question = {
  name: 'new-lists',
  title: 'list of 50, each list new',
  quick: false,
  suits: everyone,
  begin: beginWithNewLists,
};

function beginWithNewLists({ random }: Stage): Workload {
  return { fill: Array.from({ length: 100 }, () => anySet(random)), next: () => anySet(random) };
}
