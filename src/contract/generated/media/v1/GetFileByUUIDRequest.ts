// Original file: proto/media.proto


export interface GetFileByUUIDRequestInput {
  'uuid'?: (string);
}

export interface GetFileByUUIDRequest {
  'uuid': (string);
}
