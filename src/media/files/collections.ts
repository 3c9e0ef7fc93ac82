/**
 * The rules of the collections, all in one place.
 * Invariant: a collection that is not declared here takes any type up to the upload limit; names match case-sensitively.
 */
import { AppError } from '../../contract/errors.js';

export interface CollectionRule {
  /** A new file replaces the one before. */
  singleFile: boolean;
  /** Bytes; a file of exactly this size passes. */
  maxBytes: number;
  /** By content, each an image type; undefined: any type. */
  imageTypes: readonly string[] | undefined;
}

const mebibyte = 1_048_576;

const declared: ReadonlyMap<string, CollectionRule> = new Map([
  ['avatars', { singleFile: true, maxBytes: 10 * mebibyte, imageTypes: ['image/jpeg', 'image/png', 'image/gif', 'image/webp'] }],
]);

/** The rule of a collection, whose size limit never exceeds `uploadMaxBytes`. */
export function collectionRule(collectionName: string, uploadMaxBytes: number): CollectionRule {
  const rule = declared.get(collectionName) ?? { singleFile: false, maxBytes: uploadMaxBytes, imageTypes: undefined };
  return { ...rule, maxBytes: Math.min(rule.maxBytes, uploadMaxBytes) };
}

/** Passes `chunks` on. @throws AppError FILE_TOO_LARGE as soon as there are more bytes than the rule allows. */
export async function* limitSize(chunks: AsyncIterable<Buffer>, { maxBytes }: CollectionRule): AsyncGenerator<Buffer, void, undefined> {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > maxBytes) throw new AppError('FILE_TOO_LARGE', `The file is too large: at most ${maxBytes} bytes are allowed here.`);
    yield chunk;
  }
}
