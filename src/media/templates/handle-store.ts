/**
 * The contract of the handles: under which ids providers have files of ours, and who is uploading one.
 * Implementation: sql-handle-store.ts; one conformance suite runs on both databases.
 * Invariant: one upload of a file at a time, by all instances together, as long as whoever uploads it renews the lease.
 */
import type { Handle } from './template-channel.js';
import type { HeaderFile } from './send-store.js';

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
  /** Of the last refresh, if it failed; `number` tells two failures apart. */
  readonly failure: { readonly number: number; readonly reason: string } | undefined;
}

export interface HandleStore {
  /** Undefined: nothing is known of it. `now`: for the lease. */
  find(key: HandleKey, now: Date): Promise<StoredHandle | undefined>;
  /** Takes the refresh of a file for nobody else until `leaseUntil`, unless somebody has it, or the handle is not `seen` any more. */
  claim(key: HandleKey, file: HeaderFile, seen: string | undefined, now: Date, leaseUntil: Date): Promise<boolean>;
  /** The file is being uploaded still. */
  renew(key: HandleKey, leaseUntil: Date): Promise<void>;
  /** The file was uploaded: this handle counts, and the refresh is over. */
  put(key: HandleKey, handle: Handle, now: Date): Promise<void>;
  /** The refresh has failed; the handle from before stays. */
  fail(key: HandleKey, reason: string): Promise<void>;
  /** It was sent with. */
  use(key: HandleKey, now: Date): Promise<void>;
  /** The files whose handles end before `before` and were used since they were uploaded. */
  ending(provider: string, account: string, before: Date): Promise<HeaderFile[]>;
  /** Forgets what ended before `before`. */
  forget(before: Date): Promise<void>;
}
