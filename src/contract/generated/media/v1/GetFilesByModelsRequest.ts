// Original file: proto/media.proto

import type { ModelQueryInput as _media_v1_ModelQueryInput, ModelQuery as _media_v1_ModelQuery } from '../../media/v1/ModelQuery.js';

/**
 * At most 500 queries.
 */
export interface GetFilesByModelsRequestInput {
  'queries'?: (_media_v1_ModelQueryInput)[];
}

/**
 * At most 500 queries.
 */
export interface GetFilesByModelsRequest {
  'queries': (_media_v1_ModelQuery)[];
}
