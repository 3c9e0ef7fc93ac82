/**
 * The store of a world, as its processes reach it: each call is on its way, happens, and is answered; announcements travel to each process in their
 * order; the server may go away, be slow, come back, be emptied, and be replaced by a replica that has missed an invalidation.
 */
import type { CacheStore, EntryKey, LeaseRequest, Lookup } from '../../../src/cache/cache-store.js';
import type { MemoryStore as MemoryStoreClass } from '../../../src/cache/memory-store.js';
import type { TimeLease as TimeLeaseClass } from '../../../src/cache/time-lease.js';
import type { Time } from '../../../src/cache/time.js';
import type { Schedule } from './explorer.js';
import { Client, type Heard } from './store-client.js';

export interface StoreModules {
  MemoryStore: typeof MemoryStoreClass;
  TimeLease: typeof TimeLeaseClass;
}

const leaseMs = 1_000;

interface Call<T> {
  readonly label: string;
  readonly effect: () => Promise<T>;
  /** The answer when the store is out of reach. */
  readonly away: () => T;
}

export class SharedStore {
  /** δ. */
  readonly coherenceMs = 100;
  now = 0;
  /** When the server was last lost. */
  lostAt = -Infinity;
  readonly #schedule: Schedule;
  readonly #modules: StoreModules;
  readonly #clients: Client[] = [];
  /** The server of the moment, and who takes over from it. */
  #server: MemoryStoreClass;
  #replica: MemoryStoreClass;
  #generation = 'first';
  #term = 1;
  #isDown = false;
  #isSlow = false;
  #losesInvalidations = false;
  /** What excuses a reader who waits until a lease expires: its holder may have died, or have had no answer. */
  #mayLoseLeases = false;
  /** Counts what changes the store: a poll is made only when something has, or a run would never end. */
  #changes = 0;
  #fillsOfOthers = 0;
  /** Counts how often a process could reach it again: what was not confirmed is tried again only then. */
  #returns = 0;

  constructor(schedule: Schedule, modules: StoreModules) {
    this.#schedule = schedule;
    this.#modules = modules;
    const server = (): MemoryStoreClass => new modules.MemoryStore({ leaseMs, now: () => this.now, generation: () => this.#generation });
    this.#server = server();
    this.#replica = server();
    schedule.onIdle('nothing else happens until the lease expires', () => this.change(() => this.leaseExpires()), () => this.#mayLoseLeases);
  }

  /** As one process reaches it; `sleep` ends when something has changed since the process was last made to wait. */
  reachedBy(name: string, { local }: { local: boolean }): { store: CacheStore; sleep: Time['sleep'] } {
    const client = new Client(name, { local, lease: new this.#modules.TimeLease(this.coherenceMs, () => this.now), schedule: this.#schedule });
    this.#clients.push(client);
    const release = (requests: readonly LeaseRequest[]): Call<void> => ({
      label: 'release',
      effect: () => this.change(() => this.#replicated((server) => server.release(requests))),
      away: () => undefined,
    });
    const store: CacheStore = {
      tier: 'shared',
      state: 'ready',
      readOrLease: (requests, maxAgeMs) =>
        this.#call(client, {
          label: 'read',
          effect: async () => {
            const changes = this.#changes;
            const lookups = await this.#replicated((server) => server.readOrLease(requests, maxAgeMs));
            if (lookups.some(({ kind }) => kind === 'wait')) client.seen.changes = changes;
            return lookups;
          },
          away: () => requests.map((_request: LeaseRequest): Lookup => ({ kind: 'bypass' })),
          // As the Redis store does: nobody knows of a lease that was granted too late.
          late: release(requests),
        }),
      confirm: (values) =>
        this.#call(client, {
          label: 'confirm',
          effect: () => this.#replicated((server) => server.confirm(values)),
          away: () => false,
        }),
      fill: (fills) =>
        this.#call(client, {
          label: 'fill',
          effect: () => this.change(() => this.#replicated((server) => server.fill(fills))),
          away: () => fills.map(() => undefined),
        }),
      release: (requests) => this.#call(client, release(requests)),
      invalidate: (owner, collection) => {
        client.seen.returns = this.#returns;
        return this.#call(client, {
          label: 'invalidate',
          effect: () => this.change(() => this.#invalidate(owner, collection)),
          away: () => {
            throw new Error('the store is away');
          },
        });
      },
      purge: () => Promise.resolve(0),
      watch: (watcher) => void client.watchers.push(watcher),
      isCoherent: () => client.lease.held,
      settledMs: this.coherenceMs,
      putMark: () => Promise.resolve(),
      getMark: () => Promise.resolve(undefined),
    };
    // Readers cannot be interrupted, the retry of invalidations can: that tells them apart.
    const sleep: Time['sleep'] = (_ms, signal) => {
      const { changes, returns } = { ...client.seen };
      if (signal) return this.#schedule.moment(`${name}: tries again`, () => undefined, () => this.#returns > returns);
      return this.#schedule.moment(`${name}: poll`, () => undefined, () => this.#changes > changes);
    };
    return { store, sleep };
  }

  change<T>(effect: () => T): T {
    this.#changes += 1;
    return effect();
  }

