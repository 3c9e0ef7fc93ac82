// Original file: proto/media.proto

import type { MessageInput as _media_v1_MessageInput, Message as _media_v1_Message } from '../../media/v1/Message.js';

export interface ListMessagesResponseInput {
  'messages'?: (_media_v1_MessageInput)[];
  'has_more'?: (boolean);
}

export interface ListMessagesResponse {
  'messages': (_media_v1_Message)[];
  'has_more': (boolean);
}
