// Original file: proto/media.proto


export interface UpdateFileRequestInput {
  'id'?: (string);
  /**
   * Absent: as it is.
   */
  'name'?: (string);
  'file_name'?: (string);
  /**
   * JSON text of an object, which replaces the one before.
   */
  'custom_properties'?: (string);
  '_name'?: "name";
  '_file_name'?: "file_name";
  '_custom_properties'?: "custom_properties";
}

export interface UpdateFileRequest {
  'id': (string);
  /**
   * Absent: as it is.
   */
  'name'?: (string);
  'file_name'?: (string);
  /**
   * JSON text of an object, which replaces the one before.
   */
  'custom_properties'?: (string);
  '_name'?: "name";
  '_file_name'?: "file_name";
  '_custom_properties'?: "custom_properties";
}
