import { createHash, timingSafeEqual } from 'node:crypto';

/** Whether they are the same, in a time that tells nothing of where they differ, or of their lengths. */
export function isSameSecret(one: string, other: string): boolean {
  const [left, right] = [one, other].map((text) => createHash('sha256').update(text).digest());
  return left !== undefined && right !== undefined && timingSafeEqual(left, right);
}
