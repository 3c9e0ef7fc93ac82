// Original file: proto/media.proto

import type { MediaStateInput as _media_v1_MediaStateInput, MediaState as _media_v1_MediaState } from '../../media/v1/MediaState.js';

/**
 * Its media are the files of model_type `Message`, model_id its id, collection `attachments`.
 */
export interface MessageInput {
  /**
   * The provider's.
   */
  'id'?: (string);
  /**
   * Its name in the media service, such as `whatsapp`.
   */
  'provider'?: (string);
  /**
   * Empty: the provider does not say.
   */
  'from'?: (string);
  /**
   * In the provider's words.
   */
  'type'?: (string);
  /**
   * RFC 3339; empty: the provider does not say.
   */
  'sent_at'?: (string);
  /**
   * RFC 3339.
   */
  'received_at'?: (string);
  'media_state'?: (_media_v1_MediaStateInput);
  /**
   * A sentence for clients; empty where nothing went wrong.
   */
  'reason'?: (string);
  /**
   * Of src/contract/errors.ts; with a reason.
   */
  'code'?: (string);
  /**
   * Whether asking for it again may help.
   */
  'retryable'?: (boolean);
  /**
   * Its place in the order of arrival, for `after`.
   */
  'cursor'?: (string);
}

/**
 * Its media are the files of model_type `Message`, model_id its id, collection `attachments`.
 */
export interface Message {
  /**
   * The provider's.
   */
  'id': (string);
  /**
   * Its name in the media service, such as `whatsapp`.
   */
  'provider': (string);
  /**
   * Empty: the provider does not say.
   */
  'from': (string);
  /**
   * In the provider's words.
   */
  'type': (string);
  /**
   * RFC 3339; empty: the provider does not say.
   */
  'sent_at': (string);
  /**
   * RFC 3339.
   */
  'received_at': (string);
  'media_state': (_media_v1_MediaState);
  /**
   * A sentence for clients; empty where nothing went wrong.
   */
  'reason': (string);
  /**
   * Of src/contract/errors.ts; with a reason.
   */
  'code': (string);
  /**
   * Whether asking for it again may help.
   */
  'retryable': (boolean);
  /**
   * Its place in the order of arrival, for `after`.
   */
  'cursor': (string);
}
