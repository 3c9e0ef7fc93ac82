/**
 * What was read together, kept by who has made something of it, to be told later whether it would be read again.
 * Invariant: a receipt is good only while a read of its keys would be answered with the very same values, from the same place.
 */
import type { CacheObserver } from './cache-events.js';
import type { CacheStore, EntryKey, StoredValue } from './cache-store.js';
import type { Life, LocalTier } from './local-tier.js';

export interface Receipt {
  readonly keys: readonly EntryKey[];
  /** Of the keys, how many have nothing. */
  readonly negatives: number;
  /** Milliseconds of the cache's clock: then the first of the values is to be loaded anew. */
  readonly freshUntil: number;
  /** The copies in this process that the values were, or the values of the store. */
  readonly proof: { readonly copies: readonly Life[] } | { readonly values: readonly StoredValue[] };
  uses: number;
}

export interface ReceiptsOptions {
  store: Pick<CacheStore, 'confirm'>;
  /** Undefined where no copies are kept, or none may be believed now. */
  local: () => Pick<LocalTier<unknown>, 'get' | 'holdsAll'> | undefined;
  /** Whether what the store says may be believed now: no events may be missing. */
  isStoreBelieved: () => boolean;
  areDistrusted: (keys: readonly EntryKey[]) => boolean;
  observe: CacheObserver;
  now: () => number;
}

const separator = '\n';

/**
 * A receipt of what the store has answered, as a text that takes a fraction of its memory; undefined of any other.
 * `receiptOf` makes it again.
 */
export function textOf({ proof, negatives, freshUntil }: Receipt): string | undefined {
  if ('copies' in proof) return undefined;
  const fields = proof.values.flatMap(({ owner, collection, version }) => [owner, collection, version]);
  const text = [Math.floor(freshUntil), negatives, ...fields].join(separator);
  return text.split(separator).length === fields.length + 2 ? text : undefined;
}

export function receiptOf(text: string): Receipt {
  const fields = text.split(separator);
  const values: StoredValue[] = [];
  for (let index = 2; index < fields.length; index += 3) values.push({ owner: fields[index] ?? '', collection: fields[index + 1] ?? '', version: fields[index + 2] ?? '' });
  return { keys: values, negatives: Number(fields[1]), freshUntil: Number(fields[0]), proof: { values }, uses: 0 };
}

/** After so many uses the copies are asked for, so that it is known which of them are in use. */
const usesPerLook = 16;

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
    return 'copies' in proof ? this.#areKept(receipt, proof.copies) : this.#areStored(receipt, proof.values);
  }

  #areKept(receipt: Receipt, copies: readonly Life[]): boolean {
    const local = this.#options.local();
    if (!local?.holdsAll(copies)) return false;
    receipt.uses += 1;
    if (receipt.uses % usesPerLook === 0) for (const { owner, collection } of receipt.keys) local.get(owner, collection);
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
