/** Waiting between tries: exponential, jittered, bounded, and over at once when aborted. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface BackoffOptions {
  /** Default 100. Milliseconds before the second try, doubled for each further one. */
  firstMs?: number;
  /** Default 5,000. Milliseconds that no wait exceeds. */
  maxMs?: number;
}

/**
 * Milliseconds to wait after try number `attempt` (from 1): between half and all of the exponential value,
 * so that several processes which failed together do not return together.
 */
export function backoffMs(attempt: number, { firstMs = 100, maxMs = 5_000 }: BackoffOptions = {}): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 30));
  return full / 2 + Math.random() * (full / 2);
}

/** Resolves true after `ms`, or false as soon as `signal` aborts. Never rejects. */
export async function pause(ms: number, signal?: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, signal ? { signal } : {});
    return true;
  } catch {
    return false;
  }
}
