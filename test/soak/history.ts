/**
 * The history checker: told of commits, applied events, own writes and reads, it says which read broke which promise.
 * Pure, and it streams: per key and per client it keeps a bounded number of facts, so that any number of reads can be checked.
 * Invariant: whatever becomes known late, or is forgotten, weakens a check; it never makes a false alarm.
 *
 * All times are milliseconds of one monotonic clock. A commit must be told before a read that could see it.
 * The versions of a key are 1, 2, 3 … at the origin. An empty answer has no version of its own: it stands for any deletion of the key,
 * the most favourable one when it is judged, the least favourable one when later reads are held to it.
 */
import { Timeline } from './timeline.js';

/** What answered a read. Unknown is judged as strictly as Redis. */
/** `hot`: answered by the hot lane, from copies in the process or from elsewhere; it does not say. `confirmed`: the same of a gateway that believes no copy without asking Redis. */
export type Tier = 'hot' | 'confirmed' | 'in-process' | 'redis' | 'media-service' | 'stale' | 'unknown';

/** An empty answer. */
export const nothing = 'nothing';
export type Seen = number | typeof nothing;

export interface Commit {
  readonly key: string;
  readonly version: number;
  /** The key has no media from this version on. */
  readonly deletion: boolean;
  /** Not after the first moment at which the origin could answer it. */
  readonly committedAt: number;
}

export interface Applied {
  readonly key: string;
  readonly version: number;
  /** Not before the cache had confirmed and the event was acknowledged. */
  readonly appliedAt: number;
}

export interface OwnWrite {
  readonly client: string;
  readonly gateway: string;
  readonly key: string;
  readonly version: number;
  readonly answeredAt: number;
}

export interface Read {
  readonly client: string;
  /** Of one life of the process: a gateway that was started again has another name. */
  readonly gateway: string;
  readonly key: string;
  /** The cache entry that answered: a key can be read from an entry of its own, and from that of all collections of its owner. */
  readonly entry: string;
  readonly invokedAt: number;
  readonly respondedAt: number;
  readonly version: Seen;
  readonly tier: Tier;
  /** Of the cache's data set; empty when it is not known. */
  readonly generation: string;
}

/**
 * What is promised of a read:
 * - `real`: it saw something that the origin had committed before the answer, of this key.
 * - `applied`: it saw nothing older than an event that was applied before it was invoked; answered in the process: δ before that.
 * - `own write`: it saw nothing older than a write that this client had an answer to, of the same gateway. No δ here.
 * - `kept`: it saw nothing older than what the cache (in process or Redis) had answered to the same client before, from the same entry in the same
 *   generation; answered in the process: δ before that. A value in Redis was loaded under a lease, taken after all that Redis held before was gone, so what Redis
 *   answers never goes back. Of answers of the media service this is not promised: the load of a reader whose fill is refused may be newer than what
 *   the next holder of the lease has loaded, until the event is applied. Those are counted as `stepsBack`.
 * - `at rest`: when all events are applied and nothing is written, it saw exactly what the origin has.
 * While two servers are master at once, one gateway does not hear what another applies: of a read invoked then (see `hide`), `applied` and `kept`
 * are promised only for what was before.
 */
export type CheckedPromise = 'real' | 'applied' | 'own write' | 'kept' | 'at rest';

export interface Violation {
  readonly promise: CheckedPromise;
  readonly read: Read;
  /** The oldest version that would have been right. */
  readonly expected: number;
  /** What was known of the key lately, in the order in which it became known. */
  readonly story: readonly Fact[];
}

export type Fact =
  | ({ readonly kind: 'commit' } & Commit)
  | ({ readonly kind: 'applied' } & Applied)
  | ({ readonly kind: 'own write' } & OwnWrite)
  | ({ readonly kind: 'read' } & Read);

export interface HistoryOptions {
  /** δ: how many milliseconds older than the events the answers of the in-process tier may be. */
  leaseMs: number;
  /** Default 64. Facts that are kept per key, for the story of a violation. */
  storyLength?: number;
}

