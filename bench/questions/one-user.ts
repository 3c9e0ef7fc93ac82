/** How fast is a warm query of one user with the avatar, drawn from 1,000? */
import { userQuery } from '../data.js';
import { oneOf } from '../random.js';
import { everyone, firstIds, type Question } from './question.js';

const users = 1_000;

export const oneUser: Question = {
  name: 'one-user',
  title: 'one user',
  quick: true,
  suits: everyone,
  begin: ({ random }) => {
    const queries = firstIds(users).map(userQuery);
    return { fill: queries, next: () => oneOf(queries, random) };
  },
};