  /** An event is held while the store is away, and tried again when it has come back. `held` hears of each failure. */
  async untilApplied(name: string, apply: () => Promise<void>, held: () => void): Promise<void> {
    for (;;) {
      const returns = this.#returns;
      try {
        // oxlint-disable-next-line no-await-in-loop
        await apply();
        return;
      } catch {
        held();
        // oxlint-disable-next-line no-await-in-loop
        await this.#schedule.moment(`${name} tries again`, () => undefined, () => this.#returns > returns);
      }
    }
  }

  preload(key: EntryKey, payload: string, ttlMs: number): void {
    const request = { ...key, token: this.#tokenOfAnother() };
    this.#fillsOfOthers += 1;
    void this.#replicated((server) => server.readOrLease([request], Infinity));
    void this.#replicated((server) => server.fill([{ ...request, payload, ttlMs: ttlMs * 0.95, freshMs: ttlMs * 0.95 * 0.9 }]));
  }

  /** By a process that is not of the world: it dies, or fills by `preload`. */
  leaseOfAnother(key: EntryKey): void {
    void this.#replicated((server) => server.readOrLease([{ ...key, token: this.#tokenOfAnother() }], Infinity));
  }

  /** The same until it has filled: no token ever returns. */
  #tokenOfAnother(): string {
    return `of another, ${this.#fillsOfOthers}`;
  }

  leaseExpires(): void {
    this.now += leaseMs + 1;
  }

  /** Everything in the store is gone, leases too: eviction, FLUSHALL, a restart. */
  flush(): void {
    void this.#replicated((server) => server.purge(''));
  }

  /** As `flush`, by a process that tells all others. */
  purge(): void {
    this.flush();
    this.#announce({ kind: 'purged' });
  }

  /** All connections are closed; what was on its way is lost. */
  goAway(): void {
    this.#isDown = true;
    this.#mayLoseLeases = true;
    this.now += 1;
    this.lostAt = this.now;
    for (const client of this.#clients) client.disconnect();
    this.now += 1;
  }

  comeBack(): void {
    this.#isDown = false;
    this.#isSlow = false;
    for (const client of this.#clients) this.#connect(client);
  }

  /** What is asked from now on gets no answer in time, and happens at any time, before or after the process has given up. */
  becomeSlow(): void {
    this.#isSlow = true;
    this.#mayLoseLeases = true;
  }

  /** From now on the replica does not learn of invalidations, though they are confirmed. */
  replicationStalls(): void {
    this.#losesInvalidations = true;
  }

  /** The replica takes over. What was on its way is lost, and each process notices in its own time. */
  failOver(): void {
    this.#server = this.#replica;
    this.#term += 1;
    this.#generation = `term ${this.#term}`;
    this.#mayLoseLeases = true;
    for (const client of this.#clients) {
      this.#schedule.start(() => this.#schedule.moment(`${client.name} notices the failover`, () => this.change(() => this.#reconnect(client))));
    }
  }

  /** The process asks whether it has heard everything; the answer comes behind what was announced before. */
  probe(name: string, enabled?: () => boolean): void {
    const client = this.#clients.find((candidate) => candidate.name === name);
    if (!client) throw new Error(`there is no ${name}`);
    this.#schedule.start(async () => {
      const askedAt = await this.#schedule.moment(`${name}: probe is sent`, () => client.lease.asked(), enabled);
      const { connection } = client;
      await this.#schedule.moment(`${name}: probe arrives`, () => {
        // A server that was replaced does not say that it is the one.
        if (connection === client.connection && client.term === this.#term && !this.#isDown) client.say({ kind: 'answer', askedAt });
      });
    });
  }

  #call<T>(client: Client, { label, effect, away, late }: Call<T> & { late?: Call<void> }): Promise<T> {
    const { term, connection } = client;
    const reached = (): boolean => !this.#isDown && term === this.#term && connection === client.connection;
    const full = `${client.name}: ${label}`;
    if (!this.#isSlow) return this.#schedule.call(full, () => (reached() ? effect() : away()));
    let hasHappened = false;
    const happen = async (delayed: () => Promise<unknown>): Promise<void> => {
      hasHappened = true;
      if (reached()) await delayed();
    };
    this.#schedule.start(() => this.#schedule.moment(`${full} happens late`, () => happen(effect)));
    return this.#schedule.moment(`${full} times out`, () => {
      // On the same connection: not before what was sent before.
      if (late) this.#schedule.start(() => this.#schedule.moment(`${client.name}: ${late.label} happens late`, () => happen(late.effect), () => hasHappened));
      return away();
    });
  }

  #connect(client: Client): void {
    client.connect(this.#term);
    this.#returns += 1;
  }

  #reconnect(client: Client): void {
    client.disconnect();
    this.#connect(client);
  }

  #invalidate(owner: string, collection: string | undefined): Promise<void> {
    const confirmed = this.#server.invalidate(owner, collection);
    if (!this.#losesInvalidations && this.#replica !== this.#server) void this.#replica.invalidate(owner, collection);
    this.#announce({ kind: 'invalidated', owner, collection });
    return confirmed;
  }

  #announce(what: Heard): void {
    for (const client of this.#clients) if (client.local && client.term === this.#term) client.say(what);
  }

  #replicated<T>(effect: (server: MemoryStoreClass) => Promise<T>): Promise<T> {
    const result = effect(this.#server);
    if (this.#replica !== this.#server) void effect(this.#replica);
    return result;
  }
}
