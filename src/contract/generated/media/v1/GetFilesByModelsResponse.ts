// Original file: proto/media.proto

import type { ModelFilesInput as _media_v1_ModelFilesInput, ModelFiles as _media_v1_ModelFiles } from '../../media/v1/ModelFiles.js';

export interface GetFilesByModelsResponseInput {
  'results'?: (_media_v1_ModelFilesInput)[];
}

export interface GetFilesByModelsResponse {
  'results': (_media_v1_ModelFiles)[];
}
