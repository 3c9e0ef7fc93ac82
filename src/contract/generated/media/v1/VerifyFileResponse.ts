// Original file: proto/media.proto

import type { FileStateInput as _media_v1_FileStateInput, FileState as _media_v1_FileState } from '../../media/v1/FileState.js';
import type { Long } from '@grpc/proto-loader';

export interface VerifyFileResponseInput {
  'state'?: (_media_v1_FileStateInput);
  'sha256'?: (string);
  'size'?: (number | string | Long);
}

export interface VerifyFileResponse {
  'state': (_media_v1_FileState);
  'sha256': (string);
  'size': (number);
}
