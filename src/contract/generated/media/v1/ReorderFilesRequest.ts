// Original file: proto/media.proto


export interface ReorderFilesRequestInput {
  'model_type'?: (string);
  'model_id'?: (string);
  'collection_name'?: (string);
  /**
   * Of this collection, each once; at most 1,000. They come first, in this order; the others keep theirs, after them.
   */
  'ids'?: (string)[];
}

export interface ReorderFilesRequest {
  'model_type': (string);
  'model_id': (string);
  'collection_name': (string);
  /**
   * Of this collection, each once; at most 1,000. They come first, in this order; the others keep theirs, after them.
   */
  'ids': (string)[];
}
