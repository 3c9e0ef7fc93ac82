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

export const processTime: Time = { now: () => performance.now(), sleep: pause, random: () => Math.random() };
