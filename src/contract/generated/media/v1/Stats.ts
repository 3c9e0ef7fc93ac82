// Original file: proto/media.proto

import type { TypeStatsInput as _media_v1_TypeStatsInput, TypeStats as _media_v1_TypeStats } from '../../media/v1/TypeStats.js';
import type { Long } from '@grpc/proto-loader';

export interface StatsInput {
  /**
   * What is stored.
   */
  'files'?: (number | string | Long);
  'blobs'?: (number | string | Long);
  /**
   * Of the blobs: what is stored once counts once.
   */
  'bytes'?: (number | string | Long);
  'types'?: (_media_v1_TypeStatsInput)[];
  /**
   * What was done, by all instances together, by name.
   */
  'counters'?: ({[key: string]: number | string | Long});
}

export interface Stats {
  /**
   * What is stored.
   */
  'files': (number);
  'blobs': (number);
  /**
   * Of the blobs: what is stored once counts once.
   */
  'bytes': (number);
  'types': (_media_v1_TypeStats)[];
  /**
   * What was done, by all instances together, by name.
   */
  'counters': ({[key: string]: number});
}
