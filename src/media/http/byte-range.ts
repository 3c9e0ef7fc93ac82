/** The Range header of HTTP, as far as one range goes (RFC 9110, 14.2). */
import type { ByteRange } from '../bytes/blob-store.js';

/** Undefined: everything is sent (no header, another unit, several ranges); `unsatisfiable`: nothing of the file lies in it, or it is no range. */
export function byteRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  if (header === undefined || !/^bytes\s*=/i.test(header) || header.includes(',')) return undefined;
  const groups = /^bytes=(?<first>\d*)-(?<last>\d*)$/i.exec(header.replaceAll(/\s/g, ''))?.groups;
  const { first = '', last = '' } = groups ?? {};
  if (first === '' && last === '') return 'unsatisfiable';
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return start <= end ? { start, end } : 'unsatisfiable';
}
