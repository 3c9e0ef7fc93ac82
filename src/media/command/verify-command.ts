/** `media verify`: reads stored bytes again and compares them with their hash. */
import { AppError } from '../../contract/errors.js';
import type { BlobRecord } from '../rows/blob-records.js';
import { formatBytes } from '../upkeep/byte-size.js';
import type { Verified } from '../upkeep/integrity.js';
import { inParallel, readWords, UsageError, type CommandContext, type CommandCore, type MediaCommand } from './command.js';

const pageSize = 500;
/** Reads at a time. */
const concurrency = 4;
/** Between two lines of progress where there is no terminal. */
const sayEveryMs = 10_000;

interface Damage {
  sha256: string;
  /** `UNREADABLE`: the store failed; nothing is known of the bytes. */
  state: Exclude<Verified['state'], 'VERIFIED'> | 'UNREADABLE';
  bytes: number;
}

/** @throws UsageError */
export function readVerify(words: readonly string[]): MediaCommand {
  const { values, positionals } = readWords(words, { all: { type: 'boolean' }, json: { type: 'boolean' } });
  const { all = false, json = false } = values;
  const hashes = positionals.map((word) => word.toLowerCase());
  if (all ? hashes.length > 0 : hashes.length !== 1) throw new UsageError('What is verified is one hash, or --all.');
  if (!hashes.every((hash) => /^([0-9a-f]{32}|[0-9a-f]{64})$/.test(hash))) throw new UsageError('A hash is the hex of a sha256, or of an md5.');
  return async (context) => {
    const tally = new Tally(context);
    const [hash] = hashes;
    if (hash === undefined) await verifyAll(context, tally);
    else await verifyEach(await recordsOf(context.core, hash), context, tally);
    tally.end(json);
    return tally.damage.length > 0 || context.signal.aborted ? 1 : 0;
  };
}

async function recordsOf({ records }: CommandCore, hash: string): Promise<BlobRecord[]> {
  if (hash.length === 32) return existing(await records.findByMd5(hash), hash);
  const record = await records.find(hash);
  return existing(record ? [record] : [], hash);
}

function existing(records: BlobRecord[], hash: string): BlobRecord[] {
  if (records.length === 0) throw new AppError('NOT_FOUND', `Nothing is stored under ${hash}.`);
  return records;
}

async function verifyAll(context: CommandContext, tally: Tally): Promise<void> {
  const { core, signal } = context;
  tally.expect((await core.statistics.read()).blobs);
  for (let after = ''; !signal.aborted; ) {
    // One page after the other.
    // oxlint-disable-next-line no-await-in-loop
    const page = await core.records.page(after, pageSize);
    // oxlint-disable-next-line no-await-in-loop
    await verifyEach(page, context, tally);
    const last = page.at(-1);
    if (!last) return;
    after = last.sha256;
  }
}

function verifyEach(records: readonly BlobRecord[], { core, signal }: CommandContext, tally: Tally): Promise<void> {
  // What is being removed has no bytes to speak of.
  const kept = records.filter(({ state }) => state !== 'deleting');
  return inParallel(kept, concurrency, signal, async ({ sha256, size }) => {
    try {
      const { state } = await core.integrity.verify(sha256);
      tally.count({ sha256, state, bytes: size });
    } catch (error) {
      // Removed meanwhile.
      if (error instanceof AppError && error.code === 'NOT_FOUND') return;
      if (!signal.aborted) tally.count({ sha256, state: 'UNREADABLE', bytes: size }, error);
    }
  });
}

type Speech = Pick<CommandContext, 'print' | 'printJson' | 'progress'>;

/** Counts, and tells how far it is. */
class Tally {
  readonly damage: Damage[] = [];
  readonly #speech: Speech;
  #expected = 0;
  #verified = 0;
  #bytes = 0;
  #saidAt = performance.now();

  constructor(speech: Speech) {
    this.#speech = speech;
  }

  expect(blobs: number): void {
    this.#expected = blobs;
  }

  count({ sha256, state, bytes }: { sha256: string; state: Verified['state'] | 'UNREADABLE'; bytes: number }, error?: unknown): void {
    const { progress } = this.#speech;
    if (state === 'VERIFIED') {
      this.#verified += 1;
      this.#bytes += bytes;
    } else {
      this.damage.push({ sha256, state, bytes });
      progress.say(`${state} ${sha256} ${formatBytes(bytes)}${error instanceof Error ? `: ${error.message}` : ''}`);
    }
    const line = `${this.#verified + this.damage.length} of ${this.#expected || 1}: ${this.#inWords()}`;
    progress.show([line]);
    if (progress.isLive || performance.now() - this.#saidAt < sayEveryMs) return;
    progress.say(line);
    this.#saidAt = performance.now();
  }

  end(json: boolean): void {
    const { progress, print, printJson } = this.#speech;
    progress.show([]);
    if (json) printJson({ verified: this.#verified, bytes: this.#bytes, bytes_human: formatBytes(this.#bytes), damaged: this.damage });
    else print(`${this.#inWords()}.`);
  }

  #inWords(): string {
    return `${this.#verified} verified (${formatBytes(this.#bytes)}), ${this.damage.length} damaged`;
  }
}
