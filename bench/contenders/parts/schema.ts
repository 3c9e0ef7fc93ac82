/** The product's own SDL, so that every peer has the same schema to parse, validate and execute against. */
import { readdirSync, readFileSync } from 'node:fs';
import { root } from '../../places.js';

const directory = `${root}schema/`;

export const typeDefs: readonly string[] = readdirSync(directory)
  .filter((file) => file.endsWith('.graphql'))
  .toSorted()
  .map((file) => readFileSync(`${directory}${file}`, 'utf8'));
