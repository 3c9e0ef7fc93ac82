/** A whole media service for one test file: embedded stores in a temporary directory, gRPC and HTTP on free ports, a bus that records. */
import { credentials, Metadata } from '@grpc/grpc-js';
import { createHash } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Media } from '../../src/contract/generated/media/v1/Media.js';
import type { MediaServiceClient } from '../../src/contract/generated/media/v1/MediaService.js';
import type { UploadFileRequestInput } from '../../src/contract/generated/media/v1/UploadFileRequest.js';
import type { UploadMetaInput } from '../../src/contract/generated/media/v1/UploadMeta.js';
import { MediaService } from '../../src/contract/services.js';
import { startMediaHttp, type MediaHttpServer } from '../../src/media/http/http-server.js';
import { createMediaService, type MediaService as Service } from '../../src/media/media-service.js';
import { createProviders } from '../../src/providers/providers.js';
import { unary } from '../../src/runtime/grpc.js';
import { formatHostPort } from '../../src/runtime/setting-types.js';
import { readSettings } from '../../src/runtime/settings.js';
import { tempDir, type TempDir } from '../support/wait.js';
import { RecordingBus } from './recording-bus.js';

/** The built-in rules without conversions: what makes those runs from dist, not from the source, and they have tests of their own. */
const collections = { avatars: { singleFile: true, maxBytes: 10_485_760, types: ['image/jpeg', 'image/png', 'image/gif', 'image/webp'] } };

export const methods = MediaService.service;

export interface HarnessOptions {
  env?: Record<string, string>;
  /** Rules besides the built-in ones. */
  rules?: Record<string, object>;
  /** Kept from an earlier harness. */
  dir?: TempDir;
  bus?: RecordingBus;
}

export class Harness {
  readonly dir: TempDir;
  readonly bus: RecordingBus;
  readonly service: Service;
  readonly http: MediaHttpServer;
  readonly client: MediaServiceClient;
  /** The log, one object a line. */
  readonly lines: string[];

  private constructor(parts: Pick<Harness, 'dir' | 'bus' | 'service' | 'http' | 'client' | 'lines'>) {
    ({ dir: this.dir, bus: this.bus, service: this.service, http: this.http, client: this.client, lines: this.lines } = parts);
  }

  static async start({ env = {}, rules: added = {}, dir, bus = new RecordingBus() }: HarnessOptions = {}): Promise<Harness> {
    const home = dir ?? (await tempDir('media'));
    const rules = join(home.path, 'collections.json');
    await writeFile(rules, JSON.stringify({ ...collections, ...added }));
    const settings = readSettings({ DATA_DIR: home.path, MEDIA_COLLECTIONS: rules, MEDIA_GRPC_ADDR: '127.0.0.1:0', MEDIA_HTTP_ADDR: '127.0.0.1:0', ...env }, ['media']);
    const lines: string[] = [];
    const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
    let publicUrl = '';
    const service = await createMediaService({ settings, log, bus, publicUrl: () => publicUrl, providers: createProviders(settings, log) });
    const http = await startMediaHttp({ address: settings.MEDIA_HTTP_ADDR, routes: service.routes, registry: service.registry, parts: () => service.parts(), log });
    publicUrl = http.url;
    const client = new MediaService(formatHostPort(service.grpcAddress), credentials.createInsecure());
    return new Harness({ dir: home, bus, service, http, client, lines });
  }

  /** Ends all but the directory. */
  async stop(): Promise<void> {
    this.client.close();
    await this.http.stop();
    await this.service.stop();
  }

  async close(): Promise<void> {
    await this.stop();
    await this.dir.remove();
  }

  /** An upload as a proper client does it. */
  upload(meta: UploadMetaInput, bytes: Buffer): Promise<Media> {
    const chunks: UploadFileRequestInput[] = [];
    for (let start = 0; start < bytes.length; start += 65_536) chunks.push({ chunk: bytes.subarray(start, start + 65_536) });
    const finish = { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
    return this.send([{ meta: { ...image, ...meta } }, ...chunks, { finish }]);
  }

  /** An upload with these messages and nothing else. */
  send(messages: UploadFileRequestInput[]): Promise<Media> {
    return new Promise((resolve, reject) => {
      const call = this.client.UploadFile({ deadline: Date.now() + 20_000 }, (error, media) => (media ? resolve(media) : reject(error ?? new Error('no answer'))));
      for (const message of messages) call.write(message);
      call.end();
    });
  }

  async filesOf(modelId: string, collectionName = ''): Promise<Media[]> {
    const { media } = await unary(this.client, methods.GetFilesByModel, { model_type: 'User', model_id: modelId, collection_name: collectionName }, 5_000);
    return media;
  }

  /** How many files the byte store has, and how many of them are not complete. */
  async blobs(): Promise<{ complete: number; temporary: number }> {
    const entries = await readdir(join(this.dir.path, 'blobs'), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    const complete = files.filter((name) => /^[0-9a-f]{64}$/.test(name)).length;
    return { complete, temporary: files.length - complete };
  }
}

export const image = { model_type: 'User', model_id: '1', collection_name: 'avatars', file_name: 'me.png' };

/** The code of the closed list that a failed call carries, or undefined. */
export function codeOf(error: unknown): string | undefined {
  const metadata = error instanceof Error && 'metadata' in error && error.metadata instanceof Metadata ? error.metadata : new Metadata();
  const [code] = metadata.get('error-code');
  return typeof code === 'string' ? code : undefined;
}
