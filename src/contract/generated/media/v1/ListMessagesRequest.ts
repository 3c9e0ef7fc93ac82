// Original file: proto/media.proto


export interface ListMessagesRequestInput {
  /**
   * 1 to 500.
   */
  'first'?: (number);
  /**
   * A cursor; empty: from the latest on.
   */
  'after'?: (string);
  /**
   * Empty: of everybody.
   */
  'from'?: (string);
}

export interface ListMessagesRequest {
  /**
   * 1 to 500.
   */
  'first': (number);
  /**
   * A cursor; empty: from the latest on.
   */
  'after': (string);
  /**
   * Empty: of everybody.
   */
  'from': (string);
}
