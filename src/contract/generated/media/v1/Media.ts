// Original file: proto/media.proto

import type { Long } from '@grpc/proto-loader';

export interface MediaInput {
  'id'?: (string);
  'model_type'?: (string);
  'model_id'?: (string);
  'uuid'?: (string);
  'collection_name'?: (string);
  'name'?: (string);
  'file_name'?: (string);
  'mime_type'?: (string);
  'disk'?: (string);
  'conversions_disk'?: (string);
  'size'?: (number | string | Long);
  /**
   * JSON text.
   */
  'manipulations'?: (string);
  'custom_properties'?: (string);
  'generated_conversions'?: (string);
  'responsive_images'?: (string);
  'order_column'?: (number);
  /**
   * Pixels; 0 when not an image.
   */
  'width'?: (number);
  'height'?: (number);
  /**
   * RFC 3339.
   */
  'created_at'?: (string);
  'updated_at'?: (string);
  /**
   * Hex.
   */
  'sha256'?: (string);
}

export interface Media {
  'id': (string);
  'model_type': (string);
  'model_id': (string);
  'uuid': (string);
  'collection_name': (string);
  'name': (string);
  'file_name': (string);
  'mime_type': (string);
  'disk': (string);
  'conversions_disk': (string);
  'size': (number);
  /**
   * JSON text.
   */
  'manipulations': (string);
  'custom_properties': (string);
  'generated_conversions': (string);
  'responsive_images': (string);
  'order_column': (number);
  /**
   * Pixels; 0 when not an image.
   */
  'width': (number);
  'height': (number);
  /**
   * RFC 3339.
   */
  'created_at': (string);
  'updated_at': (string);
  /**
   * Hex.
   */
  'sha256': (string);
}
