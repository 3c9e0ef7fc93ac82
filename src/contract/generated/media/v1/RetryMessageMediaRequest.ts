// Original file: proto/media.proto


export interface RetryMessageMediaRequestInput {
  'id'?: (string);
}

export interface RetryMessageMediaRequest {
  'id': (string);
}
