/**
 * Loads that will not be stored: while the store is out of reach, and for owners that it cannot be trusted with.
 * Without a lease nothing proves that a load is not older than an invalidation. So a reader may share only a load that *starts after it came*:
 * it joins those that wait for room, never one under way. That bounds the calls to the origin, and costs nobody a wait while there is room.
 */
import { Overloaded } from '../runtime/limiter.js';
import type { EntryKey } from './cache-store.js';

export interface UnfilledLoadsOptions<V> {
  /** One call to the origin; answers in the order of the keys. Never rejects. */
  load: (keys: readonly EntryKey[]) => Promise<readonly (V | Error)[]>;
  /** Calls at once; what comes then waits, and is merged. */
  maxCalls: number;
}

interface Batch<V> {
  readonly keys: Map<string, EntryKey>;
  readonly answers: Promise<ReadonlyMap<string, V | Error>>;
  readonly start: () => void;
}

const maxBatchKeys = 500;
const maxWaitingBatches = 200;

export class UnfilledLoads<V> {
  readonly #options: UnfilledLoadsOptions<V>;
  /** In the order in which they will start; all but the last are full. */
  readonly #waiting: Batch<V>[] = [];
  #calls = 0;

  constructor(options: UnfilledLoadsOptions<V>) {
    this.#options = options;
  }

  /** By the ids of `reads`. Never rejects. */
  async load(reads: readonly { id: string; key: EntryKey }[]): Promise<ReadonlyMap<string, V | Error>> {
    const batches = reads.map((read) => this.#join(read));
    this.#startWaiting();
    const [first] = batches;
    if (first && batches.every((batch) => batch === first)) return first.answers;
    const answers = new Map<string, V | Error>();
    for (const [index, { id }] of reads.entries()) {
      // oxlint-disable-next-line no-await-in-loop -- all of them are under way already
      answers.set(id, (await batches[index]?.answers)?.get(id) ?? new Overloaded('too many loads wait'));
    }
    return answers;
  }

  #join({ id, key }: { id: string; key: EntryKey }): Batch<V> | undefined {
    const joined = this.#waiting.find(({ keys }) => keys.has(id));
    if (joined) return joined;
    let last = this.#waiting.at(-1);
    if (!last || last.keys.size >= maxBatchKeys) {
      if (this.#waiting.length >= maxWaitingBatches) return undefined;
      last = this.#batch();
      this.#waiting.push(last);
    }
    last.keys.set(id, key);
    return last;
  }

  #startWaiting(): void {
    while (this.#calls < this.#options.maxCalls) {
      const batch = this.#waiting.shift();
      if (!batch) break;
      this.#calls += 1;
      batch.start();
    }
  }

  #batch(): Batch<V> {
    const keys = new Map<string, EntryKey>();
    const gate = new Gate();
    return { keys, answers: gate.opened.then(() => this.#call(keys)), start: () => gate.open() };
  }

  async #call(keys: ReadonlyMap<string, EntryKey>): Promise<ReadonlyMap<string, V | Error>> {
    const values = await this.#options.load([...keys.values()]);
    this.#calls -= 1;
    this.#startWaiting();
    return new Map([...keys.keys()].map((id, index) => [id, values[index] ?? new Error('the origin answered fewer values than keys')]));
  }
}

class Gate {
  readonly opened: Promise<void>;
  #resolve: (() => void) | undefined;

  constructor() {
    this.opened = new Promise((resolve) => (this.#resolve = resolve));
  }

  open(): void {
    this.#resolve?.();
  }
}
