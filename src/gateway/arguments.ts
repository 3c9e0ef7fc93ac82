/** The checks of GraphQL arguments that the schema's types cannot say. Each refusal names the argument and what is allowed. */
import { z } from 'zod';
import { AppError } from '../contract/errors.js';
import { checkIdentifier } from '../contract/identifier.js';

function checked<T>(name: string, type: z.ZodType<T>, value: unknown): T {
  const parsed = type.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new AppError('BAD_USER_INPUT', `${name} ${parsed.error.issues[0]?.message ?? 'is not valid'}.`);
}

const uuid = z.guid('must be a UUID, such as 123e4567-e89b-12d3-a456-426614174000').transform((text) => text.toLowerCase());

export function checkedUuid(value: string): string {
  return checked('uuid', uuid, value);
}

const maxExpirySeconds = 604_800;
const expirySeconds = z
  .int()
  .nullish()
  .refine((value) => value === undefined || value === null || (value >= 1 && value <= maxExpirySeconds), `must be from 1 to ${maxExpirySeconds}`)
  .transform((value) => value ?? 0);

/** Seconds; 0 when none are given: the media service's default. */
export function checkedExpiry(value: number | null | undefined): number {
  return checked('expirySeconds', expirySeconds, value);
}

const maxIds = 500;

export function checkedIds(ids: readonly string[]): readonly string[] {
  if (ids.length > maxIds) throw new AppError('BAD_USER_INPUT', `ids has ${ids.length} entries, at most ${maxIds} are allowed.`);
  return ids.map((id) => checkIdentifier('ids', id));
}
