// Original file: proto/media.proto


export interface UploadMetaInput {
  'model_type'?: (string);
  'model_id'?: (string);
  'collection_name'?: (string);
  'file_name'?: (string);
  /**
   * Empty: the file name without its extension.
   */
  'name'?: (string);
  /**
   * JSON text; empty = {}.
   */
  'custom_properties'?: (string);
  /**
   * Empty: none. A second upload with the key of a finished one returns that one.
   */
  'idempotency_key'?: (string);
}

export interface UploadMeta {
  'model_type': (string);
  'model_id': (string);
  'collection_name': (string);
  'file_name': (string);
  /**
   * Empty: the file name without its extension.
   */
  'name': (string);
  /**
   * JSON text; empty = {}.
   */
  'custom_properties': (string);
  /**
   * Empty: none. A second upload with the key of a finished one returns that one.
   */
  'idempotency_key': (string);
}
