/**
 * What the soak reads and writes: owners with two collections each. A key is an owner's collection.
 * Invariant: a key's media carry its name and version in their file name, so that an answer tells what it is.
 */
import { nothing, type Seen } from './history.js';

/**
 * What an owner is there for: `popular` ones are read all the time and change seldom; `busy` ones are read all the time too, and change every few
 * seconds, while copies of them are everywhere; `lively` ones change all the time and are read at the very moment; those of the `tail` are hardly read at all.
 */
export type Role = 'popular' | 'busy' | 'lively' | 'tail';

export interface Owner {
  readonly modelType: 'User' | 'Product';
  readonly modelId: string;
  readonly role: Role;
  /** The first is the one that `avatar` or `images` show. */
  readonly keys: readonly [Key, Key];
}

export interface Key {
  readonly name: string;
  readonly owner: Owner;
  readonly collection: string;
}

const collectionsOf = { User: ['avatars', 'covers'], Product: ['images', 'manuals'] } as const;
export const ownersPerRole: Readonly<Record<Role, number>> = { popular: 60, busy: 20, lively: 40, tail: 1_000 };

export interface KeySpace {
  readonly owners: readonly Owner[];
  readonly byRole: Readonly<Record<Role, readonly Owner[]>>;
  owner(modelType: string, modelId: string): Owner | undefined;
}

export function createKeySpace(): KeySpace {
  const byRole = { popular: ownersOf('popular'), busy: ownersOf('busy'), lively: ownersOf('lively'), tail: ownersOf('tail') };
  const owners = [...byRole.popular, ...byRole.busy, ...byRole.lively, ...byRole.tail];
  const index = new Map(owners.map((owner) => [`${owner.modelType}/${owner.modelId}`, owner]));
  return { owners, byRole, owner: (modelType, modelId) => index.get(`${modelType}/${modelId}`) };
}

function ownersOf(role: Role): Owner[] {
  return Array.from({ length: ownersPerRole[role] }, (_, number) => makeOwner(number % 2 === 0 ? 'User' : 'Product', `${role}-${number}`, role));
}

function makeOwner(modelType: Owner['modelType'], modelId: string, role: Role): Owner {
  const [first, second] = collectionsOf[modelType];
  const keys: Key[] = [];
  const name = (collection: string): string => `${modelType}-${modelId}-${collection}`;
  const owner: Owner = {
    modelType,
    modelId,
    role,
    get keys(): readonly [Key, Key] {
      const [one, two] = keys;
      if (!one || !two) throw new Error('an owner has two keys');
      return [one, two];
    },
  };
  for (const collection of [first, second]) keys.push({ name: name(collection), owner, collection });
  return owner;
}

export function fileNameOf(key: Key, version: number): string {
  return `${key.name}~${version}`;
}

/** What an answer's file name says of `key`; NaN when it is none of this key. */
export function versionOf(key: Key, fileName: string | undefined): Seen {
  if (fileName === undefined) return nothing;
  const [name, version] = fileName.split('~');
  return name === key.name ? Number(version) : Number.NaN;
}
