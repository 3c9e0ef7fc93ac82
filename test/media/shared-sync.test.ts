import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SharedSync } from '../../src/media/rows/shared-sync.js';
import { tempDir } from '../support/wait.js';

let directory: Awaited<ReturnType<typeof tempDir>>;
beforeEach(async () => void (directory = await tempDir('shared-sync')));
afterEach(() => directory.remove());

describe('a file that several writers bring to disk together', () => {
  it('has nothing to wait for before anything was written, and each written part once', async () => {
    const path = join(directory.path, 'log');
    await writeFile(path, 'a frame');
    const log = await SharedSync.open(path);
    await log.synced();
    for (let frame = 0; frame < 100; frame += 1) log.written();
    await log.synced();
    log.written();
    await expect(log.synced()).resolves.toBeUndefined();
    await log.close();
  });

  it('trusts a disk no more that has failed once: what was lost then, no later sync brings back', async () => {
    // A pipe can be opened and cannot be synced.
    const path = join(directory.path, 'pipe');
    await promisify(execFile)('mkfifo', [path]);
    const log = await SharedSync.open(path);
    await log.synced();
    log.written();
    await expect(log.synced()).rejects.toThrow('EINVAL');
    log.written();
    await expect(log.synced()).rejects.toThrow('EINVAL');
    await log.close();
  });
});
