/**
 * One try to get a file from outside: resolve it where a provider has it, download it into the byte store, compare it with what was announced.
 * Invariant: what it gives is complete and staged, not committed; a try that fails leaves nothing behind.
 */
import { AppError } from '../../contract/errors.js';
import type { BlobStore, StagedBlob } from '../bytes/blob-store.js';
import type { FetchedFile, ImportSource } from './fetched-file.js';
import { nameOf } from './file-name.js';
import type { Answer, GuardedFetch } from './guarded-fetch.js';
import { HostSet } from './host-set.js';
import { FileTooLarge, failureOfStatus, ImportFailure } from './import-failure.js';
import type { LiveBytes } from './live-bytes.js';
import { sha256Hex, type MediaProvider, type ResolvedMedia } from './provider.js';
import { providerAnswer } from './provider-answer.js';
import type { ProviderAnswer } from './provider-call.js';

export interface DownloadTimeouts {
  /** Default 10,000. Milliseconds until a provider has answered whole. */
  resolveMs: number;
  /** Default 30,000. Milliseconds until a download begins, and between its bytes. */
  downloadMs: number;
  /** Default 300,000. Milliseconds for all of a download. */
  totalMs: number;
}

export interface DownloadOptions {
  /** A fetch that may call `namedHosts` by plain HTTP and at private addresses, besides those that are allowed to all. */
  fetchFor: (namedHosts: readonly string[]) => GuardedFetch;
  blobs: Pick<BlobStore, 'stage'>;
  providers: readonly MediaProvider[];
  timeouts?: Partial<DownloadTimeouts>;
}

export interface Try {
  /** Asked for each chunk. */
  maxBytes: () => number;
  signal: AbortSignal;
  /** Called before each call to the outside. */
  onCall: () => void;
  /** Shows the bytes as they arrive. */
  live?: LiveBytes | undefined;
}

export type Download = FetchedFile & StagedBlob;

/** A provider, and the fetch that is its own. */
interface Provider {
  readonly provider: MediaProvider;
  readonly fetch: GuardedFetch;
}

/** A file that is known to be somewhere. */
interface Located extends Omit<ResolvedMedia, 'allowedHosts'> {
  readonly fetch: GuardedFetch;
  /** Of a URL that a client named: it may name the file. */
  readonly path?: string;
  /** What was said of it beforehand: hex or base64. */
  readonly announcedSha256?: string | undefined;
}

export class Downloads {
  readonly #options: DownloadOptions;
  readonly #timeouts: DownloadTimeouts;
  /** For URLs that clients name. */
  readonly #fetch: GuardedFetch;
  readonly #providers: ReadonlyMap<string, Provider>;

  constructor(options: DownloadOptions) {
    this.#options = options;
    this.#fetch = options.fetchFor([]);
    this.#providers = new Map(options.providers.map((provider) => [provider.name, { provider, fetch: options.fetchFor(provider.namedHosts) }]));
    this.#timeouts = { resolveMs: 10_000, downloadMs: 30_000, totalMs: 300_000, ...options.timeouts };
  }

  /** @throws ImportFailure `refused` for a source that is never asked. */
  check(source: ImportSource): void {
    if (source.kind === 'url') this.#fetch.check(source.url);
    else this.#provider(source.provider);
  }

  /** The caller discards it in the end. @throws ImportFailure; AppError FILE_TOO_LARGE, EMPTY_FILE; and what the byte store throws. */
  async get(source: ImportSource, attempt: Try): Promise<Download> {
    if (source.kind === 'url') return this.#download({ url: source.url, headers: {}, fetch: this.#fetch, path: new URL(source.url).pathname }, attempt);
    const located = await this.#resolve(source, attempt);
    try {
      return await this.#download(located, attempt);
    } catch (error) {
      // The provider has the media: what is gone is the URL.
      if (error instanceof ImportFailure && error.kind === 'gone') throw new ImportFailure('dead-link', error.message, { cause: error });
      throw error;
    }
  }

