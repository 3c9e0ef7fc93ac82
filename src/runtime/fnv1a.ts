/** The hash FNV-1a with 32 bits and a sign, https://datatracker.ietf.org/doc/html/draft-eastlake-fnv. */

/** Of nothing. */
export const fnvBasis = 0x811c9dc5;

/** Of what `hash` is of, and one octet more; a larger number is taken in whole. */
export function fnvStep(hash: number, octet: number): number {
  return Math.imul(hash ^ octet, 0x01000193);
}
