/**
 * The events that announce a change of media: their routing keys, their body as we publish it,
 * and the parsing that also understands other publishers.
 * Invariant: what parses names an owner; a missing collection means "any collection of this owner".
 */
import { z } from 'zod';
import { identifier } from './identifier.js';

export const mediaEventKeys = { uploaded: 'media.event.uploaded', deleted: 'media.event.deleted', updated: 'media.event.updated' } as const;
export type MediaEventKind = keyof typeof mediaEventKeys;

/** The body that the media service publishes, as JSON in UTF-8. */
export interface MediaEventBody {
  event_id: string;
  /** RFC 3339. */
  occurred_at: string;
  media_id: string;
  uuid: string;
  model_type: string;
  model_id: string;
  collection_name: string;
  file_name: string;
  mime_type: string;
  /** Bytes. */
  size: number;
}

/** What an invalidation needs to know of an event. */
export interface MediaEvent {
  /** Undefined when the publisher does not number its events. */
  eventId: string | undefined;
  /** Milliseconds since 1970; undefined when the publisher does not say. */
  occurredAt: number | undefined;
  modelType: string;
  modelId: string;
  /** Undefined: the whole owner is affected. */
  collectionName: string | undefined;
}

const id = z.union([z.string(), z.int().transform(String)]).pipe(identifier);
const optionalText = z.string().nullish().transform((text) => text || undefined);

const flatBody = z
  .object({
    event_id: id.optional().catch(undefined),
    occurred_at: z.iso.datetime({ offset: true }).transform(Date.parse).optional().catch(undefined),
    model_type: identifier,
    model_id: id,
    collection_name: optionalText,
    collection: optionalText,
  })
  .transform(
    (body): MediaEvent => ({
      eventId: body.event_id,
      occurredAt: body.occurred_at,
      modelType: body.model_type,
      modelId: body.model_id,
      collectionName: body.collection_name ?? body.collection,
    }),
  );

/** Strict about model_type: an event of its own that happens to carry `data` is not a wrapper. */
const wrappedBody = z.object({ data: z.base64(), model_type: z.undefined().optional() });

/** Larger bodies are refused unparsed: an event names a file, it does not carry it. */
const maxBodyBytes = 1_048_576;

/**
 * Reads an event of ours or of a foreign publisher: `collection` for `collection_name`, numbers for ids, no collection,
 * and a body wrapped as `{ownerId, data: <base64 of the JSON>}`.
 * @throws Error with a one-line reason when the body names no owner.
 */
export function parseMediaEvent(body: Buffer): MediaEvent {
  if (body.length > maxBodyBytes) throw new Error(`the body has ${body.length} bytes, at most ${maxBodyBytes} are allowed`);
  const parsed = parseFlatOrWrapped(parseJson(body));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'not an event'}`);
}

/** Flat first: to find out that a body is not wrapped costs as much as to read one that is not, and nearly all are not. */
function parseFlatOrWrapped(json: unknown): z.ZodSafeParseResult<MediaEvent> {
  const flat = flatBody.safeParse(json);
  if (flat.success) return flat;
  const wrapped = wrappedBody.safeParse(json);
  return wrapped.success ? flatBody.safeParse(parseJson(Buffer.from(wrapped.data.data, 'base64'))) : flat;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    throw new Error('the body is not JSON in UTF-8');
  }
}
