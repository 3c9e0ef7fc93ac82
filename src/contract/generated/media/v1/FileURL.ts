// Original file: proto/media.proto


export interface FileURLInput {
  /**
   * Empty when there is no such file.
   */
  'url'?: (string);
  'expires_at'?: (string);
}

export interface FileURL {
  /**
   * Empty when there is no such file.
   */
  'url': (string);
  'expires_at': (string);
}
