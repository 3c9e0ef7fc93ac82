// Original file: proto/media.proto


export interface FileURLInput {
  /**
   * Empty when there is no such file, or no such conversion of it (yet): never the file itself in its place.
   */
  'url'?: (string);
  'expires_at'?: (string);
}

export interface FileURL {
  /**
   * Empty when there is no such file, or no such conversion of it (yet): never the file itself in its place.
   */
  'url': (string);
  'expires_at': (string);
}
