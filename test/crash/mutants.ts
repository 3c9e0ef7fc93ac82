/** Media services without one of their guarantees, to show that the proof would notice. Each fits the source after the places of failpoints.ts. */
import type { Patch } from '../soak/patches.js';

export interface Mutant {
  name: string;
  patches: readonly Patch[];
}

function mutant(name: string, ...changes: readonly Omit<Patch, 'name'>[]): Mutant {
  return { name, patches: changes.map((change) => ({ name, ...change })) };
}

export const mutants: readonly Mutant[] = [
  mutant('row-before-bytes', { file: 'media/library.ts', original: 'await bytes.commit();', replacement: '' }, {
    file: 'media/library.ts',
    original: '() => bytes.commit(),\n    );',
    replacement: '() => Promise.resolve(),\n    );\n    await new Promise((resolve) => setTimeout(resolve, 20));\n    await bytes.commit();',
  }),
  mutant('event-outside-the-transaction', {
    file: 'media/rows/sql-media-store.ts',
    original: 'await appendToOutbox(trx, events, now);',
    replacement: 'setTimeout(() => void this.#database.transaction((later) => appendToOutbox(later, events, now)), 5);',
  }),
  mutant('marked-before-the-confirm', {
    file: 'media/outbox-relay.ts',
    original: 'const results = await Promise.all(',
    replacement: 'await outbox.markPublished(events.map(({ id }) => id), now);\n      const results = await Promise.all(',
  }),
  mutant(
    'shared-bytes-removed',
    {
      file: 'media/rows/sql-blobs.ts',
      original: ".where('sha256', 'not in', trx.selectFrom('media').select('sha256').where('sha256', 'in', hashes))",
      replacement: '',
    },
    {
      file: 'media/rows/sql-blob-records.ts',
      original: "blob.not(blob.exists(blob.selectFrom('media').select('media.id').whereRef('media.sha256', '=', 'blobs.sha256'))),",
      replacement: '',
    },
  ),
];
