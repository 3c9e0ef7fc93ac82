/**
 * What a webhook says: each message of each change of each entry, and how the messages that we have sent fare.
 * Invariant: what cannot be read of one says nothing of the others. By one rule the id of a media is `message[type].id`, trimmed.
 */
import { z } from 'zod';
import { identifier } from '../../contract/identifier.js';
import type { NewMessage, NewMessageMedia } from '../../media/messages/message.js';
import type { StatusUpdate } from '../../media/templates/template-channel.js';
import { parseJson } from '../../runtime/parse-json.js';
import { graphError, type GraphError } from './graph-error.js';
import type { SendErrors } from './send-errors.js';
import { whatsAppName } from './name.js';

export interface WebhookBody {
  readonly messages: readonly NewMessage[];
  readonly statuses: readonly StatusUpdate[];
  /** Messages without an id that can be stored. */
  readonly unreadable: number;
}

export const mediaTypes: ReadonlySet<string> = new Set(['audio', 'image', 'video', 'document', 'sticker']);

const list = z.array(z.unknown()).catch([]);
const changes = z.object({ entry: z.array(z.object({ changes: list }).catch({ changes: [] })).catch([]) });
const change = z.object({ value: z.object({ messages: list, statuses: list }) });

const text = z.string().optional().catch(undefined);
const message = z.looseObject({
  id: identifier,
  from: identifier.optional().catch(undefined),
  type: identifier.catch('unknown'),
  // Seconds since 1970, as text.
  timestamp: z.coerce.number().int().positive().max(99_999_999_999).optional().catch(undefined),
  errors: z.array(graphError.optional().catch(undefined)).catch([]),
});
const media = z.object({
  id: z.union([z.string(), z.number()]).transform((id) => String(id).trim()).pipe(identifier).optional().catch(undefined),
  url: text,
  sha256: text,
  filename: text,
});

const status = z.object({
  id: identifier,
  status: z.string(),
  biz_opaque_callback_data: identifier.optional().catch(undefined),
  errors: z.array(graphError.optional().catch(undefined)).catch([]),
});

/** In the provider's words; what else it says of a message changes nothing here. */
const statuses: Readonly<Record<string, StatusUpdate['status']>> = { sent: 'sent', delivered: 'delivered', read: 'read', played: 'read', failed: 'failed' };

/** Undefined of what is none. */
export function readWebhookBody(body: unknown, errors: SendErrors): WebhookBody | undefined {
  const parsed = changes.safeParse(body);
  if (!parsed.success) return undefined;
  const values = parsed.data.entry.flatMap((entry) => entry.changes.flatMap((one) => change.safeParse(one).data?.value ?? []));
  const raw = values.flatMap((value) => value.messages);
  const messages = raw.flatMap((one) => readMessage(one) ?? []);
  return { messages, statuses: values.flatMap((value) => value.statuses.flatMap((one) => readStatus(one, errors) ?? [])), unreadable: raw.length - messages.length };
}

function readStatus(raw: unknown, sendErrors: SendErrors): StatusUpdate | undefined {
  const { data } = status.safeParse(raw);
  const told = data && Object.hasOwn(statuses, data.status) ? statuses[data.status] : undefined;
  if (!data || !told) return undefined;
  const [error] = data.errors.filter((one) => one !== undefined);
  const failure = told === 'failed' ? sendErrors.ofStatus(error) : undefined;
  return { messageId: data.id, sendId: data.biz_opaque_callback_data, status: told, failure };
}

function readMessage(raw: unknown): NewMessage | undefined {
  const { data } = message.safeParse(raw);
  if (!data) return undefined;
  const { id, from, type, timestamp, errors } = data;
  const sentAt = timestamp === undefined ? undefined : new Date(timestamp * 1_000).toISOString();
  const [error] = errors.filter((one) => one !== undefined);
  return { id, provider: whatsAppName, from, type, sentAt, media: mediaTypes.has(type) ? readMedia(data[type], error) : undefined, rawPayload: JSON.stringify(raw) };
}

/** Of a message as it came: by the same rule as when it comes. Undefined: it names none. */
export function mediaIdIn(rawPayload: string): string | undefined {
  const { data } = message.safeParse(parseJson(rawPayload));
  return data && mediaTypes.has(data.type) ? media.safeParse(data[data.type]).data?.id : undefined;
}

function readMedia(raw: unknown, error: GraphError | undefined): NewMessageMedia {
  const { id, url, sha256, filename: fileName } = media.safeParse(raw).data ?? {};
  const announced = { url, sha256, fileName };
  if (id !== undefined) return { id, ...announced };
  const code = error?.code === undefined ? '' : ` (code ${error.code})`;
  const problem = error ? `The provider says that the media is not available, or too large${code}.` : 'The provider named no media with the message.';
  return { id, problem, ...announced };
}
