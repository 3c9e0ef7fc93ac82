// Original file: proto/media.proto

import type { Long } from '@grpc/proto-loader';

export interface TypeStatsInput {
  /**
   * image, video, audio, document or other.
   */
  'type'?: (string);
  'blobs'?: (number | string | Long);
  'bytes'?: (number | string | Long);
}

export interface TypeStats {
  /**
   * image, video, audio, document or other.
   */
  'type': (string);
  'blobs': (number);
  'bytes': (number);
}
