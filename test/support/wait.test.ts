import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, expect } from '@jest/globals';
import { tempDir, waitFor } from './wait.js';

describe('waitFor', () => {
  it('returns the first truthy value, and takes an error for "not yet"', async () => {
    let calls = 0;
    const condition = () => {
      calls += 1;
      if (calls === 1) throw new Error('early');
      return calls === 2 ? undefined : { calls };
    };
    expect(await waitFor(condition, { what: 'the third call' })).toEqual({ calls: 3 });
  });

  it.each([
    ['the last value', () => 0, 'waited 50 ms for it: last value 0'],
    ['the last error', () => Promise.reject(new Error('refused')), 'waited 50 ms for it: last error refused'],
    ['that nothing came, when a call hangs', () => new Promise(() => {}), 'waited 50 ms for it: no answer to the first call'],
  ])('gives up with %s', async (_, condition, message) => {
    await expect(waitFor<unknown>(condition, { what: 'it', timeoutMs: 50 })).rejects.toThrow(message);
  });

  it('ends at once when its signal aborts, also during a call that hangs', async () => {
    const controller = new AbortController();
    const wait = waitFor(() => new Promise<boolean>(() => {}), { what: 'nothing', signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(wait).rejects.toThrow('enough');
  });
});

describe('tempDir', () => {
  it('is removed with what is in it', async () => {
    const dir = await tempDir();
    await writeFile(join(dir.path, 'file'), 'x');
    await dir.remove();
    expect(existsSync(dir.path)).toBe(false);
  });
});
