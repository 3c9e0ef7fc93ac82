/** The store of a gateway without a cache: every read is loaded, nothing is kept. */
import type { CacheStore, LeaseRequest, Lookup } from './cache-store.js';

export const noStore: CacheStore = {
  tier: 'none',
  state: 'ready',
  readOrLease: (requests: readonly LeaseRequest[]) => Promise.resolve(requests.map((): Lookup => ({ kind: 'bypass' }))),
  confirm: () => Promise.resolve(false),
  fill: (fills) => Promise.resolve(fills.map(() => undefined)),
  release: () => Promise.resolve(),
  invalidate: () => Promise.resolve(),
  purge: () => Promise.resolve(0),
  watch: () => undefined,
  isCoherent: () => false,
  settledMs: 0,
  putMark: () => Promise.resolve(),
  getMark: () => Promise.resolve(undefined),
};
