/** A deadline that blames the other side only for what the other side did. */

import { pause } from './backoff.js';

export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';
}

/**
 * What `work` gives, or DeadlineExceeded after `ms` milliseconds. When the time is up, the event loop first reads what has arrived:
 * in a busy process timers run before the socket that holds the answer is looked at, and an answer that is there is not late.
 */
export function withDeadline<T>(work: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      setImmediate(() => reject(new DeadlineExceeded(`no answer within ${ms} ms`)));
    }, ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Waits for `work`, which must not reject, for at most `ms`; true when it ended in time. */
export async function endsWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
  const ended = new AbortController();
  const expired = pause(ms, ended.signal);
  await Promise.race([work, expired]);
  ended.abort();
  return !(await expired);
}
