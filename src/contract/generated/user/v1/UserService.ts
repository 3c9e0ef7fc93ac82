// Original file: proto/user.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { GetUsersRequestInput as _user_v1_GetUsersRequestInput, GetUsersRequest as _user_v1_GetUsersRequest } from '../../user/v1/GetUsersRequest.js';
import type { GetUsersResponseInput as _user_v1_GetUsersResponseInput, GetUsersResponse as _user_v1_GetUsersResponse } from '../../user/v1/GetUsersResponse.js';

export interface UserServiceClient extends grpc.Client {
  /**
   * Results in request order; an unknown id has no user. At most 500 ids.
   */
  GetUsers(argument: _user_v1_GetUsersRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_user_v1_GetUsersResponse>): grpc.ClientUnaryCall;
  GetUsers(argument: _user_v1_GetUsersRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_user_v1_GetUsersResponse>): grpc.ClientUnaryCall;
  GetUsers(argument: _user_v1_GetUsersRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_user_v1_GetUsersResponse>): grpc.ClientUnaryCall;
  GetUsers(argument: _user_v1_GetUsersRequestInput, callback: grpc.requestCallback<_user_v1_GetUsersResponse>): grpc.ClientUnaryCall;
  /**
   * Results in request order; an unknown id has no user. At most 500 ids.
   */
  getUsers(argument: _user_v1_GetUsersRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_user_v1_GetUsersResponse>): grpc.ClientUnaryCall;
  getUsers(argument: _user_v1_GetUsersRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_user_v1_GetUsersResponse>): grpc.ClientUnaryCall;
  getUsers(argument: _user_v1_GetUsersRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_user_v1_GetUsersResponse>): grpc.ClientUnaryCall;
  getUsers(argument: _user_v1_GetUsersRequestInput, callback: grpc.requestCallback<_user_v1_GetUsersResponse>): grpc.ClientUnaryCall;
  
}

export interface UserServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Results in request order; an unknown id has no user. At most 500 ids.
   */
  GetUsers: grpc.handleUnaryCall<_user_v1_GetUsersRequest, _user_v1_GetUsersResponseInput>;
  
}

export interface UserServiceDefinition extends grpc.ServiceDefinition {
  GetUsers: MethodDefinition<_user_v1_GetUsersRequestInput, _user_v1_GetUsersResponseInput, _user_v1_GetUsersRequest, _user_v1_GetUsersResponse>
}
