/**
 * `media import`: files from elsewhere, several at a time.
 * Invariant: one that fails is told and counted, and changes nothing for the others.
 */
import { AppError } from '../../contract/errors.js';
import { checkIdentifier } from '../../contract/identifier.js';
import type { CollectionKey } from '../rows/media-store.js';
import { formatBytes } from '../upkeep/byte-size.js';
import { inParallel, readWords, UsageError, type CommandContext, type CommandCore, type MediaCommand } from './command.js';

/** The keys are those of `--json`. */
interface Imported {
  sha256: string;
  bytes: number;
  bytes_human: string;
  mime_type: string;
  file_name: string;
  /** With an owner. */
  media_id?: string;
  /** Without one; absent when media has the same bytes, which keeps them. */
  kept_until?: string;
}

interface Failed {
  code: string;
  message: string;
}

/** @throws UsageError */
export function readImport(words: readonly string[]): MediaCommand {
  const { values, positionals: urls } = readWords(words, { owner: { type: 'string' }, collection: { type: 'string' }, json: { type: 'boolean' } });
  if (urls.length === 0) throw new UsageError('What is to be imported is missing: a URL, or several.');
  const { json = false } = values;
  const collection = readCollection(values);
  return async ({ core, concurrency, signal, ...speech }) => {
    const report = new Report(urls.length, json, speech);
    await inParallel(urls, concurrency, signal, async (url) => {
      report.begin(url);
      try {
        report.done(url, await (collection ? add(core, url, collection) : keep(core, url)));
      } catch (error) {
        if (!signal.aborted) report.failed(url, describe(error));
      }
    });
    return report.end();
  };
}

function readCollection({ owner, collection }: { owner?: string; collection?: string }): CollectionKey | undefined {
  if (owner === undefined && collection === undefined) return undefined;
  if (owner === undefined || collection === undefined) throw new UsageError('An owner and its collection are named together.');
  const { modelType = '', modelId = '' } = /^(?<modelType>[^/]+)\/(?<modelId>.+)$/s.exec(owner)?.groups ?? {};
  try {
    checkIdentifier('The model type of --owner Type/id', modelType);
    checkIdentifier('The model id of --owner Type/id', modelId);
    checkIdentifier('The collection', collection);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
  return { modelType, modelId, collectionName: collection };
}

async function add({ library }: CommandCore, url: string, collection: CollectionKey): Promise<Imported> {
  const request = { ...collection, fileName: '', name: '', customProperties: '', idempotencyKey: '' };
  const { id, sha256, size, mimeType, fileName } = await library.import(request, { kind: 'url', url });
  return { sha256, bytes: size, bytes_human: formatBytes(size), mime_type: mimeType, file_name: fileName, media_id: id };
}

async function keep({ importer }: CommandCore, url: string): Promise<Imported> {
  const { blob, fileName } = await importer.keepCopy({ kind: 'url', url });
  const { sha256, size, mimeType, keptUntil } = blob;
  return { sha256, bytes: size, bytes_human: formatBytes(size), mime_type: mimeType, file_name: fileName, ...(keptUntil && { kept_until: keptUntil }) };
}

function describe(error: unknown): Failed {
  if (error instanceof AppError) return { code: error.code, message: error.message };
  return { code: 'INTERNAL_SERVER_ERROR', message: error instanceof Error ? error.message : String(error) };
}

type Speech = Pick<CommandContext, 'print' | 'printJson' | 'progress'>;

/** Tells of each import, and counts. */
class Report {
  readonly #total: number;
  readonly #json: boolean;
  readonly #speech: Speech;
  readonly #active: string[] = [];
  #imported = 0;
  #failed = 0;

  constructor(total: number, json: boolean, speech: Speech) {
    this.#total = total;
    this.#json = json;
    this.#speech = speech;
  }

  begin(url: string): void {
    this.#active.push(url);
    if (!this.#speech.progress.isLive) this.#speech.progress.say(`fetching ${url}`);
    this.#show();
  }

  done(url: string, imported: Imported): void {
    this.#imported += 1;
    this.#ended(url, `${this.#position()} stored ${url}: ${inWords(imported)}`, { url, ok: true, ...imported });
  }

  failed(url: string, failure: Failed): void {
    this.#failed += 1;
    this.#ended(url, `${this.#position()} failed ${url}: ${failure.message}`, { url, ok: false, ...failure });
  }

  /** The exit code. */
  end(): number {
    const { progress, print } = this.#speech;
    progress.show([]);
    const left = this.#total - this.#imported - this.#failed;
    const failed = this.#failed > 0 ? `, ${this.#failed} failed` : '';
    if (!this.#json) print(`${this.#imported} of ${this.#total} imported${failed}${left > 0 ? `, ${left} not done` : ''}.`);
    return this.#imported === this.#total ? 0 : 1;
  }

  #ended(url: string, line: string, object: object): void {
    this.#active.splice(this.#active.indexOf(url), 1);
    this.#show();
    this.#speech.progress.say(line);
    if (this.#json) this.#speech.printJson(object);
  }

  #position(): string {
    return `[${this.#imported + this.#failed}/${this.#total}]`;
  }

  #show(): void {
    this.#speech.progress.show(this.#active.map((url) => `fetching ${url}`));
  }
}

function inWords({ sha256, bytes_human, mime_type, media_id, kept_until }: Imported): string {
  const place = media_id === undefined ? `kept ${kept_until === undefined ? 'as long as the media that has it' : `until ${kept_until}`}` : `media ${media_id}`;
  return `${bytes_human}, ${mime_type}, sha256 ${sha256}, ${place}`;
}
