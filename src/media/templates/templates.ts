/** The verbs of template messages, without any transport. Invariant: nothing is recorded or called for a request that says something unusable. */
import { z } from 'zod';
import { AppError, type ErrorCode } from '../../contract/errors.js';
import { identifier } from '../../contract/identifier.js';
import { Overloaded } from '../../runtime/limiter.js';
import { extensionOf } from '../files/file-names.js';
import { typesOfExtension } from '../files/type-table.js';
import type { Library } from '../library.js';
import { sendPolicies, type SendFailure } from './send-failure.js';
import type { HeaderFile, Send, SendHeader, SendStore } from './send-store.js';
import type { HeaderType, OutgoingFile, TemplateChannel } from './template-channel.js';
import type { TemplateRules } from './template-rules.js';
import type { TemplateSender } from './template-sender.js';

export interface TemplatesOptions {
  rules: TemplateRules;
  sends: Pick<SendStore, 'attempts'>;
  library: Pick<Library, 'findById'>;
  /** Those of the providers that send; the first one sends. */
  senders: readonly Pick<TemplateSender, 'send' | 'checkHandles' | 'channel'>[];
}

/** As it was asked for. */
export interface SendRequest {
  readonly to: string;
  readonly template: string;
  readonly language: string;
  readonly parameters: readonly string[];
  /** By the id of a stored media, or by a URL that the provider fetches. Undefined: that of the template's rule. */
  readonly header: { readonly mediaId: string } | { readonly url: string } | undefined;
}

/** `sendId`: ours. `messageId`: the provider's, which has taken the message. */
export type SendResult = { readonly sendId: string } & ({ readonly messageId: string; readonly error?: undefined } | { readonly messageId?: undefined; readonly error: SendError });

export interface SendError {
  readonly code: ErrorCode;
  /** A sentence for clients. */
  readonly message: string;
  /** Whether sending it again may succeed. */
  readonly retryable: boolean;
  readonly providerCode: number | undefined;
}

const [maxParameters, maxParameterLength, maxUrlLength] = [64, 1_024, 2_048];

const request = z.object({
  to: z.string().regex(/^\+?[1-9]\d{6,14}$/, 'must be a phone number with its country code: 7 to 15 digits').transform((to) => `+${to.replace('+', '')}`),
  template: identifier,
  language: identifier,
  parameters: z.array(z.string().min(1, 'must not be empty').max(maxParameterLength, `must have at most ${maxParameterLength} characters`)).max(maxParameters, `must be at most ${maxParameters}`),
});

const headerMediaId = identifier;
const headerUrl = z
  .url({ protocol: /^https$/, error: 'must be a URL that begins with https://' })
  .max(maxUrlLength, `must have at most ${maxUrlLength} characters`)
  // As it is sent: what was typed may have in it what a URL has not.
  .transform((url) => new URL(url).href);

/** An attempt to send a message, as operators see it. */
export type Attempt = Pick<Send, 'id' | 'resendOf' | 'state' | 'messageId' | 'to' | 'template' | 'language' | 'reason' | 'providerCode' | 'createdAt'> & {
  /** The provider's id of the media in the header. */
  readonly mediaId: string | undefined;
};

export class Templates {
  readonly #options: TemplatesOptions;

  constructor(options: TemplatesOptions) {
    this.#options = options;
  }

  /** Not idempotent. What the provider refuses is an answer. @throws AppError BAD_USER_INPUT, NOT_FOUND, RATE_LIMITED; and what the stores throw. */
  async send(asked: SendRequest): Promise<SendResult> {
    const { to, template, language, parameters } = checked('The message', request, asked);
    const [sender] = this.#options.senders;
    if (!sender) throw new AppError('NOT_FOUND', 'No provider that sends template messages is configured.');
    const { name, locale, mediaId } = this.#options.rules.of(template, language);
    const header = await this.#headerOf(asked.header ?? (mediaId === undefined ? undefined : { mediaId }), sender.channel);
    const { send, messageId, failure } = await sender.send({ to, template, language, name, locale, parameters, header }).catch(tooMany);
    return failure ? { sendId: send.id, error: errorOf(failure) } : { sendId: send.id, messageId };
  }

