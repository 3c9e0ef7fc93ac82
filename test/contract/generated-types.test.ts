import { describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '../support/wait.js';

function filesOf(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  return Object.fromEntries(files.toSorted().map((file) => [file, readFileSync(join(directory, file), 'utf8')]));
}

describe('the gRPC types', () => {
  it('are those that `npm run generate` makes of proto/', async () => {
    const directory = await tempDir('generated');
    try {
      execFileSync(process.execPath, ['scripts/generate.js', directory.path], { stdio: 'pipe' });
      expect(filesOf('src/contract/generated')).toEqual(filesOf(directory.path));
    } finally {
      await directory.remove();
    }
  });
});
