/**
 * The gRPC services of proto/, loaded once: the client constructors and service definitions that both sides use.
 * Types are generated from the same files by `npm run generate`.
 */
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { fileURLToPath } from 'node:url';
import type { ProtoGrpcType as MediaProto } from './generated/media.js';
import type { ProtoGrpcType as UserProto } from './generated/user.js';

const definition = loadSync(['media.proto', 'user.proto'], {
  includeDirs: [fileURLToPath(new URL('../../proto', import.meta.url))],
  keepCase: true,
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
});

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- proto-loader builds the object at run time; the generated types describe exactly these files.
const packages = loadPackageDefinition(definition) as unknown as MediaProto & UserProto;

export const { MediaService } = packages.media.v1;
export const { UserService } = packages.user.v1;

/** Keys that a batch request may name at most. */
export const maxBatchSize = 500;
