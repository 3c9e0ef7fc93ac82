// Original file: proto/media.proto

import type { Long } from '@grpc/proto-loader';

export interface UploadFinishInput {
  'size'?: (number | string | Long);
  /**
   * Hex.
   */
  'sha256'?: (string);
}

export interface UploadFinish {
  'size': (number);
  /**
   * Hex.
   */
  'sha256': (string);
}
