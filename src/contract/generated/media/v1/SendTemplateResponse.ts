// Original file: proto/media.proto

import type { SendErrorInput as _media_v1_SendErrorInput, SendError as _media_v1_SendError } from '../../media/v1/SendError.js';

export interface SendTemplateResponseInput {
  /**
   * Ours: the provider says it again with each status.
   */
  'send_id'?: (string);
  /**
   * The provider has taken the message; it says later how it fares.
   */
  'sent'?: (boolean);
  /**
   * The provider's; empty unless sent.
   */
  'message_id'?: (string);
  /**
   * Unless sent.
   */
  'error'?: (_media_v1_SendErrorInput | null);
  '_error'?: "error";
}

export interface SendTemplateResponse {
  /**
   * Ours: the provider says it again with each status.
   */
  'send_id': (string);
  /**
   * The provider has taken the message; it says later how it fares.
   */
  'sent': (boolean);
  /**
   * The provider's; empty unless sent.
   */
  'message_id': (string);
  /**
   * Unless sent.
   */
  'error'?: (_media_v1_SendError | null);
  '_error'?: "error";
}
