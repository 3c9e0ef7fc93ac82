/** A row of the table of sends as a Send, and back. */
import type { Selectable } from 'kysely';
import { z } from 'zod';
import type { NewSend, Send, SendHeader } from '../templates/send-store.js';
import type { SendTable } from './sql-template-schema.js';

export type SendRow = Selectable<SendTable>;

const parameters = z.array(z.string());

export function toSendRow(send: NewSend, id: string, now: Date) {
  const { provider, account, to, template, language, name, locale, header } = send;
  const at = now.toISOString();
  return {
    id,
    provider,
    account,
    recipient: to,
    template,
    language,
    name,
    locale,
    parameters: JSON.stringify(send.parameters),
    header_type: header?.type ?? null,
    header_link: header?.link ?? null,
    file_name: header?.fileName ?? null,
    sha256: header?.file?.sha256 ?? null,
    mime_type: header?.file?.mimeType ?? null,
    size: header?.file?.size ?? null,
    handle: header?.file ? (header.handle ?? null) : null,
    resend_of: null,
    tries: 0,
    due_at: at,
    created_at: at,
    updated_at: at,
  };
}

export function fromSendRow(row: SendRow): Send {
  return {
    id: row.id,
    provider: row.provider,
    account: row.account,
    to: row.recipient,
    template: row.template,
    language: row.language,
    name: row.name,
    locale: row.locale,
    parameters: parameters.parse(JSON.parse(row.parameters)),
    header: headerOf(row),
    resendOf: row.resend_of ?? undefined,
    state: row.state,
    messageId: row.message_id ?? undefined,
    reason: row.reason ?? undefined,
    providerCode: row.provider_code === null ? undefined : Number(row.provider_code),
    tries: Number(row.tries),
    createdAt: new Date(row.created_at),
  };
}

function headerOf({ header_type: type, header_link: link, file_name: fileName, sha256, mime_type: mimeType, size, handle }: SendRow): SendHeader | undefined {
  if (type === null || fileName === null) return undefined;
  if (link !== null) return { type, fileName, link };
  if (sha256 === null || mimeType === null) return undefined;
  return { type, fileName, file: { sha256, mimeType, fileName, size: Number(size) }, handle: handle ?? undefined };
}
