/** The verbs of template messages, without any transport. Invariant: nothing is recorded or called for a request that says something unusable. */
import { z } from 'zod';
import { AppError, type ErrorCode } from '../../contract/errors.js';
import { identifier } from '../../contract/identifier.js';
import { Overloaded } from '../../runtime/limiter.js';
import { extensionOf } from '../files/file-names.js';
import { typesOfExtension } from '../files/type-table.js';
import type { Library } from '../library.js';
import { sendPolicies, type SendFailure } from './send-failure.js';
import type { HeaderFile, SendHeader } from './send-store.js';
import type { HeaderType, OutgoingFile, TemplateChannel } from './template-channel.js';
import type { TemplateRules } from './template-rules.js';
import type { TemplateSender } from './template-sender.js';

export interface TemplatesOptions {
  rules: TemplateRules;
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
  /** At most one of both; empty: that of the template's rule. The id of a stored media, or a URL that the provider fetches. */
  readonly headerMediaId: string;
  readonly headerUrl: string;
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
  headerMediaId: z.union([z.literal(''), identifier]),
  headerUrl: z.union([z.literal(''), z.url({ protocol: /^https$/, error: 'must be a URL that begins with https://' }).max(maxUrlLength, `must have at most ${maxUrlLength} characters`)], 'must be a URL that begins with https://'),
});

export class Templates {
  readonly #options: TemplatesOptions;

  constructor(options: TemplatesOptions) {
    this.#options = options;
  }

  /** Not idempotent. What the provider refuses is an answer. @throws AppError BAD_USER_INPUT, NOT_FOUND, RATE_LIMITED; and what the stores throw. */
  async send(asked: SendRequest): Promise<SendResult> {
    const { to, template, language, parameters, headerMediaId, headerUrl } = checked(asked);
    const [sender] = this.#options.senders;
    if (!sender) throw new AppError('NOT_FOUND', 'No provider that sends template messages is configured.');
    const { name, locale, mediaId = '' } = this.#options.rules.of(template, language);
    const header = headerUrl === '' ? await this.#mediaHeader(headerMediaId || mediaId, sender.channel) : urlHeader(headerUrl, sender.channel);
    const { send, messageId, failure } = await sender.send({ to, template, language, name, locale, parameters, header }).catch(tooMany);
    return failure ? { sendId: send.id, error: errorOf(failure) } : { sendId: send.id, messageId };
  }

  /** Uploads anew the media of templates whose handles end within seven days, and those that were sent with lately. Idempotent. */
  async checkHandles(): Promise<{ checked: number; failed: number }> {
    const { rules, library, senders } = this.#options;
    const media = await Promise.all(rules.mediaIds.map((id) => library.findById(id)));
    const files = media.flatMap((found) => (found ? [fileOf(found)] : []));
    const totals = { checked: rules.mediaIds.length - files.length, failed: rules.mediaIds.length - files.length };
    for (const sender of senders) {
      // oxlint-disable-next-line no-await-in-loop -- each waits for its provider
      const { checked: count, failed } = await sender.checkHandles(files);
      totals.checked += count;
      totals.failed += failed;
    }
    return totals;
  }

  async #mediaHeader(id: string, channel: Pick<TemplateChannel, 'headerOf'>): Promise<SendHeader | undefined> {
    if (id === '') return undefined;
    const media = await this.#options.library.findById(id);
    if (!media) throw new AppError('NOT_FOUND', 'There is no file with the id of the header.');
    const file = fileOf(media);
    return { type: typeOf(file, channel), fileName: file.fileName, file, handle: undefined };
  }
}

/** @throws AppError BAD_USER_INPUT */
function checked(asked: SendRequest): z.output<typeof request> {
  const parsed = request.safeParse(asked);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new AppError('BAD_USER_INPUT', `${String(issue?.path[0] ?? 'The message')} ${issue?.message ?? 'is not usable'}.`);
  }
  if (parsed.data.headerMediaId !== '' && parsed.data.headerUrl !== '') throw new AppError('BAD_USER_INPUT', 'At most one of headerMediaId and headerUrl can be given.');
  return parsed.data;
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
  const fileName = new URL(link).pathname.split('/').at(-1) ?? '';
  const [mimeType] = typesOfExtension(extensionOf(fileName)) ?? [];
  if (mimeType === undefined) throw new AppError('BAD_USER_INPUT', 'The path of headerUrl must end with the extension of its type, such as .mp4 or .pdf.');
  return { type: typeOf({ mimeType, fileName, size: 0 }, channel), fileName, link };
}

function errorOf({ kind, message, providerCode }: SendFailure): SendError {
  return { ...sendPolicies[kind], message, providerCode };
}

function tooMany(error: unknown): never {
  if (error instanceof Overloaded) throw new AppError('RATE_LIMITED', 'Too many messages wait to be sent already.', { cause: error });
  throw error;
}
