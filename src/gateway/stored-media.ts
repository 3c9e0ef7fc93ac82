/** How media are kept as text in the cache. A row is a list: the names of its columns would be half of it. */
import { z } from 'zod';
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
export const mediaFormat = 'm3';

const [text, number] = [z.string(), z.number()];
const names = z.tuple([text, text, text, text, text, text, text, text]);
const storage = z.tuple([text, text, number]);
const json = z.tuple([text, text, text, text]);
const rest = z.tuple([number, number, number, text, text, text]);
const storedRow = z.tuple([names, storage, json, rest]);

type StoredRow = z.infer<typeof storedRow>;

function toRow(media: Media): StoredRow {
  const { id, model_type, model_id, uuid, collection_name, name, file_name, mime_type, disk, conversions_disk, size } = media;
  const { manipulations, custom_properties, generated_conversions, responsive_images } = media;
  const { order_column, width, height, created_at, updated_at, sha256 } = media;
  return [
    [id, model_type, model_id, uuid, collection_name, name, file_name, mime_type],
    [disk, conversions_disk, size],
    [manipulations, custom_properties, generated_conversions, responsive_images],
    [order_column, width, height, created_at, updated_at, sha256],
  ];
}

/** By index: to take a list apart by iterating over it costs several times as much, of all that a read from the store costs a tenth. */
function fromRow([about, files, texts, others]: StoredRow): Media {
  return {
    id: about[0],
    model_type: about[1],
    model_id: about[2],
    uuid: about[3],
    collection_name: about[4],
    name: about[5],
    file_name: about[6],
    mime_type: about[7],
    disk: files[0],
    conversions_disk: files[1],
    size: files[2],
    manipulations: texts[0],
    custom_properties: texts[1],
    generated_conversions: texts[2],
    responsive_images: texts[3],
    order_column: others[0],
    width: others[1],
    height: others[2],
    created_at: others[3],
    updated_at: others[4],
    sha256: others[5],
  };
}

const stored = z.tuple([number, text, z.array(storedRow)]);

/** `decode` throws on what `encode` has not made. */
export const modelMediaCodec: Codec<ModelMedia> = {
  encode: ({ total, media, fallbackUrl }) => JSON.stringify([total, fallbackUrl, media.map(toRow)]),
  decode: (payload) => {
    const [total, fallbackUrl, rows] = stored.parse(JSON.parse(payload));
    return { total, media: rows.map(fromRow), fallbackUrl };
  },
};
