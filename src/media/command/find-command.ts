/** `media find`: what is stored under a hash, a source or an id, where it came from and who has it. */
import { sourceName, sourceNamed } from '../import/fetched-file.js';
import type { BlobRecord } from '../rows/blob-records.js';
import { idNumber, isUuid } from '../rows/media-row.js';
import type { Media } from '../rows/media-store.js';
import { formatBytes } from '../upkeep/byte-size.js';
import { mediaTypeOf } from '../upkeep/statistics.js';
import { readWords, UsageError, type CommandCore, type MediaCommand } from './command.js';

/** Rows of one blob that are shown. */
const maxMedia = 100;

interface Found {
  blob: BlobRecord;
  sources: readonly string[];
  media: readonly Media[];
  /** There are rows beyond `maxMedia`. */
  more: boolean;
}

/** @throws UsageError */
export function readFind(words: readonly string[]): MediaCommand {
  const { values, positionals } = readWords(words, { json: { type: 'boolean' } });
  const [name, ...others] = positionals;
  if (!name || others.length > 0) throw new UsageError('What is looked for is one hash, URL, provider:id, media id or uuid.');
  return async ({ core, print, printJson }) => {
    const blobs = await blobsOf(core, name);
    const found = await Promise.all(blobs.map((blob) => everythingOf(core, blob)));
    if (values.json) printJson({ found: found.map(asObject) });
    else if (found.length === 0) print(`Nothing is stored under ${name}.`);
    else for (const line of found.flatMap(asLines)) print(line);
    return found.length > 0 ? 0 : 1;
  };
}

async function blobsOf({ store, records, sources }: CommandCore, name: string): Promise<BlobRecord[]> {
  const lower = name.toLowerCase();
  if (/^[0-9a-f]{32}$/.test(lower)) return records.findByMd5(lower);
  const sha256 = /^[0-9a-f]{64}$/.test(lower) ? lower : await hashOfMedia(store, name);
  if (sha256 !== undefined) return present(await records.find(sha256));
  const source = sourceNamed(name);
  return present(source && (await sources.find(sourceName(source)))?.blob);
}

async function hashOfMedia(store: CommandCore['store'], name: string): Promise<string | undefined> {
  if (isUuid(name)) return (await store.findByUuid(name))?.sha256;
  const [media] = idNumber(name) === undefined ? [] : await store.findByIds([name]);
  return media?.sha256;
}

function present<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value];
}

async function everythingOf({ store, sources }: CommandCore, blob: BlobRecord): Promise<Found> {
  const media = await store.findByHash(blob.sha256, maxMedia + 1);
  return { blob, sources: await sources.of(blob.sha256), media: media.slice(0, maxMedia), more: media.length > maxMedia };
}

function asObject({ blob, sources, media, more }: Found): object {
  return {
    sha256: blob.sha256,
    md5: blob.md5,
    bytes: blob.size,
    bytes_human: formatBytes(blob.size),
    mime_type: blob.mimeType,
    type: mediaTypeOf(blob.mimeType),
    state: blob.state,
    created_at: blob.createdAt,
    verified_at: blob.verifiedAt ?? null,
    orphaned_at: blob.orphanedAt ?? null,
    kept_until: blob.keptUntil ?? null,
    sources,
    media: media.map(({ id, uuid, modelType, modelId, collectionName, fileName }) => ({
      id,
      uuid,
      model_type: modelType,
      model_id: modelId,
      collection_name: collectionName,
      file_name: fileName,
    })),
    more_media: more,
  };
}

function asLines({ blob, sources, media, more }: Found): string[] {
  const times = [
    `created ${blob.createdAt}`,
    blob.verifiedAt && `verified ${blob.verifiedAt}`,
    blob.orphanedAt && `without media since ${blob.orphanedAt}`,
    blob.keptUntil && `kept until ${blob.keptUntil}`,
  ];
  return [
    `sha256  ${blob.sha256}`,
    `md5     ${blob.md5}`,
    `size    ${formatBytes(blob.size)} (${blob.size} bytes)`,
    `type    ${mediaTypeOf(blob.mimeType)}, ${blob.mimeType}`,
    `state   ${blob.state}, ${times.filter(Boolean).join(', ')}`,
    ...sources.map((source) => `source  ${source}`),
    ...media.map(({ id, uuid, modelType, modelId, collectionName, fileName }) => `media   ${id} ${uuid}: ${modelType} ${modelId}, ${collectionName}, ${fileName}`),
    ...(more ? [`media   and more than these ${maxMedia}`] : []),
  ];
}
