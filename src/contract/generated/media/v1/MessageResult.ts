// Original file: proto/media.proto

import type { MessageInput as _media_v1_MessageInput, Message as _media_v1_Message } from '../../media/v1/Message.js';

export interface MessageResultInput {
  'message'?: (_media_v1_MessageInput | null);
  '_message'?: "message";
}

export interface MessageResult {
  'message'?: (_media_v1_Message | null);
  '_message'?: "message";
}
