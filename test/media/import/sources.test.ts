import { describe, expect, it } from '@jest/globals';
import { sourceLabel, sourceName, sourceNamed } from '../../../src/media/import/fetched-file.js';
import type { BlobRecord } from '../../../src/media/rows/blob-records.js';
import { urlSource } from '../../../src/media/rows/sources.js';
import type { SqlDatabase } from '../../../src/media/rows/sql-database.js';
import { createSqlMediaStore } from '../../../src/media/rows/sql-media-store.js';
import { createSqlSources } from '../../../src/media/rows/sql-sources.js';
import { describeSources } from '../../conformance/sources.js';
import { onBothDatabases } from '../both-databases.js';

const parts = (database: SqlDatabase) => ({
  sources: createSqlSources(database),
  store: createSqlMediaStore(database),
  setState: async (sha256: string, state: BlobRecord['state']) => {
    await database.db.updateTable('blobs').set({ state }).where('sha256', '=', sha256).execute();
  },
});

onBothDatabases(parts, (name, open) =>
  describeSources(name, async () => {
    const opened = await open();
    return { ...opened.instances[0], close: () => opened.close() };
  }),
);

describe('the name of a source', () => {
  it('is the same for all spellings of a URL, and has no fragment', () => {
    const spellings = ['https://files.example/a%20b.png', 'HTTPS://Files.Example:443/a b.png', 'https://files.example/x/../a b.png#page=2'];
    expect(spellings.map(urlSource)).toEqual(spellings.map(() => 'https://files.example/a%20b.png'));
    expect(urlSource('no URL')).toBe('no URL');
  });

  it('tells what it is the name of', () => {
    const url = { kind: 'url', url: 'https://files.example/a:b.png' } as const;
    const media = { kind: 'provider', provider: 'whatsapp', id: '2060:674', announcedAt: undefined } as const;
    expect([url, media].map((source) => sourceNamed(sourceName(source)))).toEqual([url, media]);
    expect(sourceNamed('nothing')).toBeUndefined();
  });

  it('is shown in the log without what may hold a secret', () => {
    expect(sourceLabel({ kind: 'url', url: 'https://files.example/a.png?token=secret#x' })).toBe('https://files.example/a.png');
  });
});
