/**
 * What a file is, told from its first bytes: its type, and the dimensions of an image.
 * Invariant: hostile bytes lead to an AppError or to "unknown", never to another error; only the head is looked at.
 */
import { fileTypeFromBuffer } from 'file-type';
import { imageSize } from 'image-size';
import { AppError } from '../../contract/errors.js';
import type { CollectionRule } from './collections.js';
import { extensionOf } from './file-names.js';

/** How many first bytes are worth keeping: metadata before the dimensions of a JPEG takes up to some 100 KB. */
export const headBytes = 262_144;

const typeHeadBytes = 4_100;
const maxSide = 16_384;
const maxPixels = 50_000_000;

export interface FileKind {
  mimeType: string;
  /** Pixels, as shown: the EXIF orientation is applied. 0 when not an image, or when the head does not tell. */
  width: number;
  height: number;
}

/** The types whose dimensions are read, each with the name that image-size has for it. */
const measured: ReadonlyMap<string, string> = new Map([
  ['image/jpeg', 'jpg'],
  ['image/png', 'png'],
  ['image/gif', 'gif'],
  ['image/webp', 'webp'],
  ['image/bmp', 'bmp'],
]);

/** Text has no magic bytes: believed by extension when the content is text. */
const textTypes: ReadonlyMap<string, string> = new Map([
  ['txt', 'text/plain'],
  ['log', 'text/plain'],
  ['md', 'text/markdown'],
  ['csv', 'text/csv'],
  ['tsv', 'text/tab-separated-values'],
  ['html', 'text/html'],
  ['htm', 'text/html'],
  ['css', 'text/css'],
  ['xml', 'application/xml'],
  ['json', 'application/json'],
  ['svg', 'image/svg+xml'],
  ['ics', 'text/calendar'],
  ['vcf', 'text/vcard'],
  ['vtt', 'text/vtt'],
  ['rtf', 'application/rtf'],
  ['yaml', 'application/yaml'],
  ['yml', 'application/yaml'],
]);

/**
 * The kind of the file that begins with `head`, for a collection with `rule`.
 * @throws AppError UNSUPPORTED_MEDIA_TYPE when the collection takes other images only; IMAGE_TOO_LARGE.
 */
export async function inspectFile(head: Buffer, fileName: string, rule: CollectionRule): Promise<FileKind> {
  const mimeType = await typeOf(head, fileName);
  if (rule.imageTypes && !rule.imageTypes.includes(mimeType)) {
    throw new AppError('UNSUPPORTED_MEDIA_TYPE', `The file is ${mimeType} by its content; allowed here are ${rule.imageTypes.join(', ')}.`);
  }
  const size = dimensions(head, mimeType);
  // Unmeasured, an image could have any number of pixels.
  if (rule.imageTypes && !size) throw new AppError('UNSUPPORTED_MEDIA_TYPE', `The file cannot be read as ${mimeType}.`);
  const { width, height } = size ?? { width: 0, height: 0 };
  if (width > maxSide || height > maxSide || width * height > maxPixels) {
    const allowed = `at most ${maxSide} pixels a side and ${maxPixels / 1e6} megapixels are allowed`;
    throw new AppError('IMAGE_TOO_LARGE', `The image has ${width} x ${height} pixels; ${allowed}.`);
  }
  return { mimeType, width, height };
}

async function typeOf(head: Buffer, fileName: string): Promise<string> {
  const mime = await magicType(head.subarray(0, typeHeadBytes));
  // An animated PNG is a PNG.
  if (mime === 'image/apng') return 'image/png';
  if (mime && mime !== 'application/xml') return mime;
  const byExtension = textTypes.get(extensionOf(fileName));
  return (byExtension && isText(head) ? byExtension : mime) ?? 'application/octet-stream';
}

async function magicType(head: Buffer): Promise<string | undefined> {
  try {
    // Parameters such as `; codecs=opus` are no part of the type.
    return (await fileTypeFromBuffer(head))?.mime.split(';')[0]?.trim();
  } catch {
    return undefined;
  }
}

function isText(head: Buffer): boolean {
  return !head.includes(0);
}

function dimensions(head: Buffer, mimeType: string): { width: number; height: number } | undefined {
  const name = measured.get(mimeType);
  if (!name) return undefined;
  try {
    const { width, height, orientation = 1, type } = imageSize(head);
    // A file that is two things at once is none that we can measure.
    if (type !== name || !(width > 0) || !(height > 0)) return undefined;
    // EXIF 5 to 8: lying on its side.
    return orientation >= 5 && orientation <= 8 ? { width: height, height: width } : { width, height };
  } catch {
    return undefined;
  }
}
