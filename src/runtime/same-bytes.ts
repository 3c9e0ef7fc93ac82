/** Of so many bytes a loop is faster than a call out of V8. */
export const shortBytes = 100;

/** Whether `length` bytes of both are the same. Both must have as many. */
export function areSameBytes(a: Uint8Array, aStart: number, b: Buffer, bStart: number, length: number): boolean {
  if (length > shortBytes) return b.compare(a, aStart, aStart + length, bStart, bStart + length) === 0;
  for (let index = 0; index < length; index += 1) if (a[aStart + index] !== b[bStart + index]) return false;
  return true;
}
