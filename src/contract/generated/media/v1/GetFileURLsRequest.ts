// Original file: proto/media.proto


export interface GetFileURLsRequestInput {
  /**
   * At most 500.
   */
  'ids'?: (string)[];
  /**
   * 0: the service's default.
   */
  'expiry_seconds'?: (number);
  /**
   * Empty: the file itself.
   */
  'conversion'?: (string);
}

export interface GetFileURLsRequest {
  /**
   * At most 500.
   */
  'ids': (string)[];
  /**
   * 0: the service's default.
   */
  'expiry_seconds': (number);
  /**
   * Empty: the file itself.
   */
  'conversion': (string);
}
