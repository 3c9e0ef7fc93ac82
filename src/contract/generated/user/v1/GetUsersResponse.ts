// Original file: proto/user.proto

import type { UserResultInput as _user_v1_UserResultInput, UserResult as _user_v1_UserResult } from '../../user/v1/UserResult.js';

export interface GetUsersResponseInput {
  'results'?: (_user_v1_UserResultInput)[];
}

export interface GetUsersResponse {
  'results': (_user_v1_UserResult)[];
}
