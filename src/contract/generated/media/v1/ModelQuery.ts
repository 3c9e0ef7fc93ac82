// Original file: proto/media.proto


export interface ModelQueryInput {
  'model_type'?: (string);
  'model_id'?: (string);
  /**
   * Empty: all collections.
   */
  'collection_name'?: (string);
  /**
   * 0: all.
   */
  'limit'?: (number);
}

export interface ModelQuery {
  'model_type': (string);
  'model_id': (string);
  /**
   * Empty: all collections.
   */
  'collection_name': (string);
  /**
   * 0: all.
   */
  'limit': (number);
}
