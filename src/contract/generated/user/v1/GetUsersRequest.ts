// Original file: proto/user.proto


export interface GetUsersRequestInput {
  'ids'?: (string)[];
}

export interface GetUsersRequest {
  'ids': (string)[];
}
