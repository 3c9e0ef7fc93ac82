// Original file: proto/media.proto


export interface GetFileByIDRequestInput {
  'id'?: (string);
}

export interface GetFileByIDRequest {
  'id': (string);
}
