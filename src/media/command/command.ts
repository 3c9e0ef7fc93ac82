/** What the verbs of the command line have in common: what they work on, how they speak, how they end. */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import type { Importer } from '../import/importer.js';
import type { Library } from '../library.js';
import type { BlobRecords } from '../rows/blob-records.js';
import type { MediaStore } from '../rows/media-store.js';
import type { Sources } from '../rows/sources.js';
import type { Cleanup } from '../upkeep/cleanup.js';
import type { Integrity } from '../upkeep/integrity.js';
import type { Statistics } from '../upkeep/statistics.js';
import type { Progress } from './progress.js';

/** The parts of the media service that commands use. */
export interface CommandCore {
  library: Pick<Library, 'import'>;
  importer: Pick<Importer, 'keepCopy'>;
  integrity: Pick<Integrity, 'verify'>;
  cleanup: Pick<Cleanup, 'run'>;
  statistics: Pick<Statistics, 'read'>;
  store: Pick<MediaStore, 'findByIds' | 'findByUuid' | 'findByHash'>;
  records: Pick<BlobRecords, 'find' | 'findByMd5' | 'page'>;
  sources: Pick<Sources, 'find' | 'of'>;
}

export interface CommandContext {
  core: CommandCore;
  /** Writes one line of the answer. */
  print: (line: string) => void;
  /** Writes the answer, or one of its objects, as JSON on a line. */
  printJson: (value: object) => void;
  /** Where a person follows what goes on. */
  progress: Progress;
  /** Imports at a time. */
  concurrency: number;
  /** Aborted when the person does not want to wait any longer: nothing is begun then. */
  signal: AbortSignal;
}

/** Resolves with the exit code: 0 when everything is as it should be, else 1. */
export type MediaCommand = (context: CommandContext) => Promise<number>;

/** The command line is none that is understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** @throws UsageError for an option that there is not, or that lacks its value. */
export function readWords<const T extends NonNullable<ParseArgsConfig['options']>>(words: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Runs `work` for each of `items`, at most `max` at a time; when `signal` aborts, those that were begun still end. */
export async function inParallel<T>(items: readonly T[], max: number, signal: AbortSignal, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  const worker = async (): Promise<void> => {
    for (const item of waiting) {
      if (signal.aborted) return;
      // One after the other: `max` workers share the items.
      // oxlint-disable-next-line no-await-in-loop
      await work(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(max, items.length) }, worker));
}
