/**
 * Template messages of the WhatsApp Cloud API, and the handles of the media in their headers, which live for 30 days and belong to one number.
 * Sources: the provider's references of `/messages` and `/media`.
 */
import { z } from 'zod';
import { identifier } from '../../contract/identifier.js';
import { parseRetryAfter } from '../../media/import/import-failure.js';
import type { ProviderAnswer } from '../../media/import/provider-call.js';
import { SendFailure } from '../../media/templates/send-failure.js';
import type { HeaderType, OutgoingFile, TemplateChannel, TemplateHeader, TemplateMessage } from '../../media/templates/template-channel.js';
import { parseJson } from '../../runtime/parse-json.js';
import type { Settings } from '../../runtime/settings.js';
import { readGraphError } from './graph-error.js';
import { multipart } from './multipart.js';
import type { SendErrors } from './send-errors.js';

export interface WhatsAppChannelOptions {
  settings: Pick<Settings, 'GRAPH_BASE_URL' | 'GRAPH_API_VERSION'>;
  accessToken: string;
  /** META_PHONE_NUMBER_ID: the number that sends. */
  phoneNumberId: string;
  errors: SendErrors;
  /** Default the real one. Milliseconds since 1970. */
  now?: () => number;
}

const handleLivesMs = 30 * 86_400_000;
const megabyte = 1_048_576;

const office = /^application\/(msword|vnd\.ms-(excel|powerpoint)|vnd\.openxmlformats-officedocument\.[\w.-]+)$/;

/** What the provider takes, and up to which size. */
const accepted: Readonly<Record<HeaderType, { readonly takes: (mimeType: string) => boolean; readonly maxBytes: number; readonly what: string }>> = {
  image: { takes: (type) => type === 'image/jpeg' || type === 'image/png', maxBytes: 5 * megabyte, what: 'JPEG and PNG images' },
  video: { takes: (type) => type === 'video/mp4' || type === 'video/3gpp', maxBytes: 16 * megabyte, what: 'MP4 and 3GPP videos' },
  document: { takes: (type) => type === 'application/pdf' || type === 'text/plain' || office.test(type), maxBytes: 100 * megabyte, what: 'PDF, text and office documents' },
};

const uploaded = z.object({ id: z.union([z.string(), z.number()]).transform(String).pipe(identifier) });
const taken = z.object({ messages: z.tuple([z.object({ id: identifier })], z.unknown()) });

export function createWhatsAppChannel({ settings, accessToken, phoneNumberId, errors, now = Date.now }: WhatsAppChannelOptions): TemplateChannel {
  const base = `${settings.GRAPH_BASE_URL}/${settings.GRAPH_API_VERSION}/${encodeURIComponent(phoneNumberId)}`;
  const headers = { authorization: `Bearer ${accessToken}` };
  const failureOf = ({ status, retryAfter }: ProviderAnswer, body: unknown): SendFailure => errors.ofAnswer(readGraphError(status, body), parseRetryAfter(retryAfter, now()));
  return {
    account: phoneNumberId,
    headerOf,
    async upload(file, bytes, post) {
      const fields = { messaging_product: 'whatsapp', type: file.mimeType };
      const answer = await post(`${base}/media`, headers, multipart(fields, { ...file, bytes }));
      const body = parseJson(answer.text);
      if (answer.status !== 200) throw failureOf(answer, body);
      const { data } = uploaded.safeParse(body);
      if (!data) throw new SendFailure('unknown', 'The provider did not say under which id it has the media.');
      return { id: data.id, expiresAt: new Date(now() + handleLivesMs) };
    },
    async send(message, post) {
      const payload = Buffer.from(JSON.stringify(payloadOf(message)));
      const answer = await post(`${base}/messages`, headers, { contentType: 'application/json', length: payload.length, bytes: once(payload) });
      const body = parseJson(answer.text);
      if (answer.status !== 200) throw failureOf(answer, body);
      const { data } = taken.safeParse(body);
      if (!data) throw new SendFailure('unknown', 'The provider gave no id of the message: it is not known whether it was sent.');
      return data.messages[0].id;
    },
  };
}

function headerOf({ mimeType, size }: OutgoingFile): HeaderType | { problem: string } {
  const types = ['image', 'video', 'document'] as const;
  const type = types.find((one) => accepted[one].takes(mimeType));
  if (!type) return { problem: `A header can be of ${types.map((one) => accepted[one].what).join(', ')}, not of ${mimeType}.` };
  const { maxBytes } = accepted[type];
  return size <= maxBytes ? type : { problem: `The file is too large for a header: at most ${maxBytes} bytes are allowed for its type.` };
}

function payloadOf({ sendId, to, name, locale, header, parameters }: TemplateMessage): object {
  const components = [
    ...(header ? [{ type: 'header', parameters: [{ type: header.type, [header.type]: mediaOf(header) }] }] : []),
    ...(parameters.length > 0 ? [{ type: 'body', parameters: parameters.map((text) => ({ type: 'text', text })) }] : []),
  ];
  const template = { name, language: { code: locale }, components };
  return { messaging_product: 'whatsapp', to, type: 'template', biz_opaque_callback_data: sendId, template };
}

function mediaOf(header: TemplateHeader): object {
  const source = 'handle' in header ? { id: header.handle } : { link: header.link };
  return header.type === 'document' ? { ...source, filename: header.fileName } : source;
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer, void, undefined> {
  yield bytes;
}
