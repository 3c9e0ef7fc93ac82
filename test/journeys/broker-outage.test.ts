/**
 * RabbitMQ killed while files are uploaded to the real media service, past the gateways: what is served is never older than the bound,
 * and what the media service could not announce meanwhile is announced and applied once the broker is back.
 * Staleness is measured from the acknowledgement of an upload to the sending of a query that still answers an older file.
 */
import { credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { MediaService } from '../../src/contract/services.js';
import type { MediaServiceClient } from '../../src/contract/generated/media/v1/MediaService.js';
import { pause } from '../../src/runtime/backoff.js';
import { onePixelPng, query } from '../support/graphql.js';
import { percentile, repeat, report, timed, type Repetition } from '../support/latency.js';
import { partsOf, startGateway, startMediaService, type Program } from '../support/programs.js';
import { startRabbitMQ, type RabbitMQ } from '../support/servers/rabbitmq.js';
import { sharedRedis } from '../support/servers/shared.js';
import { tempDir, waitFor, type TempDir } from '../support/wait.js';

/** `OUTAGE_SECONDS=60` shows the full minute; what is compared stays the same. */
const outageMs = Number(process.env['OUTAGE_SECONDS'] ?? '8') * 1_000;
const boundMs = 2_000;
/** Of the broker being back, in milliseconds: the bound that users are promised. */
const recovery = { timeoutMs: 10_000 };
const owners = Array.from({ length: 12 }, (_, index) => `owner-${index}`);
const avatars = `{ ${owners.map((id, index) => `o${index}: modelMedia(modelType: "User", modelId: "${id}", collectionName: "avatars") { fileName }`).join(' ')} }`;

/** Uploads one version after the other, of each owner in turn, and remembers when each was acknowledged. */
class Writer {
  /** Per owner, the times of its versions 0, 1, 2, … */
  readonly acknowledged = owners.map((): number[] => []);
  readonly #client: MediaServiceClient;

  constructor(grpcAddress: string) {
    this.#client = new MediaService(grpcAddress, credentials.createInsecure());
  }

  async writeAll(): Promise<void> {
    for (const index of owners.keys()) await this.#write(index);
  }

  start(): Repetition {
    let next = 0;
    return repeat(() => this.#write(next++ % owners.length), { pauseMs: 50 });
  }

  close(): void {
    this.#client.close();
  }

  async #write(index: number): Promise<void> {
    const versions = this.acknowledged[index] ?? [];
    const bytes = Buffer.from(await onePixelPng().arrayBuffer());
    const meta = { model_type: 'User', model_id: owners[index] ?? '', collection_name: 'avatars', file_name: `v${versions.length}.png` };
    await new Promise<void>((resolve, reject) => {
      const call = this.#client.UploadFile({ deadline: Date.now() + 20_000 }, (error) => (error ? reject(error) : resolve()));
      for (const part of [{ meta }, { chunk: bytes }, { finish: { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') } }]) call.write(part);
      call.end();
    });
    versions.push(performance.now());
  }
}

/** Reads all owners through one gateway, again and again, and weighs each answer when it comes. */
class Reader {
  /** Milliseconds that an answer was older than an acknowledged upload, at worst; since the last `reset`. */
  worstMs = 0;
  /** Answers that were older than an acknowledged upload, by whatever little. */
  stale = 0;
  readonly durations: number[] = [];
  readonly #url: string;
  readonly #writer: Writer;

  constructor(gateway: Program, writer: Writer) {
    this.#url = gateway.url;
    this.#writer = writer;
  }

  start(): Repetition {
    return repeat(() => this.#read(), { pauseMs: 10 });
  }

  reset(): void {
    Object.assign(this, { worstMs: 0, stale: 0 });
    this.durations.length = 0;
  }

  /** True when all owners are answered with what was acknowledged before the question. */
  async isFresh(): Promise<boolean> {
    return (await this.#read()) === 0;
  }

  /** How many of the owners were answered with an older file. */
  async #read(): Promise<number> {
    const asked = performance.now();
    const { data, errors } = await timed(this.durations, () => query(this.#url, avatars));
    expect(errors).toBeUndefined();
    const ages = owners.map((_, index) => asked - this.#supersededAt(index, JSON.stringify(data?.[`o${index}`])));
    const stale = ages.filter((ms) => ms > 0);
    this.stale += stale.length;
    this.worstMs = Math.max(this.worstMs, ...stale);
    return stale.length;
  }

  /** When the version after the one that was answered was acknowledged; never yet: Infinity. */
  #supersededAt(index: number, answer: string): number {
    const version = /"v(\d+)\.png"/.exec(answer)?.[1];
    if (version === undefined) throw new Error(`${owners[index]} was answered with ${answer}`);
    return this.#writer.acknowledged[index]?.[Number(version) + 1] ?? Infinity;
  }
}

describe('RabbitMQ, killed during uploads', () => {
  let data: TempDir;
  let rabbitmq: RabbitMQ;
  let media: Program;
  let writer: Writer;
  let gateways: Program[];
  const running: Repetition[] = [];

  beforeAll(async () => {
    [data, rabbitmq] = await Promise.all([tempDir('broker-outage'), startRabbitMQ()]);
    media = await startMediaService({ DATA_DIR: data.path, RABBITMQ_ADDR: rabbitmq.url });
    writer = new Writer(media.grpcAddress);
    const gatewayWith = (maxAgeSeconds: number): Promise<Program> => {
      const { url, keyPrefix } = sharedRedis();
      const cache = { REDIS_ADDR: url, CACHE_KEY_PREFIX: keyPrefix, EVENTS_QUEUE_PREFIX: keyPrefix, CACHE_UNSYNCED_MAX_AGE_SECONDS: String(maxAgeSeconds) };
      return startGateway({ ...cache, MEDIA_SERVICE_ADDR: media.grpcAddress, RABBITMQ_ADDR: rabbitmq.url });
    };
    gateways = await Promise.all([gatewayWith(boundMs / 1_000), gatewayWith(86_400)]);
  });
  afterAll(async () => {
    await Promise.allSettled(running.map((repetition) => repetition.stop()));
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    writer.close();
    await media.stop();
    await rabbitmq.stop();
    await data.remove();
  });

  it(
    'serves nothing beyond the bound, and is fresh by the events that waited, not by age, once the broker is back',
    async () => {
      const [bounded, patient] = gateways.map((gateway) => new Reader(gateway, writer));
      if (!bounded || !patient) throw new Error('there are two gateways');
      const readers = [bounded, patient];
      await writer.writeAll();
      for (const reader of readers) await waitFor(() => reader.isFresh(), { what: 'the first versions' });

      await rabbitmq.kill();
      for (const reader of readers) reader.reset();
      running.push(writer.start(), ...readers.map((reader) => reader.start()));
      await pause(outageMs);
      const during = { boundedMs: bounded.worstMs, patientMs: patient.worstMs, stale: bounded.stale, slowestMs: percentile(bounded.durations, 100), reads: bounded.durations.length };

      await rabbitmq.start();
      const back = performance.now();
      const isConnected = async ({ url }: Program): Promise<boolean> => (await partsOf(url)).broker === 'connected';
      for (const gateway of gateways) await waitFor(() => isConnected(gateway), { what: 'the gateway to be connected again', ...recovery });
      await running[0]?.stop();
      await Promise.all(readers.map((reader) => waitFor(() => reader.isFresh(), { what: 'all to be fresh', ...recovery })));
      const freshMs = performance.now() - back;
      for (const repetition of running) await repetition.stop();

      report(
        `broker away for ${outageMs} ms, bound ${boundMs} ms: at worst ${during.boundedMs.toFixed(0)} ms stale (${during.stale} stale answers in ${during.reads} reads, slowest ${during.slowestMs.toFixed(0)} ms), ` +
          `without the bound ${during.patientMs.toFixed(0)} ms; all fresh ${freshMs.toFixed(0)} ms after the broker was back, meanwhile ${bounded.worstMs.toFixed(0)} ms stale at worst`,
      );
      // The cache was in use, and without the bound there would have been something to see.
      expect(during.stale).toBeGreaterThan(0);
      expect(during.patientMs).toBeGreaterThan(2 * boundMs);
      // An entry is filled at the latest one read after the upload that it missed; a tenth is for clocks and timers.
      expect(during.boundedMs).toBeLessThanOrEqual(1.1 * boundMs + during.slowestMs);
    },
    outageMs + 90_000,
  );
});
