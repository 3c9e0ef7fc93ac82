/**
 * The processes that answer on the same address as this one: a client that has written here may read at any of them next.
 * How they hear of each other is not the cache's business.
 */

/** A write that a process has taken. */
export interface Write {
  readonly owner: string;
  /** Undefined: all of them. */
  readonly collection: string | undefined;
  /** That the store has confirmed its invalidation. Else what the store has of the owner may be older, for all who read there. */
  readonly isConfirmed: boolean;
}

/** Owners that a process does not serve from the store, as what that has may be older than a write. */
export type Held = readonly string[] | 'everything';

/** What a process does for its siblings; must not throw. */
export interface SiblingListener {
  /** After it, no read that begins here is answered with what is older than the write. Idempotent. */
  wrote(write: Write): void;
  /** What a new sibling must hold, too, before its first read. */
  held(): Held;
  /** Does not serve these from the store until that has confirmed their invalidation to this process. Idempotent. */
  hold(owners: Held): void;
}

export interface Siblings {
  /** Before anything is told. */
  listen(listener: SiblingListener): void;
  /** Resolves when no sibling answers a read that begins then with what is older than the write. Rejects when that is not known. */
  tell(write: Write): Promise<void>;
}
