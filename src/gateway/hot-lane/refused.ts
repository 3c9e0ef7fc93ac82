/** One for all: where it was thrown does not matter, and to find that out would cost more than the answer. */
const refused = new Error('not for the hot lane');

/** Where only GraphQL's execution knows the answer. */
export function refuse(): never {
  throw refused;
}
