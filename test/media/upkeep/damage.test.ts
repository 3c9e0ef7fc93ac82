/** Damage on disk, seen from outside the whole media service. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { access, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { placeOf } from '../../../src/media/bytes/blob-store.js';
import { unary } from '../../../src/runtime/grpc.js';
import { waitFor } from '../../support/wait.js';
import { Harness, methods } from '../harness.js';
import { png } from '../images.js';
import { flipped } from './world.js';

describe('a file whose bytes are damaged on disk', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await Harness.start();
  });
  afterAll(() => harness.close());

  const pathOf = (sha256: string): string => join(harness.dir.path, 'blobs', placeOf(sha256));
  const damage = async (sha256: string): Promise<void> => {
    const bytes = flipped(await readFile(pathOf(sha256)));
    await rm(pathOf(sha256));
    await writeFile(pathOf(sha256), bytes);
  };
  const urlOf = async (id: string): Promise<string> => (await unary(harness.client, methods.GetFileURLs, { ids: [id] }, 5_000)).results[0]?.url ?? '';
  const verify = (sha256: string) => unary(harness.client, methods.VerifyFile, { sha256 }, 5_000);
  const isAside = (sha256: string): Promise<boolean> => access(join(harness.dir.path, 'blobs', 'quarantine', sha256)).then(() => true, () => false);

  const refused = { code: 'NOT_FOUND', message: 'The bytes of this file are damaged.' };

  it.each([[1_000, refused], [400_000, 'cut off']])('of %s bytes is not served to its end, then not at all, until it is uploaded again', async (size, expected) => {
    const bytes = png(3, 3, randomBytes(size));
    const { id, sha256 } = await harness.upload({ collection_name: 'files' }, bytes);
    const url = await urlOf(id);
    await damage(sha256);
    const response = await fetch(url);
    expect(await (response.ok ? response.arrayBuffer().catch(() => 'cut off') : response.json())).toEqual(expected);
    await waitFor(() => isAside(sha256), { what: 'the bytes to be put aside' });
    for (const headers of [{}, { range: 'bytes=0-9' }]) expect((await fetch(url, { headers })).status).toBe(404);
    expect(await verify(sha256)).toMatchObject({ state: 'MISSING' });
    await harness.upload({ collection_name: 'files', model_id: '2' }, bytes);
    expect(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(bytes)).toBe(true);
    expect(await verify(sha256)).toMatchObject({ state: 'VERIFIED', size: bytes.length });
  });

  it('is found by a verification before anybody reads it', async () => {
    const { sha256 } = await harness.upload({ collection_name: 'files' }, png(3, 3, randomBytes(100)));
    expect(await verify(sha256)).toMatchObject({ state: 'VERIFIED' });
    await damage(sha256);
    expect(await verify(sha256)).toMatchObject({ state: 'CORRUPT' });
    expect(await isAside(sha256)).toBe(true);
    await expect(verify('a'.repeat(64))).rejects.toMatchObject({ details: 'There are no such bytes.' });
  });
});
