// Original file: proto/media.proto

import type { FileURLInput as _media_v1_FileURLInput, FileURL as _media_v1_FileURL } from '../../media/v1/FileURL.js';

export interface GetFileURLsResponseInput {
  'results'?: (_media_v1_FileURLInput)[];
}

export interface GetFileURLsResponse {
  'results': (_media_v1_FileURL)[];
}
