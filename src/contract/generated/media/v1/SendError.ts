// Original file: proto/media.proto


export interface SendErrorInput {
  /**
   * Of src/contract/errors.ts. SEND_OUTCOME_UNKNOWN: it may have been sent.
   */
  'code'?: (string);
  /**
   * A sentence for clients.
   */
  'message'?: (string);
  /**
   * Whether sending it again may succeed.
   */
  'retryable'?: (boolean);
  /**
   * The provider's own; absent when it says none.
   */
  'provider_code'?: (number);
  '_provider_code'?: "provider_code";
}

export interface SendError {
  /**
   * Of src/contract/errors.ts. SEND_OUTCOME_UNKNOWN: it may have been sent.
   */
  'code': (string);
  /**
   * A sentence for clients.
   */
  'message': (string);
  /**
   * Whether sending it again may succeed.
   */
  'retryable': (boolean);
  /**
   * The provider's own; absent when it says none.
   */
  'provider_code'?: (number);
  '_provider_code'?: "provider_code";
}
