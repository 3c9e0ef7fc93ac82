/**
 * What was read together, kept by who has made something of it, to be told later whether it would be read again.
 * Invariant: a receipt is good only while the very same values may be the answer to a read of its keys.
 */
import type { CacheObserver } from './cache-events.js';
import type { CacheStore, EntryKey, StoredValue } from './cache-store.js';
import type { LocalTier } from './local-tier.js';
import type { Stamp } from './stamps.js';

export interface Receipt {
  readonly keys: readonly EntryKey[];
  /** Of the keys, how many have nothing. */
  readonly negatives: number;
  /** Milliseconds of the cache's clock: then the first of the values is to be loaded anew. */
  readonly freshUntil: number;
  /** Of each key in order: its stamp in this process, or the value that the store had. */
  readonly proof: { readonly stamps: readonly Stamp[] } | { readonly values: readonly StoredValue[] };
}

export interface ReceiptsOptions {
  store: Pick<CacheStore, 'confirm'>;
  /** Undefined where no copies are kept, or none may be believed now. */
  local: () => Pick<LocalTier<unknown>, 'holdsAll'> | undefined;
  /** Whether what the store says may be believed now: no events may be missing. */
  isStoreBelieved: () => boolean;
  areDistrusted: (keys: readonly EntryKey[]) => boolean;
  observe: CacheObserver;
  now: () => number;
}

const separator = '\n';
/** Kind, time, number of negatives. */
const headFields = 3;
const stamped = 's';

/** A receipt as a text, which takes a fraction of its memory; undefined of one that cannot be. `receiptOf` makes it again. */
export function textOf({ keys, proof, negatives, freshUntil }: Receipt): string | undefined {
  const proofs = 'stamps' in proof ? proof.stamps.map(({ owner, entry, count }) => `${owner} ${entry} ${count}`) : proof.values.map(({ version }) => version);
  const fields = keys.flatMap(({ owner, collection }, index) => [owner, collection, proofs[index] ?? '']);
  const text = ['stamps' in proof ? stamped : '', Math.floor(freshUntil), negatives, ...fields].join(separator);
  return text.split(separator).length === headFields + fields.length ? text : undefined;
}

export function receiptOf(text: string): Receipt {
  const [kind, freshUntil, negatives, ...fields] = text.split(separator);
  const values: StoredValue[] = [];
  for (let index = 0; index < fields.length; index += 3) values.push({ owner: fields[index] ?? '', collection: fields[index + 1] ?? '', version: fields[index + 2] ?? '' });
  const proof = kind === stamped ? { stamps: values.map(({ version }) => stampOf(version)) } : { values };
  return { keys: values, negatives: Number(negatives), freshUntil: Number(freshUntil), proof };
}

function stampOf(text: string): Stamp {
  const [owner, entry, count] = text.split(' ', 3);
  return { owner: Number(owner), entry: Number(entry), count: Number(count) };
}

export class Receipts {
  readonly #options: ReceiptsOptions;

  constructor(options: ReceiptsOptions) {
    this.#options = options;
  }

  /** Counts the reads when it is good: they are as new as those of `readMany`. Of copies at once, of the store with one round trip. Never rejects. */
  again(receipt: Receipt): boolean | Promise<boolean> {
    const { proof, keys, freshUntil } = receipt;
    const { now, areDistrusted } = this.#options;
    if (freshUntil <= now() || areDistrusted(keys)) return false;
    return 'stamps' in proof ? this.#areCurrent(receipt, proof.stamps) : this.#areStored(receipt, proof.values);
  }

  #areCurrent(receipt: Receipt, stamps: readonly Stamp[]): boolean {
    if (!this.#options.local()?.holdsAll(stamps)) return false;
    this.#count(receipt, 'local');
    return true;
  }

  async #areStored(receipt: Receipt, values: readonly StoredValue[]): Promise<boolean> {
    const { store, isStoreBelieved } = this.#options;
    if (!isStoreBelieved() || !(await store.confirm(values))) return false;
    this.#count(receipt, 'store');
    return true;
  }

  #count({ keys, negatives }: Receipt, source: 'local' | 'store'): void {
    this.#options.observe({ type: 'answered-many', keys, source, negatives });
  }
}
