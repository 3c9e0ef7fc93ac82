// Original file: proto/media.proto


/**
 * At most 500.
 */
export interface GetMessagesRequestInput {
  'ids'?: (string)[];
}

/**
 * At most 500.
 */
export interface GetMessagesRequest {
  'ids': (string)[];
}
