/** Writes the gRPC types of src/contract/generated from proto/. A test compares the result with what is committed. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const outDir = process.argv[2] ?? 'src/contract/generated';

execFileSync(
  process.execPath,
  [
    'node_modules/@grpc/proto-loader/build/bin/proto-loader-gen-types.js',
    '--keepCase',
    '--longs=Number',
    '--enums=String',
    '--defaults',
    '--oneofs',
    '--includeComments',
    '--grpcLib=@grpc/grpc-js',
    '--importFileExtension=.js',
    '--inputTemplate=%sInput',
    '--outputTemplate=%s',
    '--includeDirs=proto',
    `--outDir=${outDir}`,
    'media.proto',
    'user.proto',
  ],
  { cwd: root, stdio: 'inherit' },
);
