/** The checks of GraphQL arguments that the schema's types cannot say. Each refusal names the argument and what is allowed. */
import { z } from 'zod';
import { AppError } from '../contract/errors.js';
import type { ImportFileRequestInput } from '../contract/generated/media/v1/ImportFileRequest.js';
import { checkIdentifier } from '../contract/identifier.js';
import type { MediaQuery } from './media-reader.js';

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

/** Empty when none is asked for: the file itself. */
export function checkedConversion(value: string | null | undefined): string {
  return value === undefined || value === null ? '' : checkIdentifier('conversion', value);
}

/** One collection of one owner. */
export function checkedCollection({ modelType, modelId, collectionName }: MediaQuery): MediaQuery {
  return {
    modelType: checkIdentifier('modelType', modelType),
    modelId: checkIdentifier('modelId', modelId),
    collectionName: checkIdentifier('collectionName', collectionName),
  };
}

/** What one query of users may name, and one new order of a collection. */
const [maxUsers, maxOrdered] = [500, 1_000];

export function checkedUserIds(ids: readonly string[]): readonly string[] {
  return checkedIds(ids, maxUsers);
}

export function checkedOrder(ids: readonly string[]): readonly string[] {
  return checkedIds(ids, maxOrdered);
}

function checkedIds(ids: readonly string[], max: number): readonly string[] {
  if (ids.length > max) throw new AppError('BAD_USER_INPUT', `ids has ${ids.length} entries, at most ${max} are allowed.`);
  return ids.map((id) => checkIdentifier('ids', id));
}

/** What is nested deeper cannot be written as JSON by everyone who reads it. */
const maxLevels = 32;
const properties = z
  .record(z.string(), z.unknown(), 'must be an object')
  .refine((value) => isJson(maxLevels, value), `must be made of JSON values, nested ${maxLevels} levels deep at most`);

/** A file of a multipart request can stand wherever an input has any value. */
function isJson(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  const isPlain = Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value));
  return isPlain && levels > 0 && Object.values(value).every((inner) => isJson(levels - 1, inner));
}

/** JSON text; undefined when none are given. */
export function checkedProperties(value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : JSON.stringify(checked('customProperties', properties, value));
}

/** Of messages in one answer. */
const [usualPage, maxPage] = [20, 50];
const first = z.int().min(1, `must be from 1 to ${maxPage}`).max(maxPage, `must be from 1 to ${maxPage}`);

/** The latest `first` messages before the cursor `after`, of everybody or of one. */
export function checkedPage(page: { first?: number | null; after?: string | null; from?: string | null }): { first: number; after: string; from: string } {
  return {
    first: checked('first', first, page.first ?? usualPage),
    after: page.after ? checkIdentifier('after', page.after) : '',
    from: page.from ? checkIdentifier('from', page.from) : '',
  };
}

export interface SourceInput {
  sourceUrl?: string | null;
  provider?: string | null;
  providerMediaId?: string | null;
  timestamp?: number | null;
}

const sourceUrl = z.string().min(1, 'must not be empty');
const timestamp = z.int().min(0, 'must be seconds since 1970');

/** The one source that an import names. Whether it may be fetched is the media service's to say. */
export function checkedSource(input: SourceInput): Pick<ImportFileRequestInput, 'source_url' | 'provider_media'> {
  const isOfProvider = [input.provider, input.providerMediaId, input.timestamp].some((value) => value !== undefined && value !== null);
  const isUrl = input.sourceUrl !== undefined && input.sourceUrl !== null;
  if (isUrl === isOfProvider) throw new AppError('BAD_USER_INPUT', 'Exactly one source is needed: sourceUrl, or provider with providerMediaId.');
  if (isUrl) return { source_url: checked('sourceUrl', sourceUrl, input.sourceUrl) };
  return {
    provider_media: {
      provider: checkIdentifier('provider', input.provider ?? ''),
      id: checkIdentifier('providerMediaId', input.providerMediaId ?? ''),
      timestamp: checked('timestamp', timestamp, input.timestamp ?? 0),
    },
  };
}
