// Original file: proto/media.proto

export const MediaState = {
  MEDIA_STATE_UNSPECIFIED: 'MEDIA_STATE_UNSPECIFIED',
  /**
   * It brings no media.
   */
  NONE: 'NONE',
  PENDING: 'PENDING',
  READY: 'READY',
  /**
   * Its provider does not have it any more.
   */
  EXPIRED: 'EXPIRED',
  FAILED: 'FAILED',
} as const;

export type MediaStateInput =
  | 'MEDIA_STATE_UNSPECIFIED'
  | 0
  /**
   * It brings no media.
   */
  | 'NONE'
  | 1
  | 'PENDING'
  | 2
  | 'READY'
  | 3
  /**
   * Its provider does not have it any more.
   */
  | 'EXPIRED'
  | 4
  | 'FAILED'
  | 5

export type MediaState = typeof MediaState[keyof typeof MediaState]