  /** Uploads anew the media of templates whose handles end within seven days, and those that were sent with lately. Ends early when `signal` aborts. Idempotent. */
  async checkHandles(signal?: AbortSignal): Promise<{ checked: number; failed: number }> {
    const { rules, library, senders } = this.#options;
    const media = await Promise.all(rules.mediaIds.map((id) => library.findById(id)));
    const files = media.flatMap((found) => (found ? [fileOf(found)] : []));
    const totals = { checked: rules.mediaIds.length - files.length, failed: rules.mediaIds.length - files.length };
    for (const sender of senders) {
      // oxlint-disable-next-line no-await-in-loop -- each waits for its provider
      const { checked: count, failed } = await sender.checkHandles(files.filter((file) => typeof sender.channel.headerOf(file) === 'string'), signal);
      totals.checked += count;
      totals.failed += failed;
    }
    return totals;
  }

  /** Of the message with this `sendId`, of whichever attempt: one or two, the first one first. @throws AppError NOT_FOUND */
  async attempts(sendId: string): Promise<Attempt[]> {
    const attempts = await this.#options.sends.attempts(sendId);
    if (attempts.length === 0) throw new AppError('NOT_FOUND', 'There is no such message.');
    return attempts.map(({ id, resendOf, state, messageId, to, template, language, reason, providerCode, createdAt, header }) => {
      const mediaId = header?.file && header.handle;
      return { id, resendOf, state, messageId, to, template, language, mediaId, reason, providerCode, createdAt };
    });
  }

  async #headerOf(asked: SendRequest['header'], channel: Pick<TemplateChannel, 'headerOf'>): Promise<SendHeader | undefined> {
    if (!asked) return undefined;
    if ('url' in asked) return urlHeader(checked('headerUrl', headerUrl, asked.url), channel);
    const media = await this.#options.library.findById(checked('headerMediaId', headerMediaId, asked.mediaId));
    if (!media) throw new AppError('NOT_FOUND', 'There is no file with the id of the header.');
    const file = fileOf(media);
    return { type: typeOf(file, channel), fileName: file.fileName, file, handle: undefined };
  }
}

/** @throws AppError BAD_USER_INPUT */
function checked<T>(name: string, type: z.ZodType<T>, value: unknown): T {
  const parsed = type.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new AppError('BAD_USER_INPUT', `${String(issue?.path[0] ?? name)} ${issue?.message ?? 'is not usable'}.`);
}

function fileOf({ sha256, mimeType, fileName, size }: HeaderFile): HeaderFile {
  return { sha256, mimeType, fileName, size };
}

function typeOf(file: OutgoingFile, channel: Pick<TemplateChannel, 'headerOf'>): HeaderType {
  const type = channel.headerOf(file);
  if (typeof type === 'string') return type;
  throw new AppError('BAD_USER_INPUT', type.problem);
}

/** Its type is that of its extension: nothing of it is fetched here. */
function urlHeader(link: string, channel: Pick<TemplateChannel, 'headerOf'>): SendHeader {
  const fileName = decoded(new URL(link).pathname.split('/').at(-1) ?? '');
  const [mimeType] = typesOfExtension(extensionOf(fileName)) ?? [];
  if (mimeType === undefined) throw new AppError('BAD_USER_INPUT', 'The path of headerUrl must end with the extension of its type, such as .mp4 or .pdf.');
  return { type: typeOf({ mimeType, fileName, size: 0 }, channel), fileName, link };
}

/** As a person reads it, where it can be. */
function decoded(segment: string): string {
  try {
    return identifier.parse(decodeURIComponent(segment));
  } catch {
    return segment;
  }
}

function errorOf({ kind, message, providerCode }: SendFailure): SendError {
  return { ...sendPolicies[kind], message, providerCode };
}

function tooMany(error: unknown): never {
  if (error instanceof Overloaded) throw new AppError('RATE_LIMITED', 'Too many messages wait to be sent already.', { cause: error });
  throw error;
}
