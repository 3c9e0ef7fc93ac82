// Original file: proto/media.proto

import type { ProviderMediaInput as _media_v1_ProviderMediaInput, ProviderMedia as _media_v1_ProviderMedia } from '../../media/v1/ProviderMedia.js';

export interface ImportFileRequestInput {
  'model_type'?: (string);
  'model_id'?: (string);
  'collection_name'?: (string);
  /**
   * Empty: what the source calls it.
   */
  'file_name'?: (string);
  /**
   * Empty: the file name without its extension.
   */
  'name'?: (string);
  /**
   * JSON text; empty = {}.
   */
  'custom_properties'?: (string);
  /**
   * Empty: none. A second import with the key of a finished one returns that one.
   */
  'idempotency_key'?: (string);
  'source_url'?: (string);
  'provider_media'?: (_media_v1_ProviderMediaInput | null);
  'source'?: "source_url"|"provider_media";
}

export interface ImportFileRequest {
  'model_type': (string);
  'model_id': (string);
  'collection_name': (string);
  /**
   * Empty: what the source calls it.
   */
  'file_name': (string);
  /**
   * Empty: the file name without its extension.
   */
  'name': (string);
  /**
   * JSON text; empty = {}.
   */
  'custom_properties': (string);
  /**
   * Empty: none. A second import with the key of a finished one returns that one.
   */
  'idempotency_key': (string);
  'source_url'?: (string);
  'provider_media'?: (_media_v1_ProviderMedia | null);
  'source'?: "source_url"|"provider_media";
}
