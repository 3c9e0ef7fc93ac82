/**
 * The clients: they upload, replace and delete over gRPC as the gateway does, and go on when the service is killed under their hands.
 * Invariant: an upload that was not answered is sent again with its idempotency key, or given up for good; never both.
 */
import { credentials } from '@grpc/grpc-js';
import type { MediaServiceClient } from '../../src/contract/generated/media/v1/MediaService.js';
import { MediaService } from '../../src/contract/services.js';
import { streamUpload } from '../../src/gateway/media-upload.js';
import { pause } from '../../src/runtime/backoff.js';
import { unary } from '../../src/runtime/grpc.js';
import { png } from '../media/images.js';
import type { Random } from '../soak/random.js';
import { fileOf, sha256Of } from '../support/streaming-upload.js';
import { Ledger, type UploadRecord } from './ledger.js';

export const fileOwners = Array.from({ length: 24 }, (_, index) => `owner-${index}`);
/** Of the collection that keeps one file. */
export const avatarOwners = Array.from({ length: 6 }, (_, index) => `face-${index}`);

/** Contents that several owners have. */
const sharedContents = 8;

/** After an answer that did not come, in milliseconds: about what the service needs to be back. */
const retryPauseMs = 60;

interface Content {
  seed: string;
  size: number;
  /** Milliseconds between two chunks. */
  chunkPauseMs: number;
}

/** Reconnects at once: a service that is back is to be used at once. */
export function connectClient(address: string): MediaServiceClient {
  return new MediaService(address, credentials.createInsecure(), { 'grpc.initial_reconnect_backoff_ms': 30, 'grpc.max_reconnect_backoff_ms': 100 });
}

export class Writers {
  readonly ledger = new Ledger();
  readonly #client: MediaServiceClient;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>[];
  #uploads = 0;
  #failure: unknown;

