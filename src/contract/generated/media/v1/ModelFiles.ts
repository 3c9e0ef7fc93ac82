// Original file: proto/media.proto

import type { MediaInput as _media_v1_MediaInput, Media as _media_v1_Media } from '../../media/v1/Media.js';

export interface ModelFilesInput {
  /**
   * By order_column, then id.
   */
  'media'?: (_media_v1_MediaInput)[];
  /**
   * Rows that match, also beyond `limit`.
   */
  'total'?: (number);
  /**
   * Of a single collection that is empty and has a rule with a fallback; else empty.
   */
  'fallback_url'?: (string);
}

export interface ModelFiles {
  /**
   * By order_column, then id.
   */
  'media': (_media_v1_Media)[];
  /**
   * Rows that match, also beyond `limit`.
   */
  'total': (number);
  /**
   * Of a single collection that is empty and has a rule with a fallback; else empty.
   */
  'fallback_url': (string);
}
