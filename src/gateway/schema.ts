/** The executable schema: the SDL of schema/, the resolvers, and the @media directive applied. */
import { makeExecutableSchema } from '@graphql-tools/schema';
import type { GraphQLSchema } from 'graphql';
import { readdirSync, readFileSync } from 'node:fs';
import { applyMediaDirective } from './media-directive.js';
import { resolvers } from './resolvers.js';

const directory = new URL('../../schema/', import.meta.url);

/** All SDL files of schema/, in the order of their names. */
function readTypeDefs(): string[] {
  const files = readdirSync(directory).filter((file) => file.endsWith('.graphql'));
  return files.toSorted().map((file) => readFileSync(new URL(file, directory), 'utf8'));
}

export function createSchema(): GraphQLSchema {
  return applyMediaDirective(makeExecutableSchema({ typeDefs: readTypeDefs(), resolvers: [...resolvers] }));
}
