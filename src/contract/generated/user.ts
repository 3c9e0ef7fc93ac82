import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { GetUsersRequestInput as _user_v1_GetUsersRequestInput, GetUsersRequest as _user_v1_GetUsersRequest } from './user/v1/GetUsersRequest.js';
import type { GetUsersResponseInput as _user_v1_GetUsersResponseInput, GetUsersResponse as _user_v1_GetUsersResponse } from './user/v1/GetUsersResponse.js';
import type { UserInput as _user_v1_UserInput, User as _user_v1_User } from './user/v1/User.js';
import type { UserResultInput as _user_v1_UserResultInput, UserResult as _user_v1_UserResult } from './user/v1/UserResult.js';
import type { UserServiceClient as _user_v1_UserServiceClient, UserServiceDefinition as _user_v1_UserServiceDefinition } from './user/v1/UserService.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  user: {
    v1: {
      GetUsersRequest: MessageTypeDefinition<_user_v1_GetUsersRequestInput, _user_v1_GetUsersRequest>
      GetUsersResponse: MessageTypeDefinition<_user_v1_GetUsersResponseInput, _user_v1_GetUsersResponse>
      User: MessageTypeDefinition<_user_v1_UserInput, _user_v1_User>
      UserResult: MessageTypeDefinition<_user_v1_UserResultInput, _user_v1_UserResult>
      UserService: SubtypeConstructor<typeof grpc.Client, _user_v1_UserServiceClient> & { service: _user_v1_UserServiceDefinition }
    }
  }
}

