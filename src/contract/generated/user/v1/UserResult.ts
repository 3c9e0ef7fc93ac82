// Original file: proto/user.proto

import type { UserInput as _user_v1_UserInput, User as _user_v1_User } from '../../user/v1/User.js';

export interface UserResultInput {
  'user'?: (_user_v1_UserInput | null);
  '_user'?: "user";
}

export interface UserResult {
  'user'?: (_user_v1_User | null);
  '_user'?: "user";
}
