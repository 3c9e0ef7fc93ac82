// Original file: proto/media.proto

export const FileState = {
  FILE_STATE_UNSPECIFIED: 'FILE_STATE_UNSPECIFIED',
  VERIFIED: 'VERIFIED',
  /**
   * Put aside, and fetched again where its source is known.
   */
  CORRUPT: 'CORRUPT',
  MISSING: 'MISSING',
} as const;

export type FileStateInput =
  | 'FILE_STATE_UNSPECIFIED'
  | 0
  | 'VERIFIED'
  | 1
  /**
   * Put aside, and fetched again where its source is known.
   */
  | 'CORRUPT'
  | 2
  | 'MISSING'
  | 3

export type FileState = typeof FileState[keyof typeof FileState]
