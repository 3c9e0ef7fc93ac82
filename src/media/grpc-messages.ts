/** The messages of gRPC as what the verbs take, and what they give as messages. */
import { AppError } from '../contract/errors.js';
import type { ImportFileRequest } from '../contract/generated/media/v1/ImportFileRequest.js';
import type { MediaInput } from '../contract/generated/media/v1/Media.js';
import type { MessageInput } from '../contract/generated/media/v1/Message.js';
import type { ModelFilesInput } from '../contract/generated/media/v1/ModelFiles.js';
import type { ModelQuery as ModelQueryMessage } from '../contract/generated/media/v1/ModelQuery.js';
import type { SendTemplateRequest } from '../contract/generated/media/v1/SendTemplateRequest.js';
import type { SendTemplateResponseInput } from '../contract/generated/media/v1/SendTemplateResponse.js';
import { checkIdentifier } from '../contract/identifier.js';
import type { ImportSource } from './import/fetched-file.js';
import type { ModelMedia } from './library.js';
import type { Message } from './messages/message-store.js';
import type { UploadRequest } from './requests.js';
import type { Media, ModelQuery } from './rows/media-store.js';
import type { SendRequest, SendResult } from './templates/templates.js';

export function fromImport(request: ImportFileRequest): UploadRequest {
  return {
    modelType: request.model_type,
    modelId: request.model_id,
    collectionName: request.collection_name,
    fileName: request.file_name,
    name: request.name,
    customProperties: request.custom_properties,
    idempotencyKey: request.idempotency_key,
  };
}

export function sourceOf({ source_url: url, provider_media: media }: ImportFileRequest): ImportSource {
  if (url) return { kind: 'url', url };
  if (!media) throw new AppError('BAD_USER_INPUT', 'An import needs a source_url, or a provider_media.');
  const announcedAt = media.timestamp > 0 ? new Date(media.timestamp * 1_000) : undefined;
  return { kind: 'provider', provider: checkIdentifier('provider', media.provider), id: checkIdentifier('id', media.id), announcedAt };
}

export function fromQuery(query: ModelQueryMessage): ModelQuery {
  return { modelType: query.model_type, modelId: query.model_id, collectionName: query.collection_name, limit: query.limit };
}

export function filesMessage(files: ModelMedia | undefined): ModelFilesInput {
  return { media: files?.media.map(toMessage) ?? [], total: files?.total ?? 0, fallback_url: files?.fallbackUrl ?? '' };
}

export function messageMessage(message: Message): MessageInput {
  return {
    id: message.id,
    provider: message.provider,
    from: message.from ?? '',
    type: message.type,
    sent_at: message.sentAt ?? '',
    received_at: message.receivedAt,
    media_state: message.state,
    reason: message.reason ?? '',
    code: message.code ?? '',
    retryable: message.retryable,
    cursor: message.cursor,
  };
}

export function toMessage(media: Media): MediaInput {
  return {
    id: media.id,
    model_type: media.modelType,
    model_id: media.modelId,
    uuid: media.uuid,
    collection_name: media.collectionName,
    name: media.name,
    file_name: media.fileName,
    mime_type: media.mimeType,
    disk: media.disk,
    conversions_disk: media.conversionsDisk,
    size: media.size,
    manipulations: media.manipulations,
    custom_properties: media.customProperties,
    generated_conversions: media.generatedConversions,
    responsive_images: media.responsiveImages,
    order_column: media.orderColumn,
    width: media.width,
    height: media.height,
    created_at: media.createdAt,
    updated_at: media.updatedAt,
    sha256: media.sha256,
  };
}

export function fromSend({ to, template, language, parameters, header, header_media_id: mediaId = '', header_url: url = '' }: SendTemplateRequest): SendRequest {
  const one = header && (header === 'header_url' ? { url } : { mediaId });
  return { to, template, language, parameters, header: one };
}

export function sendMessage({ sendId, messageId, error }: SendResult): SendTemplateResponseInput {
  if (!error) return { send_id: sendId, sent: true, message_id: messageId };
  const { providerCode, ...said } = error;
  return { send_id: sendId, sent: false, error: { ...said, ...(providerCode !== undefined && { provider_code: providerCode }) } };
}
