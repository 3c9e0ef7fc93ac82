// Original file: proto/media.proto

import type { MediaInput as _media_v1_MediaInput, Media as _media_v1_Media } from '../../media/v1/Media.js';

export interface DeleteFileResponseInput {
  'deleted'?: (boolean);
  /**
   * The row that went, when deleted.
   */
  'media'?: (_media_v1_MediaInput | null);
}

export interface DeleteFileResponse {
  'deleted': (boolean);
  /**
   * The row that went, when deleted.
   */
  'media': (_media_v1_Media | null);
}
