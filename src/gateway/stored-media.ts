/**
 * How media are kept as text in the cache. A row is a list: the names of its columns would be half of it.
 * What is read is checked by hand: it is on the way of every read from the store.
 */
import type { Codec } from '../cache/flights.js';
import type { Media } from '../contract/generated/media/v1/Media.js';

/** All media of a query, by order column, then id; or, of more than can be listed, only how many. */
export interface ModelMedia {
  readonly total: number;
  readonly media: readonly Media[];
  /** What to show while there is none; empty: nothing. */
  readonly fallbackUrl: string;
}

/** Names the encoding below: change it with every change of what is stored, so that old entries are misses. */
export const mediaFormat = 'm4';

const columns = 21;

function toRow(media: Media): readonly (string | number)[] {
  const { id, model_type, model_id, uuid, collection_name, name, file_name, mime_type, disk, conversions_disk, size, manipulations, custom_properties } = media;
  const { generated_conversions, responsive_images, order_column, width, height, created_at, updated_at, sha256 } = media;
  return [
    id, model_type, model_id, uuid, collection_name, name, file_name, mime_type, disk, conversions_disk, size, manipulations, custom_properties,
    generated_conversions, responsive_images, order_column, width, height, created_at, updated_at, sha256,
  ];
}

/** By index: to take a list apart by iterating over it costs several times as much, of all that a read from the store costs a tenth. */
function fromRow(row: unknown): Media {
  const at = listOf(row);
  if (at.length !== columns) throw notStored();
  return {
    id: text(at[0]),
    model_type: text(at[1]),
    model_id: text(at[2]),
    uuid: text(at[3]),
    collection_name: text(at[4]),
    name: text(at[5]),
    file_name: text(at[6]),
    mime_type: text(at[7]),
    disk: text(at[8]),
    conversions_disk: text(at[9]),
    size: number(at[10]),
    manipulations: text(at[11]),
    custom_properties: text(at[12]),
    generated_conversions: text(at[13]),
    responsive_images: text(at[14]),
    order_column: number(at[15]),
    width: number(at[16]),
    height: number(at[17]),
    created_at: text(at[18]),
    updated_at: text(at[19]),
    sha256: text(at[20]),
  };
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw notStored();
  return value;
}

function number(value: unknown): number {
  if (typeof value !== 'number') throw notStored();
  return value;
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw notStored();
  return value;
}

function notStored(): Error {
  return new Error('not what is stored of media');
}

/** `decode` throws on what `encode` has not made. */
export const modelMediaCodec: Codec<ModelMedia> = {
  encode: ({ total, media, fallbackUrl }) => JSON.stringify([total, fallbackUrl, media.map(toRow)]),
  decode: (payload) => {
    const [total, fallbackUrl, rows] = listOf(JSON.parse(payload));
    return { total: number(total), media: listOf(rows).map(fromRow), fallbackUrl: text(fallbackUrl) };
  },
};
