/** The waits that the buses share. Invariant: each leaves neither a timer nor a listener behind. */
import { once } from 'node:events';
import { backoffMs, pause, type BackoffOptions } from '../runtime/backoff.js';

/** Resolves once `signal` has aborted. Never rejects. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

export interface RepeatOptions {
  stopping: AbortSignal;
  backoff: BackoffOptions & { maxMs: number };
  /** Gets what ended a run. `news`: it differs from what ended the run before, or that one is long ago. */
  onFailure: (error: unknown, news: boolean) => void;
}

/**
 * Runs `work` again whenever it ends, until stopped; it is meant to last. Never rejects.
 * A run that was shorter than the longest backoff counts as a failed try: the wait before the next one grows.
 */
export async function repeat(work: () => Promise<void>, { stopping, backoff, onFailure }: RepeatOptions): Promise<void> {
  let attempt = 0;
  let last: string | undefined;
  while (!stopping.aborted) {
    const started = performance.now();
    try {
      await work();
    } catch (error) {
      const text = String(error);
      if (!stopping.aborted) onFailure(error, text !== last);
      last = text;
    }
    if (performance.now() - started > backoff.maxMs) {
      attempt = 0;
      last = undefined;
    }
    attempt += 1;
    await pause(backoffMs(attempt, backoff), stopping);
  }
}