  async #resolve({ provider: name, id, sha256: announcedSha256 }: ImportSource & { kind: 'provider' }, { signal, onCall }: Try): Promise<Located> {
    const { provider, fetch } = this.#provider(name);
    const get = (url: string, headers: Readonly<Record<string, string>>): Promise<ProviderAnswer> => {
      fetch.check(url);
      onCall();
      const { resolveMs } = this.#timeouts;
      return fetch.get({ url, headers, signal, answerMs: resolveMs, idleMs: resolveMs, totalMs: resolveMs }, providerAnswer);
    };
    const { allowedHosts, ...resolved } = await asked(provider.resolve(id, { signal, fetch: get }));
    if (!URL.canParse(resolved.url)) throw new ImportFailure('transient', 'The provider gave no usable answer.');
    if (new HostSet(allowedHosts).has(new URL(resolved.url))) return { ...resolved, fetch, announcedSha256 };
    throw new ImportFailure('refused', 'The provider named a host that its media are not taken from.');
  }

  #provider(name: string): Provider {
    const found = this.#providers.get(name);
    if (found) return found;
    const known = [...this.#providers.keys()].join(', ') || 'none';
    throw new ImportFailure('refused', `There is no such provider here; known: ${known}.`);
  }

  #download(file: Located, attempt: Try): Promise<Download> {
    const { url, headers, fetch, path } = file;
    fetch.check(url);
    attempt.onCall();
    const { downloadMs, totalMs } = this.#timeouts;
    const limits = { answerMs: downloadMs, idleMs: downloadMs, totalMs };
    return fetch.get({ url, headers, signal: attempt.signal, ...limits }, async (answer) => {
      checkHead(answer, file, attempt.maxBytes());
      const hints = { given: file.fileName, disposition: answer.headers['content-disposition'], path, declaredType: file.mimeType ?? answer.headers['content-type'] };
      const named = (head: Buffer): Promise<string> => nameOf({ ...hints, head });
      const body = capped(answer.body, attempt.maxBytes);
      const staged = await this.#options.blobs.stage(attempt.live?.pass(body, { size: announcedSize(answer, file), nameOf: named }) ?? body);
      try {
        checkBytes(staged, file);
        return { ...staged, fileName: await named(staged.head), fetchedAt: new Date().toISOString() };
      } catch (error) {
        await staged.discard();
        throw error;
      }
    });
  }
}

/** What a provider makes of an answer that it does not understand is as good as no answer. */
async function asked(resolving: Promise<ResolvedMedia>): Promise<ResolvedMedia> {
  try {
    return await resolving;
  } catch (error) {
    if (error instanceof ImportFailure) throw error;
    throw new ImportFailure('transient', 'The provider gave no usable answer.', { cause: error });
  }
}

function checkHead(answer: Answer, file: Located, maxBytes: number): void {
  const { status, headers } = answer;
  if (status !== 200) throw failureOfStatus(status, headers['retry-after']);
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') throw new ImportFailure('gone', `The source gives the file only in an encoding that was not asked for.`);
  if ((announcedSize(answer, file) ?? 0) > maxBytes) throw new FileTooLarge(maxBytes);
  const { mimeType } = file;
  if (isHtml(headers['content-type']) && mimeType !== undefined && !isHtml(mimeType)) throw new ImportFailure('corrupt', 'The source gave a web page in place of the file.');
}

/** Undefined: nobody has said how many bytes there will be. */
function announcedSize({ headers }: Answer, { size }: Located): number | undefined {
  const length = headers['content-length'];
  return length === undefined ? size : Number(length);
}

function checkBytes(staged: StagedBlob, { sha256 = '', announcedSha256 = '', size }: Located): void {
  const isAnother = [sha256, announcedSha256].map(sha256Hex).some((expected) => expected !== undefined && expected !== staged.sha256);
  const differs = isAnother || (size !== undefined && size !== staged.size);
  if (differs) throw new ImportFailure('corrupt', 'The bytes that the source gave are not those that were announced.');
  if (staged.size === 0) throw new AppError('EMPTY_FILE', 'The file is empty.');
}

function isHtml(type: string | undefined): boolean {
  return /^\s*text\/html\b/i.test(type ?? '');
}

async function* capped(chunks: AsyncIterable<Buffer>, maxBytes: () => number): AsyncGenerator<Buffer, void, undefined> {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > maxBytes()) throw new FileTooLarge(maxBytes());
    yield chunk;
  }
}
