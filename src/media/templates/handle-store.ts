/**
 * The contract of the handles: under which ids providers have files of ours, and who is uploading one.
 * Implementation: sql-handle-store.ts; one conformance suite runs on both databases.
 * Invariant: one upload of a file at a time, by all instances together, as long as whoever uploads it renews the lease in time by everybody's clock.
 */
import type { SendFailure } from './send-failure.js';
import type { HeaderFile } from './send-store.js';
import type { Handle } from './template-channel.js';

export interface HandleKey {
  readonly provider: string;
  readonly account: string;
  /** Of the file. */
  readonly sha256: string;
}

export interface StoredHandle {
  /** Undefined: it was not uploaded yet. */
  readonly handle: Handle | undefined;
  readonly isBeingRefreshed: boolean;
  /** Of the last refresh, if it failed. */
  readonly failure: HandleFailure | undefined;
  /** How many have failed. */
  readonly failures: number;
}

export type HandleFailure = Pick<SendFailure, 'kind' | 'message' | 'providerCode'>;

/** The refresh of a file. */
export interface HandleLease {
  readonly key: HandleKey;
  /** Whose it is. */
  readonly token: string;
}

export interface HandleStore {
  /** Undefined: nothing is known of it. `now`: for the lease. */
  find(key: HandleKey, now: Date): Promise<StoredHandle | undefined>;
  /** Takes the refresh of a file for nobody else until `leaseUntil`, unless somebody has it, or the handle is not `seen` any more. */
  claim(lease: HandleLease, file: HeaderFile, seen: string | undefined, now: Date, leaseUntil: Date): Promise<boolean>;
  /** The file is being uploaded still. Nothing changes when the lease is somebody else's by now; so it is with `put` and `fail`. */
  renew(lease: HandleLease, leaseUntil: Date): Promise<void>;
  /** The file was uploaded: this handle counts, and the refresh is over. */
  put(lease: HandleLease, handle: Handle, now: Date): Promise<void>;
  /** The refresh has failed; the handle from before stays. */
  fail(lease: HandleLease, failure: HandleFailure): Promise<void>;
  /** It was sent with. */
  use(key: HandleKey, now: Date): Promise<void>;
  /** The files whose handles end before `before` and were used since they were uploaded. */
  ending(provider: string, account: string, before: Date): Promise<HeaderFile[]>;
  /** Forgets what ended before `before`, and what was never had, unless it is being refreshed. */
  forget(before: Date): Promise<void>;
}