export interface HistoryCounts {
  reads: number;
  violations: number;
  /** Reads older than what the same client had read before, which no promise forbids. */
  stepsBack: number;
  /** Answers in the process that were older than an applied event, within δ; and the longest time by which. */
  withinLease: number;
  oldestWithinLeaseMs: number;
}

/** Facts of one key that checks need at once: those of the last seconds, not of the run. */
const keptPerKey = 64;

interface KeyState {
  readonly applied: Timeline;
  readonly commits: Timeline;
  readonly deletions: { version: number; at: number }[];
  newestIsDeletion: boolean;
  readonly story: Fact[];
}

interface Hidden {
  readonly from: number;
  until: number;
}

/** Of the past, those are remembered that a read may still have been invoked in. */
const keptHidden = 16;

interface ClientState {
  seen: number;
  own: { version: number; at: number; gateway: string };
  /** By entry. */
  readonly kept: Map<string, { version: number; at: number; generation: string }>;
}

export class History {
  readonly #options: Required<HistoryOptions>;
  readonly #keys = new Map<string, KeyState>();
  readonly #clients = new Map<string, Map<string, ClientState>>();
  readonly #hidden: Hidden[] = [];
  readonly counts: HistoryCounts = { reads: 0, violations: 0, stepsBack: 0, withinLease: 0, oldestWithinLeaseMs: 0 };

  constructor({ leaseMs, storyLength = 64 }: HistoryOptions) {
    this.#options = { leaseMs, storyLength };
  }

  committed(commit: Commit): void {
    const { version, deletion, committedAt } = commit;
    const state = this.#tell(commit.key, { kind: 'commit', ...commit });
    if (version > state.commits.newest) state.newestIsDeletion = deletion;
    state.commits.add(committedAt, version);
    if (deletion) state.deletions.push({ version, at: committedAt });
    if (state.deletions.length > keptPerKey) state.deletions.shift();
  }

  /** Idempotent: of an event that is applied twice, the first time counts. */
  applied(event: Applied): void {
    this.#tell(event.key, { kind: 'applied', ...event }).applied.add(event.appliedAt, event.version);
  }

  wrote(write: OwnWrite): void {
    this.#tell(write.key, { kind: 'own write', ...write });
    this.#client(write.client, write.key).own = { version: write.version, at: write.answeredAt, gateway: write.gateway };
  }

