// Original file: proto/media.proto

import type { MessageResultInput as _media_v1_MessageResultInput, MessageResult as _media_v1_MessageResult } from '../../media/v1/MessageResult.js';

export interface GetMessagesResponseInput {
  'results'?: (_media_v1_MessageResultInput)[];
}

export interface GetMessagesResponse {
  'results': (_media_v1_MessageResult)[];
}
