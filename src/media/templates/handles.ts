/**
 * The handles under which a provider has files of ours: uploaded when they are needed first, and again before they end or when they are refused.
 * Invariant: however many ask on however many instances, a file is uploaded once at a time, and whoever waited uses what came of it.
 */
import { randomUUID } from 'node:crypto';
import { pause } from '../../runtime/backoff.js';
import type { Logger } from '../../runtime/logger.js';
import type { BlobStore } from '../bytes/blob-store.js';
import type { Post } from '../import/provider-call.js';
import { count, type Counters } from '../rows/counters.js';
import type { HandleFailure, HandleKey, HandleLease, HandleStore } from './handle-store.js';
import type { HeaderFile } from './send-store.js';
import { SendFailure } from './send-failure.js';
import type { Handle, TemplateChannel } from './template-channel.js';

export interface HandlesOptions {
  provider: string;
  channel: Pick<TemplateChannel, 'account' | 'upload'>;
  store: HandleStore;
  blobs: Pick<BlobStore, 'open'>;
  counters: Pick<Counters, 'add'>;
  post: Post;
  log: Logger;
  /** Milliseconds since 1970. */
  now: () => number;
  /** Aborted when the service stops. */
  signal: AbortSignal;
  /** Milliseconds that an upload may take. */
  uploadMs: number;
  /** Default 10,000. Milliseconds after which a file is uploaded by somebody else when whoever began it has died; renewed while it goes on. */
  leaseMs?: number;
}

const dayMs = 86_400_000;
/** A handle with so much left is refreshed, one with more is not. */
const refreshBeforeMs = 7 * dayMs;
const lookAgainMs = 100;

export class Handles {
  readonly #options: Required<HandlesOptions>;

  constructor({ leaseMs = 10_000, ...options }: HandlesOptions) {
    this.#options = { ...options, leaseMs };
  }

  /**
   * A handle of the file that lasts for more than seven days yet, where one can be had, and is not `refused`. Takes as long as two uploads at most.
   * @throws SendFailure when there is none.
   */
  async of(file: HeaderFile, refused?: string): Promise<string> {
    const { store, now, leaseMs, uploadMs, signal } = this.#options;
    const lease = { key: this.#key(file), token: randomUUID() };
    const giveUpAt = performance.now() + uploadMs;
    // Each look follows from the one before.
    // oxlint-disable no-await-in-loop
    for (let failuresSeen: number | undefined; ; await pause(lookAgainMs, signal)) {
      const known = await store.find(lease.key, new Date(now()));
      const usable = known?.handle?.id === refused ? undefined : known?.handle;
      if (usable && this.#lasts(usable, refreshBeforeMs)) return usable.id;
      if (!known?.isBeingRefreshed) {
        // Of an upload that was waited for.
        if (known?.failure && failuresSeen !== undefined && known.failures > failuresSeen) throw asFailure(known.failure);
        if (await store.claim(lease, file, known?.handle?.id, new Date(now()), new Date(now() + leaseMs))) return this.#refresh(lease, file, usable);
      }
      // Somebody uploads it. One that has not ended yet need not wait for that.
      if (usable && this.#lasts(usable, 0)) return usable.id;
      failuresSeen ??= known?.failures ?? 0;
      if (signal.aborted || performance.now() >= giveUpAt) throw new SendFailure('unsent', notUploaded);
    }
    // oxlint-enable no-await-in-loop
  }

  /** It was sent with: it is worth keeping fresh. */
  async used(file: HeaderFile): Promise<void> {
    await this.#options.store.use(this.#key(file), new Date(this.#options.now()));
  }

  /** The files that were sent with since they were uploaded and whose handles end within seven days. What has ended for good is forgotten. */
  async ending(): Promise<HeaderFile[]> {
    const { provider, channel, store, now } = this.#options;
    await store.forget(new Date(now() - refreshBeforeMs));
    return store.ending(provider, channel.account, new Date(now() + refreshBeforeMs));
  }

  #key({ sha256 }: HeaderFile): HandleKey {
    const { provider, channel } = this.#options;
    return { provider, account: channel.account, sha256 };
  }

  #lasts({ expiresAt }: Handle, ms: number): boolean {
    return expiresAt.getTime() - this.#options.now() > ms;
  }

  /** `usable`: what there is if it fails. */
  async #refresh(lease: HandleLease, file: HeaderFile, usable: Handle | undefined): Promise<string> {
    const { store, counters, log, now, leaseMs } = this.#options;
    // A renewal that fails may cost a second upload.
    const renewing = setInterval(() => void store.renew(lease, new Date(now() + leaseMs)).catch(() => undefined), leaseMs / 3);
    try {
      const handle = await this.#upload(file).finally(() => clearInterval(renewing));
      await store.put(lease, handle, new Date(now()));
      await count(counters, { handle_refreshes: 1 }, log);
      log.info({ ...lease.key, handle: handle.id, before: usable?.id }, 'a media was uploaded to the provider');
      return handle.id;
    } catch (error) {
      await count(counters, { handle_refresh_failures: 1 }, log);
      const failure = asRefreshFailure(error);
      await store.fail(lease, failure);
      log.warn({ ...lease.key, err: error }, 'a media could not be uploaded to the provider');
      if (usable && this.#lasts(usable, 0)) return usable.id;
      throw failure;
    }
  }

  async #upload(file: HeaderFile): Promise<Handle> {
    const { channel, blobs, post } = this.#options;
    const bytes = await blobs.open(file.sha256);
    if (!bytes) throw new SendFailure('rejected', 'The file of the header is not there any more.');
    try {
      return await channel.upload(file, bytes, post);
    } finally {
      bytes.destroy();
    }
  }
}

const notUploaded = 'The media of the header could not be uploaded to the provider.';

/** Whatever became of the upload, no message was sent. */
function asRefreshFailure(error: unknown): SendFailure {
  if (!(error instanceof SendFailure)) return new SendFailure('unsent', notUploaded, { cause: error });
  const { kind, message, providerCode, retryAfterMs } = error;
  if (kind !== 'unknown' && kind !== 'media') return error;
  return new SendFailure(kind === 'media' ? 'rejected' : 'unsent', kind === 'media' ? message : notUploaded, { cause: error, providerCode, retryAfterMs });
}

/** Of somebody else's upload. */
function asFailure({ kind, message, providerCode }: HandleFailure): SendFailure {
  return new SendFailure(kind, message, { providerCode });
}
