/** The small reference user service: three demo users over gRPC, with the standard health service. */
import { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { AppError } from '../contract/errors.js';
import type { User } from '../contract/generated/user/v1/User.js';
import type { UserServiceHandlers } from '../contract/generated/user/v1/UserService.js';
import { toGrpcError } from '../contract/grpc-errors.js';
import { maxBatchSize, UserService } from '../contract/services.js';
import { listenGrpc, serverCredentials } from '../runtime/grpc.js';
import type { Logger } from '../runtime/logger.js';
import type { HostPort } from '../runtime/setting-types.js';
import { usable, type Settings } from '../runtime/settings.js';

const users = new Map<string, User>(
  [
    { id: '1', name: 'Ada Lovelace', email: 'ada@example.org' },
    { id: '2', name: 'Alan Turing', email: 'alan@example.org' },
    { id: '3', name: 'Grace Hopper', email: '' },
  ].map((user) => [user.id, user]),
);

const handlers: UserServiceHandlers = {
  GetUsers: ({ request: { ids } }, callback) => {
    if (ids.length > maxBatchSize) {
      callback(toGrpcError(new AppError('BAD_USER_INPUT', `At most ${maxBatchSize} users can be asked for at once, not ${ids.length}.`)));
      return;
    }
    callback(null, { results: ids.map((id) => ({ user: users.get(id) ?? null })) });
  },
};

export interface UsersService {
  grpcAddress: HostPort;
  stop(): Promise<void>;
}

const drainMs = 1_000;

/** Resolves once calls are answered on `USER_GRPC_ADDR`. @throws Error when the address cannot be bound. */
export async function createUsersService(settings: Settings, log: Logger): Promise<UsersService> {
  const server = new Server();
  server.addService(UserService.service, handlers);
  const health = new HealthImplementation({ '': 'SERVING', 'user.v1.UserService': 'SERVING' });
  health.addToServer(server);
  const listening = await usable('USER_GRPC_ADDR', listenGrpc(server, settings.USER_GRPC_ADDR, await serverCredentials(settings)));
  log.info({ grpc: listening.address }, 'user service is ready');
  return {
    grpcAddress: listening.address,
    stop: () => {
      health.setStatus('', 'NOT_SERVING');
      return listening.stop(drainMs);
    },
  };
}
