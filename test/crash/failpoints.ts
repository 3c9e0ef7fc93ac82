/**
 * The places at which a kill is certain to fall where it hurts: a build with these patches ends itself there, with SIGKILL, once a place is armed.
 * Invariant: a place that is armed kills once, and leaves a mark, so that a kill counts for a place only if it fell there.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Patch } from '../soak/patches.js';

/** Where in the life of a change a kill falls. */
export const moments = ['bytes in place, not committed', 'committed, not published', 'confirmed, not marked', 'in a deletion'] as const;
export type Moment = (typeof moments)[number];

export interface Failpoint {
  name: string;
  moment: Moment;
  file: string;
  /** The place is before, or behind, this text. */
  before?: string;
  behind?: string;
  /** Default always. Where the place is passed without anything to lose, the condition for there being something. */
  when?: string;
}

const addition = { file: 'media/library.ts', moment: 'bytes in place, not committed' } as const;
const removal = { file: 'media/rows/sql-blob-records.ts', moment: 'in a deletion' } as const;

export const failpoints: readonly Failpoint[] = [
  { name: 'bytes-in-place', ...addition, behind: 'await bytes.commit();' },
  { name: 'rows-written', moment: addition.moment, file: 'media/rows/sql-media-store.ts', behind: 'await noteOrphans(trx, replaced.hashes, now);' },
  { name: 'committed', moment: 'committed, not published', file: 'media/library.ts', behind: '() => bytes.commit(),\n    );' },
  { name: 'read-for-publishing', moment: 'committed, not published', file: 'media/outbox-relay.ts', before: 'const answer = await bus.publish(' },
  {
    name: 'confirmed',
    moment: 'confirmed, not marked',
    file: 'media/outbox-relay.ts',
    before: 'await outbox.markPublished(results.flat(), new Date());',
    when: 'results.flat().length > 0',
  },
  { name: 'deletion-marked', ...removal, behind: 'if (!isMarked) return false;' },
  { name: 'bytes-removed', ...removal, behind: 'await removeBytes();' },
];

/** The places in the source. They do nothing unless the process was started with `failpointEnv`. */
export function failpointPatches(): Patch[] {
  return failpoints.map(({ name, file, before, behind = '', when }) => {
    const original = before ?? behind;
    const place = `${when ? `if (${when}) ` : ''}(globalThis as { failpoint?: (name: string) => void }).failpoint?.('${name}');`;
    return { name, file, original, replacement: before === undefined ? `${original} ${place}` : `${place} ${original}` };
  });
}

/** What arms the places of a process that was started with `env`. */
export class Failpoints {
  readonly env: Readonly<Record<string, string>>;
  readonly #directory: string;

  /** `directory` is this one's own. */
  constructor(directory: string) {
    this.#directory = directory;
    this.env = { FAILPOINTS: directory, NODE_OPTIONS: `--import=${resolve('test/crash/die-at-failpoint.js')}` };
  }

  async arm(name: string): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    await writeFile(join(this.#directory, name), '');
  }

  /** Disarms it. False: it had killed. */
  async disarm(name: string): Promise<boolean> {
    return rm(join(this.#directory, name)).then(() => true, () => false);
  }
}
