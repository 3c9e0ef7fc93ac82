/** A row of the table of blobs as a record, for every store that gives records out. */
import type { Selectable } from 'kysely';
import type { BlobRecord } from './blob-records.js';
import type { BlobTable } from './sql-schema.js';

export function fromBlobRow(row: Selectable<BlobTable>): BlobRecord {
  return {
    sha256: row.sha256,
    md5: row.md5,
    size: Number(row.size),
    mimeType: row.mime,
    state: row.state,
    createdAt: row.created_at,
    orphanedAt: row.orphaned_at ?? undefined,
    keptUntil: row.kept_until ?? undefined,
    verifiedAt: row.verified_at ?? undefined,
  };
}
