/** Webhooks as WhatsApp sends them: their bodies, their signatures, and their delivery. */
import { createHmac, randomUUID } from 'node:crypto';
import type { Received } from './fake-whatsapp.js';

export const appSecret = 'the secret of the app';
export const verifyToken = 'the token of the handshake';

/** For a media service that is told of messages. */
export const webhookEnv = { WA_APP_SECRET: appSecret, WA_VERIFY_TOKEN: verifyToken };

export const mediaTypes = ['audio', 'image', 'video', 'document', 'sticker'] as const;
export type MediaType = (typeof mediaTypes)[number];

export interface SentMessage {
  readonly id: string;
  readonly [field: string]: unknown;
}

/** `fields`: of the message, beside or in place of the usual ones. */
export function textMessage(fields: Record<string, unknown> = {}): SentMessage {
  return { from: '15550001111', id: newWamid(), timestamp: seconds(), type: 'text', text: { body: 'Guten Tag, schöne Grüße ✓' }, ...fields };
}

/** `more`: optional fields of the media. */
export function mediaMessage(type: MediaType, { id, mimeType, sha256 }: Received, more: Record<string, unknown> = {}): SentMessage {
  return { from: '15550001111', id: newWamid(), timestamp: seconds(), type, [type]: { id, mime_type: mimeType, sha256, ...more } };
}

export function newWamid(): string {
  return `wamid.${Buffer.from(randomUUID()).toString('base64')}`;
}

/** One entry with one change. */
export function entryOf(...messages: unknown[]): object {
  const metadata = { display_phone_number: '15550000000', phone_number_id: '106540352242922' };
  return { id: '102290129340398', changes: [{ field: 'messages', value: { messaging_product: 'whatsapp', metadata, messages } }] };
}

export interface SentStatus {
  /** The provider's id of the message. */
  readonly id: string;
  readonly status: string;
  /** Ours. */
  readonly sendId?: string;
  readonly code?: number;
  readonly details?: string;
}

/** One entry that says how messages fare, in this order. */
export function statusEntry(...statuses: SentStatus[]): object {
  const told = statuses.map(({ id, status, sendId, code, details = 'Media upload error' }) => ({
    id,
    status,
    timestamp: seconds(),
    recipient_id: '15550001111',
    ...(sendId !== undefined && { biz_opaque_callback_data: sendId }),
    ...(code !== undefined && { errors: [{ code, title: details, message: details, error_data: { details } }] }),
  }));
  return { id: '102290129340398', changes: [{ field: 'messages', value: { messaging_product: 'whatsapp', statuses: told } }] };
}

export function bodyOf(...entries: unknown[]): string {
  return JSON.stringify({ object: 'whatsapp_business_account', entry: entries });
}

export function signatureOf(body: string | Buffer, secret = appSecret): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}

/** `signature` null: without one. */
export function deliver(base: string, body: string, { signature = signatureOf(body) }: { signature?: string | null } = {}): Promise<Response> {
  return fetch(`${base}/webhooks/whatsapp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(signature !== null && { 'x-hub-signature-256': signature }) },
    body,
    signal: AbortSignal.timeout(10_000),
  });
}

function seconds(): string {
  return String(Math.floor(Date.now() / 1_000));
}
