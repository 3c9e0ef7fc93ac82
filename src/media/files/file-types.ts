/**
 * Whether a file may be in a collection, by what it is: its type, and the dimensions of an image.
 * Invariant: hostile bytes lead to an AppError or to "unknown", never to another error; only the head is looked at.
 */
import { imageSize } from 'image-size';
import { AppError } from '../../contract/errors.js';
import type { CollectionRule } from './collections.js';
import { extensionOf } from './file-names.js';
import { readStructure, type ImageStructure } from './image-structure.js';
import { detectType } from './type-detection.js';
import { typesOfExtension } from './type-table.js';

/** How many first bytes are worth keeping: metadata before the dimensions of a JPEG takes up to some 100 KB. */
export const headBytes = 262_144;

const maxSide = 16_384;
const maxPixels = 50_000_000;

export interface FileKind {
  mimeType: string;
  /** Pixels, as shown: the EXIF orientation is applied. 0 when not an image, or when the head does not tell. */
  width: number;
  height: number;
}

/** What is known of the bytes of a file. */
export interface FileBytes {
  /** The first `headBytes`, or all. */
  head: Buffer;
  /** Of all bytes. */
  size: number;
}

/** The types whose dimensions are read, each with the names that image-size has for it. */
const measured: ReadonlyMap<string, readonly string[]> = new Map([
  ['image/jpeg', ['jpg']],
  ['image/png', ['png']],
  ['image/gif', ['gif']],
  ['image/webp', ['webp']],
  ['image/bmp', ['bmp']],
  ['image/avif', ['avif']],
  ['image/heic', ['heic', 'heix']],
  ['image/heif', ['mif1']],
]);

/** Of these the conversions can be made that have been measured. */
const convertible: ReadonlySet<string> = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp', 'image/avif']);

/** Where the dimensions of all but a JPEG stand. In a large head of boxes (AVIF, HEIC) image-size would look for them for seconds. */
const dimensionsBytes = 32_768;

/** Whether conversions can be made of it: an image whose number of pixels was looked at. */
export function isConvertible({ mimeType, width }: FileKind): boolean {
  return convertible.has(mimeType) && width > 0;
}

/**
 * The kind of a file, for a collection with `rule`.
 * @throws AppError UNSUPPORTED_MEDIA_TYPE when the collection takes other types only, or the extension or the structure speaks against the type;
 * IMAGE_TOO_LARGE.
 */
export async function inspectFile(bytes: FileBytes, fileName: string, rule: Pick<CollectionRule, 'types'>): Promise<FileKind> {
  const { types } = rule;
  const mimeType = await acceptType(bytes.head, fileName, rule);
  const structure = measured.has(mimeType) ? readStructure(mimeType, bytes.head, bytes.size) : undefined;
  if (types && structure?.end === 'missing') throw new AppError('UNSUPPORTED_MEDIA_TYPE', `The file is cut off: it ends before its ${mimeType} does.`);
  const size = structure && dimensions(bytes.head, mimeType, structure);
  // Unmeasured, an image could have any number of pixels.
  if (types && measured.has(mimeType) && !size) throw new AppError('UNSUPPORTED_MEDIA_TYPE', `The file cannot be read as ${mimeType}.`);
  const { width, height } = size ?? { width: 0, height: 0 };
  if (width > maxSide || height > maxSide || width * height > maxPixels) {
    const allowed = `at most ${maxSide} pixels a side and ${maxPixels / 1e6} megapixels are allowed`;
    throw new AppError('IMAGE_TOO_LARGE', `The image has ${width} x ${height} pixels; ${allowed}.`);
  }
  return { mimeType, width, height };
}

/** The type of a file that begins with `head`, for a collection with `rule`. @throws AppError UNSUPPORTED_MEDIA_TYPE, for its type or its extension. */
export async function acceptType(head: Buffer, fileName: string, { types }: Pick<CollectionRule, 'types'>): Promise<string> {
  const extension = extensionOf(fileName);
  const mimeType = await detectType(head, extension);
  if (types) checkType(mimeType, extension, types);
  return mimeType;
}

function checkType(mimeType: string, extension: string, types: readonly string[]): void {
  const allowed = `allowed here are ${types.join(', ')}`;
  if (!types.includes(mimeType)) throw new AppError('UNSUPPORTED_MEDIA_TYPE', `The file is ${mimeType} by its content; ${allowed}.`);
  const named = typesOfExtension(extension);
  if (named.length === 0 || named.includes(mimeType)) return;
  throw new AppError('UNSUPPORTED_MEDIA_TYPE', `The file is ${mimeType} by its content, but its extension .${extension} is that of ${named.join(', ')}; ${allowed}.`);
}

function dimensions(head: Buffer, mimeType: string, { frame }: ImageStructure): { width: number; height: number } | undefined {
  try {
    // A copy: image-size would read on behind the end of a part of a larger buffer, in what belongs to others.
    const { orientation = 1, type = '', ...image } = imageSize(Uint8Array.from(mimeType === 'image/jpeg' ? head : head.subarray(0, dimensionsBytes)));
    const { width, height } = frame ?? image;
    // A file that is two things at once is none that we can measure.
    if (!measured.get(mimeType)?.includes(type) || !(width > 0) || !(height > 0)) return undefined;
    // EXIF 5 to 8: lying on its side.
    return orientation >= 5 && orientation <= 8 ? { width: height, height: width } : { width, height };
  } catch {
    return undefined;
  }
}
