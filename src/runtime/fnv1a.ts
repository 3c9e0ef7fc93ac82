/** The hash FNV-1a with 32 bits and a sign, https://datatracker.ietf.org/doc/html/draft-eastlake-fnv. */

/** Of nothing. */
export const fnvBasis = 0x811c9dc5;

/** Of what `hash` is of, and one octet more; a larger number is taken in whole. */
export function fnvStep(hash: number, octet: number): number {
  return Math.imul(hash ^ octet, 0x01000193);
}

/** Of a text by its characters, of which each `step`th counts, behind what `start` is of. */
export function fnvOf(text: string, { start = fnvBasis, step = 1 } = {}): number {
  let hash = start;
  for (let index = 0; index < text.length; index += step) hash = fnvStep(hash, text.charCodeAt(index));
  return hash;
}
