/** A row of the media table as a Media, for every store that gives media out; and what may name a row. */
import type { Selectable } from 'kysely';
import type { Media } from './media-store.js';
import type { MediaTable } from './sql-schema.js';

export type MediaRow = Selectable<MediaTable>;

/** Undefined for what is no id: it is simply not found. */
export function idNumber(id: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(id) ? Number(id) : undefined;
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

export function fromRow(row: MediaRow): Media {
  return {
    id: String(row.id),
    modelType: row.model_type,
    modelId: row.model_id,
    uuid: row.uuid,
    collectionName: row.collection_name,
    name: row.name,
    fileName: row.file_name,
    mimeType: row.mime_type,
    disk: row.disk,
    conversionsDisk: row.conversions_disk,
    size: Number(row.size),
    manipulations: row.manipulations,
    customProperties: row.custom_properties,
    generatedConversions: row.generated_conversions,
    responsiveImages: row.responsive_images,
    orderColumn: Number(row.order_column),
    width: Number(row.width),
    height: Number(row.height),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    sha256: row.sha256,
  };
}
