/**
 * What may name a model type, a model, a collection or a media: one rule for GraphQL arguments, gRPC requests and events,
 * so that a name which one program accepts is never refused by another.
 */
import { z } from 'zod';
import { AppError } from './errors.js';

export const maxIdentifierLength = 255;

// Control characters and lone surrogates: no storage keeps them faithfully.
// oxlint-disable-next-line no-control-regex
const unstorable = /[\u0000-\u001f\u007f]|\p{Surrogate}/u;

/** 1 to 255 characters, any script, `App\Models\User` too; no control characters. Compared case-sensitively. */
export const identifier = z
  .string()
  .min(1, 'must not be empty')
  .max(maxIdentifierLength, `must have at most ${maxIdentifierLength} characters`)
  .refine((text) => !unstorable.test(text), 'must not contain control characters');

/** What nearly all are; a list of 500 would be parsed for half a millisecond. */
const plain = /^[\w.-]{1,255}$/;

/** `text`, once it has passed. `field` is what the caller calls it. @throws AppError BAD_USER_INPUT saying what is allowed. */
export function checkIdentifier(field: string, text: string): string {
  if (plain.test(text)) return text;
  const parsed = identifier.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new AppError('BAD_USER_INPUT', `${field} ${parsed.error.issues[0]?.message ?? 'is not usable'}.`);
}
