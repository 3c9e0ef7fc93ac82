// Original file: proto/media.proto


export interface DeleteFileRequestInput {
  'id'?: (string);
}

export interface DeleteFileRequest {
  'id': (string);
}
