/** Time and chance, as the cache uses them: those of the process, or of a proof that goes through all orders of a scenario. */
import { pause } from '../runtime/backoff.js';

export interface Time {
  /** Milliseconds, never going back. */
  now(): number;
  /** Ends early when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<unknown>;
  /** From 0 to 1: so that many do not do the same at once. */
  random(): number;
}

/** Until what another process loads is asked for again: a load of a few milliseconds is not worth a longer first wait. `random` is between 0 and 1. */
export function pollMs(tries: number, random: number): number {
  const full = Math.min(50, 4 * 1.5 ** Math.min(tries, 20));
  return (full / 2) * (1 + random);
}

export const processTime: Time = { now: () => performance.now(), sleep: pause, random: () => Math.random() };
