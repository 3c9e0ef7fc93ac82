/**
 * The clients that read: each sticks to one gateway and asks one question after the other, some of them after a write of its own.
 * Every answer goes to the history. Invariant: a read is told with a time of invocation not after, and a time of response not before, its true ones.
 */
import { pause } from '../../src/runtime/backoff.js';
import type { Events } from './events.js';
import type { FleetGateway } from './fleet.js';
import type { History, Read, Violation } from './history.js';
import { HttpClient } from './http-client.js';
import type { Key, KeySpace, Owner, Role } from './keys.js';
import type { Meter } from './meter.js';
import type { VersionedOrigin } from './origin.js';
import { ask, askHot, entryOf, explainHeader, explainToken, hotKinds, hotShare, listsPerQuestion, shownPerQuestion, understand, type Field, type FieldAnswer } from './questions.js';
import type { Random } from './random.js';

export interface ReaderOptions {
  name: string;
  gateway: FleetGateway;
  keys: KeySpace;
  events: Events;
  history: History;
  meter: Meter;
  origin: VersionedOrigin;
  random: Random;
  /** Milliseconds between two questions, on average. */
  thinkMs: number;
  violated: (violation: Violation) => void;
}

/** Longer than any fault. */
const deadlineMs = 40_000;
const ownWriteShare = 0.02;
const roleShares: readonly (readonly [Role, number])[] = [
  ['popular', 0.66],
  ['busy', 0.24],
  ['lively', 0.06],
  ['tail', 0.04],
];
/** Of the lists of a question, those that are aimed at keys with an event just now. */
const aimedLists = 3;

const mutation = 'mutation ($id: ID!) { deleteMedia(id: $id) { success } }';

export class Reader {
  readonly #options: ReaderOptions;
  readonly #http: HttpClient;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#http = new HttpClient(options.gateway.url);
    this.#running = this.#run();
  }

  /** Resolves when the last question is answered. Idempotent, never rejects. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    this.#http.stop();
  }

  async #run(): Promise<void> {
    const { random, thinkMs } = this.#options;
    // oxlint-disable-next-line no-await-in-loop
    while (await pause(random.exponential(thinkMs), this.#stopping.signal)) {
      // oxlint-disable-next-line no-await-in-loop
      const written = random.chance(ownWriteShare) ? await this.#write() : undefined;
      // oxlint-disable-next-line no-await-in-loop
      await this.#ask(written);
    }
  }

  /** Deletes a file through the gateway; the key, when that was done. */
  async #write(): Promise<Key | undefined> {
    const { name, gateway, keys, origin, history, random } = this.#options;
    const key = random.pick(random.pick(keys.byRole.lively).keys);
    const id = origin.claim(key);
    if (id === undefined) return undefined;
    const { life } = gateway;
    try {
      const body = await this.#http.ask(JSON.stringify({ query: mutation, variables: { id } }), {}, deadlineMs);
      const deletion = origin.deletionOf(id);
      if (!deletion || body.includes('"errors"')) return undefined;
      history.wrote({ client: name, gateway: life, key: key.name, version: deletion.version, answeredAt: performance.now() });
      return key;
    } catch {
      return undefined;
    }
  }

  async #ask(written: Key | undefined): Promise<void> {
    const { gateway, meter, random } = this.#options;
    const choice = this.#choose(written);
    const question = random.chance(hotShare) ? askHot(random.pick(hotKinds), choice) : ask(choice);
    const { life } = gateway;
    const invokedAt = performance.now();
    try {
      const body = await this.#http.ask(question.body, question.isHot ? {} : { [explainHeader]: explainToken }, deadlineMs);
      const respondedAt = performance.now();
      meter.query(respondedAt - invokedAt);
      for (const answer of understand(question, body, gateway.hotTier)) this.#tell(answer, { gateway: life, invokedAt, respondedAt });
    } catch {
      question.fields.forEach(() => meter.failedRead());
      // The gateway may be away: no hammering.
      await pause(100, this.#stopping.signal);
    }
  }

  #tell({ entry, tier, generation, seen }: FieldAnswer, times: Pick<Read, 'gateway' | 'invokedAt' | 'respondedAt'>): void {
    const { name, events, history, meter, violated } = this.#options;
    if (seen.length === 0) {
      meter.failedRead();
      return;
    }
    const isNearEvent = seen.some(({ key }) => events.isNear(key, times.invokedAt));
    meter.read(tier, { isNearEvent, invokedAt: times.invokedAt });
    for (const { key, version } of seen) {
      const read: Read = { client: name, key: key.name, entry, version, tier, generation, ...times };
      const violation = history.read(read);
      if (violation) violated(violation);
      events.seen(key, history.meant(read), times.invokedAt);
    }
  }

  #choose(written: Key | undefined): { lists: Field[]; users: Owner[]; products: Owner[] } {
    const { events, random } = this.#options;
    const taken = new Set<string>();
    const isFree = (owner: Owner, key: Key | undefined): boolean => {
      const entry = entryOf({ owner, key });
      return !taken.has(entry) && taken.add(entry).size > 0;
    };
    const shown = (type: Owner['modelType']): Owner[] => this.#take(shownPerQuestion, () => this.#owner(type), (owner) => isFree(owner, owner.keys[0]));
    const [users, products] = [shown('User'), shown('Product')];
    const lists: Field[] = [];
    const add = (owner: Owner, key: Key | undefined): void => {
      if (lists.length < listsPerQuestion && isFree(owner, key)) lists.push({ owner, key });
    };
    if (written) add(written.owner, written);
    for (const key of random.shuffled(events.recentKeys()).slice(0, aimedLists)) add(key.owner, random.chance(0.7) ? key : undefined);
    while (lists.length < listsPerQuestion) {
      const owner = this.#owner(undefined);
      add(owner, random.chance(0.85) ? random.pick(owner.keys) : undefined);
    }
    return { lists, users, products };
  }

  #take<T>(count: number, draw: () => T, isWanted: (drawn: T) => boolean): T[] {
    const taken: T[] = [];
    while (taken.length < count) {
      const drawn = draw();
      if (isWanted(drawn)) taken.push(drawn);
    }
    return taken;
  }

  #owner(type: Owner['modelType'] | undefined): Owner {
    const { keys, random } = this.#options;
    let draw = random.next();
    const [role] = roleShares.find(([, share]) => (draw -= share) < 0) ?? ['tail' as const];
    for (;;) {
      const owner = random.pick(keys.byRole[role]);
      if (type === undefined || owner.modelType === type) return owner;
    }
  }
}
