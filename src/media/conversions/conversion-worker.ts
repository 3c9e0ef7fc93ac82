/**
 * Makes the conversions of images that were asked for, a few at a time; several instances share the work.
 * Invariant: no image is decoded in this process; after `stop` nothing runs and no temporary file is left.
 */
import type { BackoffOptions } from '../../runtime/backoff.js';
import { ConversionLane, type LaneOptions } from './conversion-lane.js';
import { Converter, type ConverterOptions } from './converter.js';
import { removeLeftovers } from './job-files.js';

export interface ConversionWorkerOptions extends Pick<LaneOptions, 'store' | 'blobs' | 'collections' | 'counters' | 'directory' | 'log' | 'onCommit'> {
  /** Default 2. Conversions at a time; each has a process of its own. */
  concurrency?: number;
  /** Default 180,000. Milliseconds after which a conversion that was begun and not ended is due again; above all deadlines of one together. */
  leaseMs?: number;
  /** Default 60,000. Milliseconds that reading an original may take. */
  copyMs?: number;
  /** Default 2,000. Milliseconds between looks without a hint. */
  pollMs?: number;
  /** Default 5 s, doubled up to 15 min. The wait before a conversion is tried again. */
  retry?: BackoffOptions;
  /** Of the processes that convert. */
  converter?: ConverterOptions;
}

export class ConversionWorker {
  readonly #lanes: readonly ConversionLane[];
  readonly #sweeping: NodeJS.Timeout;

  /** Begins at once. */
  constructor({ concurrency = 2, converter, ...options }: ConversionWorkerOptions) {
    const timings = { leaseMs: 180_000, copyMs: 60_000, pollMs: 2_000, retry: { firstMs: 5_000, maxMs: 900_000 } };
    const lane = { ...timings, ...options };
    this.#lanes = Array.from({ length: concurrency }, () => new ConversionLane({ ...lane, converter: new Converter(converter) }));
    const sweep = (): void => {
      removeLeftovers(lane.directory, new Date(Date.now() - lane.leaseMs)).catch((error: unknown) =>
        lane.log.warn({ err: error }, 'files that conversions left cannot be removed'),
      );
    };
    sweep();
    this.#sweeping = setInterval(sweep, lane.leaseMs);
  }

  /** Conversions may have been asked for. */
  wake(): void {
    for (const lane of this.#lanes) lane.wake();
  }

  /** What is made now is given back, unless it is being recorded. Idempotent, never rejects. */
  async stop(): Promise<void> {
    clearInterval(this.#sweeping);
    await Promise.all(this.#lanes.map((lane) => lane.stop()));
  }
}
