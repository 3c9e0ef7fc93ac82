/**
 * A client that reads what was acknowledged while the others are at work and the service is killed: bytes that go and come back would be there again at the end.
 * Invariant: what somebody has asked to delete counts no more, from before the reading until after it.
 */
import type { MediaServiceClient } from '../../src/contract/generated/media/v1/MediaService.js';
import { MediaService } from '../../src/contract/services.js';
import { unary } from '../../src/runtime/grpc.js';
import type { Random } from '../soak/random.js';
import { repeat, type Repetition } from '../support/latency.js';
import { hashOf } from './evidence.js';
import type { Ledger, UploadRecord } from './ledger.js';

/** Readings that came to an answer, and what was wrong with it, in words. */
export interface Readings {
  looked: number;
  violations: string[];
}

export class Reader {
  readonly readings: Readings = { looked: 0, violations: [] };
  readonly #client: MediaServiceClient;
  readonly #ledger: Ledger;
  readonly #random: Random;
  readonly #running: Repetition;

  /** Begins at once. `client` stays the caller's. */
  constructor(client: MediaServiceClient, ledger: Ledger, random: Random) {
    this.#client = client;
    this.#ledger = ledger;
    this.#random = random;
    this.#running = repeat(() => this.#readOne(), { pauseMs: 5 });
  }

  stop(): Promise<void> {
    return this.#running.stop();
  }

  async #readOne(): Promise<void> {
    const upload = this.#ledger.pickLasting((count) => this.#random.below(count));
    if (!upload?.acknowledged) return;
    const { id } = upload.acknowledged;
    const sha256 = await this.#read(id).catch(() => 'an outage');
    if (sha256 === 'an outage' || this.#ledger.deletions.has(id)) return;
    this.readings.looked += 1;
    if (sha256 !== upload.sha256) this.readings.violations.push(describe(upload, sha256));
  }

  /** Undefined: there is none. @throws Error when the service is away. */
  async #read(id: string): Promise<string | undefined> {
    const { results } = await unary(this.#client, MediaService.service.GetFileURLs, { ids: [id], expiry_seconds: 60, conversion: '' }, 5_000);
    const url = results[0]?.url ?? '';
    return url === '' ? undefined : hashOf(url);
  }
}

function describe({ fileName, acknowledged }: UploadRecord, sha256: string | undefined): string {
  return `media ${acknowledged?.id}, uploaded as ${fileName}, was ${sha256 === undefined ? 'not there' : 'other bytes'} for a while`;
}
