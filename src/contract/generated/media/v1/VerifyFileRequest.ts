// Original file: proto/media.proto


export interface VerifyFileRequestInput {
  'id'?: (string);
  /**
   * Hex.
   */
  'sha256'?: (string);
  'file'?: "id"|"sha256";
}

export interface VerifyFileRequest {
  'id'?: (string);
  /**
   * Hex.
   */
  'sha256'?: (string);
  'file'?: "id"|"sha256";
}
