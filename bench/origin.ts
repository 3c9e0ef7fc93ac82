/**
 * Process: media service and user service of the benchmark. They speak the product's gRPC, answer for any id at once, count their calls,
 * and announce changes over RabbitMQ as the media service does. It stands in for the real services because those cannot be given a
 * million users within a second; it is the same one for every contender. Steered over HTTP by services.ts.
 */
import { Server, ServerCredentials, type ServerReadableStream, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { connect } from 'amqplib';
import { createServer } from 'node:http';
import { mediaEventKeys, type MediaEventBody } from '../src/contract/media-event.js';
import type { Media } from '../src/contract/generated/media/v1/Media.js';
import type { MediaServiceHandlers } from '../src/contract/generated/media/v1/MediaService.js';
import type { ModelFiles } from '../src/contract/generated/media/v1/ModelFiles.js';
import type { ModelQuery } from '../src/contract/generated/media/v1/ModelQuery.js';
import type { UploadFileRequest } from '../src/contract/generated/media/v1/UploadFileRequest.js';
import type { UserServiceHandlers } from '../src/contract/generated/user/v1/UserService.js';
import { MediaService, UserService } from '../src/contract/services.js';
import { collectionName, mediaOf, modelType, userOf } from './data.js';
import { below, randomFrom } from './random.js';
import { announce, listen, setting } from './contenders/parts/process.js';

const exchange = 'media.events';
const versions = new Map<string, number>();
let calls = 0;

const channel = await (await connect(setting('RABBITMQ_ADDR'))).createChannel();
await channel.assertExchange(exchange, 'topic', { durable: true });

function filesOf({ model_id }: ModelQuery): ModelFiles {
  return { media: [mediaOf(model_id, versions.get(model_id))], total: 1, fallback_url: '' };
}

/** The next version of the owner's avatar, announced. */
function change(owner: string): Media {
  const version = (versions.get(owner) ?? 0) + 1;
  versions.set(owner, version);
  const media = mediaOf(owner, version);
  const event: MediaEventBody = {
    event_id: `${owner}-${version}`,
    occurred_at: new Date().toISOString(),
    media_id: media.id,
    uuid: media.uuid,
    model_type: modelType,
    model_id: owner,
    collection_name: collectionName,
    file_name: media.file_name,
    mime_type: media.mime_type,
    size: media.size,
  };
  channel.publish(exchange, mediaEventKeys.uploaded, Buffer.from(JSON.stringify(event)), { persistent: true, messageId: event.event_id });
  return media;
}

function serve<Request, Response>(answer: (request: Request) => Response) {
  return ({ request }: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>): void => {
    calls += 1;
    callback(null, answer(request));
  };
}

function unused(): never {
  throw new Error('the benchmark does not call this');
}

function upload(call: ServerReadableStream<UploadFileRequest, Media>, callback: sendUnaryData<Media>): void {
  calls += 1;
  let owner = '';
  call.on('data', ({ meta }: UploadFileRequest) => (owner = meta?.model_id ?? owner));
  call.on('end', () => callback(null, change(owner)));
}

const media: MediaServiceHandlers = {
  GetFilesByModels: serve(({ queries }) => ({ results: queries.map(filesOf) })),
  GetFilesByModel: serve(filesOf),
  UploadFile: upload,
  GetFileByID: unused,
  GetFileByUUID: unused,
  GetFileURLs: unused,
  DeleteFile: unused,
  UpdateFile: unused,
  ReorderFiles: unused,
  ImportFile: unused,
  VerifyFile: unused,
  GetStats: unused,
  GetMessages: unused,
  ListMessages: unused,
  RetryMessageMedia: unused,  SendTemplate: unused,
};
const users: UserServiceHandlers = { GetUsers: serve(({ ids }) => ({ results: ids.map((id) => ({ user: userOf(id) })) })) };

let churn: NodeJS.Timeout | undefined;
const random = randomFrom(1);

/** What was announced while nobody listened must not meet the next gateway: queues of the product are durable. */
async function forgetQueues(): Promise<void> {
  await Promise.all(['uploaded', 'deleted', 'updated', 'dead'].map((kind) => channel.deleteQueue(`api-gateway-media-${kind}`)));
}

const commands: Record<string, (parameters: URLSearchParams) => unknown> = {
  '/counts': () => ({ calls }),
  '/versions': () => Object.fromEntries(versions),
  '/reset': async () => {
    versions.clear();
    await forgetQueues();
  },
  '/churn': (parameters) => {
    clearInterval(churn);
    const owners = Number(parameters.get('owners'));
    if (owners > 0) churn = setInterval(() => change(String(below(owners, random))), Number(parameters.get('everyMs')));
  },
};

const control = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://origin');
  void Promise.resolve(commands[pathname]?.(searchParams)).then(
    (answer) => response.end(JSON.stringify(answer ?? {})),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
});

const server = new Server();
server.addService(MediaService.service, media);
server.addService(UserService.service, users);
const grpcPort = await new Promise<number>((resolve, reject) => {
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port)));
});
announce({ grpc: `127.0.0.1:${grpcPort}`, control: await listen(control) });
