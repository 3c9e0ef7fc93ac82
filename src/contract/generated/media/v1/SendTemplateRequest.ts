// Original file: proto/media.proto


export interface SendTemplateRequestInput {
  /**
   * With its country code: 7 to 15 digits, with or without a plus.
   */
  'to'?: (string);
  /**
   * By the names of MESSAGE_TEMPLATES, or those of the provider.
   */
  'template'?: (string);
  'language'?: (string);
  /**
   * Of the body, in order; at most 64.
   */
  'parameters'?: (string)[];
  /**
   * The id of a stored media: uploaded to the provider, and again when its handle ends or is refused.
   */
  'header_media_id'?: (string);
  /**
   * https; fetched by the provider.
   */
  'header_url'?: (string);
  /**
   * Absent: the header that MESSAGE_TEMPLATES names, or none.
   */
  'header'?: "header_media_id"|"header_url";
}

export interface SendTemplateRequest {
  /**
   * With its country code: 7 to 15 digits, with or without a plus.
   */
  'to': (string);
  /**
   * By the names of MESSAGE_TEMPLATES, or those of the provider.
   */
  'template': (string);
  'language': (string);
  /**
   * Of the body, in order; at most 64.
   */
  'parameters': (string)[];
  /**
   * The id of a stored media: uploaded to the provider, and again when its handle ends or is refused.
   */
  'header_media_id'?: (string);
  /**
   * https; fetched by the provider.
   */
  'header_url'?: (string);
  /**
   * Absent: the header that MESSAGE_TEMPLATES names, or none.
   */
  'header'?: "header_media_id"|"header_url";
}
