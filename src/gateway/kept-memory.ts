/** How much a process keeps, and of what. */
import { getHeapStatistics } from 'node:v8';
import type { Settings } from '../runtime/settings.js';

/** In bytes. */
export interface KeptMemory {
  /** Copies of entries. */
  readonly copies: number;
  /** Of all answers; of those that are objects it is estimated. */
  readonly answers: number;
  /** Of them, those that may be taken by answers that are bytes, outside V8's heap. */
  readonly packed: number;
}

/** Without the in-process tier copies only spare the store the sending; with it, what is asked for in another way is made of them. */
const shares = { on: { copies: 1 / 4, answers: 3 / 4, packed: 1 / 2 }, off: { copies: 1 / 8, answers: 7 / 8, packed: 3 / 4 } } as const;

/** A gateway that keeps nothing, with the requests under way and V8's young generation. */
const unkeptBytes = 100_000_000;
const fewestBytes = 2_000_000;

/**
 * What `CACHE_L1_MAX_MB` says, but at most half of what V8's heap may come to beside the gateway itself: a heap that is full of what is kept
 * collects garbage all the time, and then ends the process. V8 takes that limit from `--max-old-space-size`, and Node otherwise from the memory of
 * the machine or its container: of 512 MB it makes 270.
 */
export function keptMemory({ CACHE_L1, CACHE_L1_MAX_MB }: Pick<Settings, 'CACHE_L1' | 'CACHE_L1_MAX_MB'>, heapLimitBytes = getHeapStatistics().heap_size_limit): KeptMemory {
  const bytes = Math.min(CACHE_L1_MAX_MB * 1e6, Math.max(fewestBytes, (heapLimitBytes - unkeptBytes) / 2));
  const { copies, answers, packed } = shares[CACHE_L1];
  return { copies: bytes * copies, answers: bytes * answers, packed: bytes * packed };
}