  /** Begins at once. `random` decides what they do; when, the machine decides. `client` stays the caller's. */
  constructor(client: MediaServiceClient, random: Random) {
    this.#client = client;
    const slow = ['slow-0', 'slow-1', 'slow-2'].map((name) => this.#run(random.fork(name), (own) => this.#uploadFile(own, largeContent(own, name))));
    const quick = ['quick-0', 'quick-1', 'quick-2'].map((name) => this.#run(random.fork(name), (own) => this.#doSomething(own)));
    this.#running = [...slow, ...quick];
    for (const running of this.#running) running.catch((error: unknown) => (this.#failure ??= error));
  }

  /** @throws what one of them did not foresee. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** What they have done so far, in a few words. */
  get summary(): string {
    const { uploads, deletions } = this.ledger;
    const done = uploads.filter(({ acknowledged }) => acknowledged).length;
    return `${done} of ${uploads.length} uploads and ${[...deletions.values()].filter(({ acknowledged }) => acknowledged).length} of ${deletions.size} deletions acknowledged`;
  }

  /** Ends what they are doing with its answer, or without; no call is in flight afterwards. @throws what was not foreseen. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
  }

  async #run(random: Random, work: (random: Random) => Promise<void>): Promise<void> {
    // One after the other: this is one client.
    // oxlint-disable-next-line no-await-in-loop
    do await work(random);
    // oxlint-disable-next-line no-await-in-loop
    while (await pause(random.between(1, 25), this.#stopping.signal));
  }

  #doSomething(random: Random): Promise<void> {
    const dice = random.next();
    if (dice < 0.25) return this.#delete(random);
    if (dice < 0.4) return this.#replaceAvatar(random);
    return this.#uploadFile(random, random.chance(0.5) ? sharedContent(random) : smallContent(random));
  }

  async #uploadFile(random: Random, { seed, size, chunkPauseMs }: Content): Promise<void> {
    const owner = { modelType: 'Proof', modelId: random.pick(fileOwners), collectionName: 'files' };
    const upload = this.#begin(owner, 'bin', { sha256: sha256Of(fileOf(seed, size)), size });
    await this.#uploadUntilAnswered(upload, random, () => slowly(fileOf(seed, size), chunkPauseMs));
  }

  async #replaceAvatar(random: Random): Promise<void> {
    const image = avatarImage(random.below(8));
    const owner = { modelType: 'User', modelId: random.pick(avatarOwners), collectionName: 'avatars' };
    const upload = this.#begin(owner, 'png', { sha256: sha256Of([image]), size: image.length });
    await this.#uploadUntilAnswered(upload, random, () => slowly([image], 0));
  }

  #begin(owner: Pick<UploadRecord, 'modelType' | 'modelId' | 'collectionName'>, extension: string, content: { sha256: string; size: number }): UploadRecord {
    this.#uploads += 1;
    const upload = { ...owner, ...content, fileName: `u${this.#uploads}.${extension}`, attempts: 0, acknowledged: undefined };
    this.ledger.add(upload);
    return upload;
  }

  async #uploadUntilAnswered(upload: UploadRecord, random: Random, bytes: () => AsyncIterable<Buffer>): Promise<void> {
    const isPatient = random.chance(0.8);
    const meta = {
      model_type: upload.modelType,
      model_id: upload.modelId,
      collection_name: upload.collectionName,
      file_name: upload.fileName,
      idempotency_key: isPatient || random.chance(0.5) ? upload.fileName : '',
    };
    const media = await this.#untilAnswered(isPatient, () => {
      upload.attempts += 1;
      return streamUpload(this.#client, meta, bytes());
    });
    if (media) this.ledger.acknowledge(upload, media, { lasting: upload.collectionName === 'files' });
  }

  async #delete(random: Random): Promise<void> {
    const deletion = this.ledger.beginDeletion((count) => random.below(count));
    if (!deletion) return;
    const ask = () => unary(this.#client, MediaService.service.DeleteFile, { id: deletion.id }, 10_000);
    if (await this.#untilAnswered(random.chance(0.8), ask)) deletion.acknowledged = true;
  }

  /** Undefined when the service went away, and whoever asks is not patient, or has to stop. @throws what it answered in place of that. */
  async #untilAnswered<T>(isPatient: boolean, ask: () => Promise<T>): Promise<T | undefined> {
    for (;;) {
      try {
        // Each try follows a failed one.
        // oxlint-disable-next-line no-await-in-loop
        return await ask();
      } catch (error) {
        if (!isOutage(error)) throw error;
      }
      // oxlint-disable-next-line no-await-in-loop
      if (!isPatient || !(await pause(retryPauseMs, this.#stopping.signal))) return undefined;
    }
  }
}

/** UNAVAILABLE: nobody is there; others when the connection breaks in the middle of a call. */
function isOutage(error: unknown): boolean {
  return error instanceof Error && /UNAVAILABLE|CANCELLED|ECONNRESET|RST_STREAM|Connection dropped/.test(error.message);
}

async function* slowly(chunks: Iterable<Buffer>, chunkPauseMs: number): AsyncGenerator<Buffer, void, undefined> {
  for (const chunk of chunks) {
    yield chunk;
    // oxlint-disable-next-line no-await-in-loop -- it is what makes it slow
    if (chunkPauseMs > 0) await pause(chunkPauseMs);
  }
}

function avatarImage(number: number): Buffer {
  return png(8, 8, `${number}`.padEnd(1_000 + number * 5_000, '.'));
}

/** Takes a while to arrive, so that a kill at any moment hits one. */
function largeContent(random: Random, name: string): Content {
  return { seed: `${name}-${random.next()}`, size: random.below(3_000_000) + 300_000, chunkPauseMs: random.between(8, 20) };
}

function smallContent(random: Random): Content {
  return { seed: `small-${random.next()}`, size: random.below(150_000) + 1, chunkPauseMs: 0 };
}

function sharedContent(random: Random): Content {
  const number = random.below(sharedContents);
  return { seed: `shared-${number}`, size: 1_000 + number * 30_000, chunkPauseMs: 0 };
}
