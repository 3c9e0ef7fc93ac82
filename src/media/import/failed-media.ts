/**
 * The contract of the negative cache: which sources failed lately, and why, so that they are not asked again for a while.
 * Implementations: in the process (here) and in Redis (redis-failed-media.ts); one conformance suite runs on both.
 * Invariant: it never fails and never takes long: what it cannot tell, it does not know.
 */
import { LRUCache } from 'lru-cache';
import { createHash } from 'node:crypto';
import { sourceName, type ImportSource } from './fetched-file.js';
import type { FailureKind } from './import-failure.js';

const maxNameBytes = 512;
const maxRemembered = 10_000;

export interface RememberedFailure {
  kind: FailureKind;
  /** The sentence of the failure. */
  reason: string;
}

export interface FailedMedia {
  /** How the source failed; undefined: not lately, or nobody knows. Never rejects. */
  find(source: ImportSource): Promise<RememberedFailure | undefined>;
  /** Remembers a failure for `ttlMs`; the latest counts, and 0 or less forgets. Never rejects. */
  mark(source: ImportSource, failure: RememberedFailure, ttlMs: number): Promise<void>;
  /** Lets go of what it holds. Idempotent. */
  stop(): Promise<void>;
}

/** As operators look for it: `failed_media:` and the provider's id, or the URL; what is long by its hash. */
export function failedMediaKey(source: ImportSource): string {
  const name = source.kind === 'provider' ? source.id : sourceName(source);
  return `failed_media:${Buffer.byteLength(name) <= maxNameBytes ? name : `sha256:${createHash('sha256').update(name).digest('hex')}`}`;
}

/** Of the last 10,000 that failed. */
export function createMemoryFailedMedia(): FailedMedia {
  const failures = new LRUCache<string, RememberedFailure>({ max: maxRemembered });
  return {
    find: (source) => Promise.resolve(failures.get(sourceName(source))),
    mark: (source, failure, ttlMs) => {
      if (ttlMs > 0) failures.set(sourceName(source), failure, { ttl: ttlMs });
      else failures.delete(sourceName(source));
      return Promise.resolve();
    },
    stop: () => Promise.resolve(),
  };
}
