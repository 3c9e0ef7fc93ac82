// Original file: proto/media.proto

import type { Long } from '@grpc/proto-loader';

export interface ProviderMediaInput {
  /**
   * Its name in the media service, such as `whatsapp`.
   */
  'provider'?: (string);
  'id'?: (string);
  /**
   * Seconds since 1970 at which the provider announced it; 0: unknown. What is older than the provider keeps media is not asked for.
   */
  'timestamp'?: (number | string | Long);
}

export interface ProviderMedia {
  /**
   * Its name in the media service, such as `whatsapp`.
   */
  'provider': (string);
  'id': (string);
  /**
   * Seconds since 1970 at which the provider announced it; 0: unknown. What is older than the provider keeps media is not asked for.
   */
  'timestamp': (number);
}