  /** From `from` on, gateways may not hear of one another, until the time that the returned function is told: that includes what they may take to agree again. */
  hide(from: number): (until: number) => void {
    const hidden = { from, until: Infinity };
    this.#hidden.push(hidden);
    if (this.#hidden.length > keptHidden) this.#hidden.shift();
    return (until) => void (hidden.until = until);
  }

  /** Undefined when the read kept all promises, else the first that it broke. */
  read(read: Read): Violation | undefined {
    const state = this.#tell(read.key, { kind: 'read', ...read });
    const client = this.#client(read.client, read.key);
    this.counts.reads += 1;
    const sure = this.#sureUntil(read);
    const kept = client.kept.get(read.entry);
    const expected = {
      applied: state.applied.atLeastBefore(sure),
      'own write': client.own.gateway === read.gateway && client.own.at < read.invokedAt ? client.own.version : 0,
      kept: kept?.generation === read.generation && kept.at < sure ? kept.version : 0,
    };
    const seen = newestMeant(state, read);
    const committed = state.commits.atMostBy(read.respondedAt);
    if (seen === undefined || seen > committed) return this.#violation('real', read, committed);
    for (const promise of ['applied', 'own write', 'kept'] as const) {
      if (seen < expected[promise]) return this.#violation(promise, read, expected[promise]);
    }
    this.#noteAge(read, seen, state);
    if (seen < client.seen) this.counts.stepsBack += 1;
    const least = oldestMeant(state, read, Math.max(expected.applied, expected['own write'], expected.kept));
    client.seen = Math.max(client.seen, least);
    const isOfCache = read.tier === 'redis' || read.tier === 'in-process' || read.tier === 'stale';
    const isNews = least > (kept?.version ?? 0) || kept?.generation !== read.generation;
    if (isOfCache && isNews) client.kept.set(read.entry, { version: least, at: read.respondedAt, generation: read.generation });
    return undefined;
  }

  /** The version that a read has seen; of an empty answer the newest deletion that it can mean. 0 when there was none. */
  meant(read: Read): number {
    const state = this.#keys.get(read.key);
    return (state && newestMeant(state, read)) ?? 0;
  }

  /** A read of when all events were applied and nothing was written: undefined when it saw what the origin has. */
  atRest(read: Read): Violation | undefined {
    const state = this.#tell(read.key, { kind: 'read', ...read });
    const { newest } = state.commits;
    const isRight = state.newestIsDeletion ? read.version === nothing : read.version === newest;
    return isRight ? undefined : this.#violation('at rest', read, newest);
  }

  /** Facts that are kept at the moment: what memory grows with. */
  get size(): number {
    let size = 0;
    for (const { applied, commits, deletions, story } of this.#keys.values()) size += applied.size + commits.size + deletions.length + story.length;
    for (const keys of this.#clients.values()) for (const { kept } of keys.values()) size += 1 + kept.size;
    return size;
  }

  /** What was before this time, the read must have seen. */
  #sureUntil({ tier, invokedAt }: Read): number {
    const heard = tier === 'in-process' || tier === 'hot' ? invokedAt - this.#options.leaseMs : invokedAt;
    const hidden = this.#hidden.filter(({ from, until }) => from < heard && invokedAt <= until);
    return Math.min(heard, ...hidden.map(({ from }) => from));
  }

  #violation(promise: CheckedPromise, read: Read, expected: number): Violation {
    this.counts.violations += 1;
    return { promise, read, expected, story: [...(this.#keys.get(read.key)?.story ?? [])] };
  }

  #noteAge(read: Read, seen: number, state: KeyState): void {
    if (read.tier !== 'in-process' || seen >= state.applied.atLeastBefore(read.invokedAt)) return;
    this.counts.withinLease += 1;
    const ageMs = read.invokedAt - (state.applied.outdatedAt(seen) ?? read.invokedAt);
    this.counts.oldestWithinLeaseMs = Math.max(this.counts.oldestWithinLeaseMs, ageMs);
  }

  #tell(key: string, fact: Fact): KeyState {
    let state = this.#keys.get(key);
    if (!state) {
      state = { applied: new Timeline(keptPerKey), commits: new Timeline(keptPerKey), deletions: [], newestIsDeletion: true, story: [] };
      this.#keys.set(key, state);
    }
    state.story.push(fact);
    if (state.story.length > this.#options.storyLength) state.story.shift();
    return state;
  }

  #client(client: string, key: string): ClientState {
    let keys = this.#clients.get(client);
    if (!keys) this.#clients.set(client, (keys = new Map()));
    let state = keys.get(key);
    if (!state) keys.set(key, (state = { seen: 0, own: { version: 0, at: 0, gateway: '' }, kept: new Map() }));
    return state;
  }
}

/** The newest version that the answer can mean: undefined when there was none such. */
function newestMeant({ deletions }: KeyState, { version, respondedAt }: Read): number | undefined {
  if (version !== nothing) return Number.isInteger(version) && version > 0 ? version : undefined;
  return deletions.findLast(({ at }) => at <= respondedAt)?.version;
}

/** The oldest version that the answer can mean, given that it is not older than `least`. */
function oldestMeant({ deletions }: KeyState, { version }: Read, least: number): number {
  if (version !== nothing) return version;
  const mayHaveForgotten = deletions.length === keptPerKey && (deletions[0]?.version ?? 0) > least;
  return mayHaveForgotten ? least : (deletions.find((deletion) => deletion.version >= least)?.version ?? least);
}
