// Original file: proto/media.proto

import type { UploadMetaInput as _media_v1_UploadMetaInput, UploadMeta as _media_v1_UploadMeta } from '../../media/v1/UploadMeta.js';
import type { UploadFinishInput as _media_v1_UploadFinishInput, UploadFinish as _media_v1_UploadFinish } from '../../media/v1/UploadFinish.js';

export interface UploadFileRequestInput {
  'meta'?: (_media_v1_UploadMetaInput | null);
  'chunk'?: (Buffer | Uint8Array | string);
  'finish'?: (_media_v1_UploadFinishInput | null);
  'part'?: "meta"|"chunk"|"finish";
}

export interface UploadFileRequest {
  'meta'?: (_media_v1_UploadMeta | null);
  'chunk'?: (Buffer);
  'finish'?: (_media_v1_UploadFinish | null);
  'part'?: "meta"|"chunk"|"finish";
}
